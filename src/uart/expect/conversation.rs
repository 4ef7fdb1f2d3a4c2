//! The state of the [`Conversation`] with a board, which all handles share: what was sent last, and
//! whether it was answered.

use crate::uart::transcript::Position;

/// The longest line that is recognized by its echo.
const LONGEST_ECHO: usize = 4 << 10;

/// The number of bytes that a message shows of what was sent.
const MOST_SHOWN: usize = 80;

/// The last line sent, its answer, and the board's echo.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    sent: Option<Sent>,
    /// The segment of the output in which the board's echo was last seen or missed, and whether
    /// the board echoes.
    echoes: Option<(usize, bool)>,
    /// The segment of the output, and the line of its first prompt up to the prompt's end.
    prompt_line: Option<(usize, Vec<u8>)>,
}

/// The last bytes sent.
#[derive(Debug, Clone)]
struct Sent {
    /// The end of the output when they were sent.
    at: Position,
    /// Their last line, if they ended with a line end.
    line: Vec<u8>,
    /// The last of them, as many as a message shows.
    end: Vec<u8>,
    /// True if a `run` has sent them.
    is_command: bool,
    /// The end of the prompt that ended the answer.
    answered: Option<Position>,
}

/// The state of the conversation before the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Before {
    /// The last command has been answered; the prompt ends here.
    Answered(Position),
    /// The board was started here, and nothing has been sent since.
    Started(Position),
    /// This line was sent here; it is empty if its echo cannot be recognized.
    Sent {
        at: Position,
        line: Vec<u8>,
        is_command: bool,
    },
}

impl Conversation {
    /// Records that `bytes` are about to be sent, while the output ends at `at`.
    pub(crate) fn note_sent(&mut self, at: Position, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.sent = Some(Sent {
                at,
                line: last_line(bytes).to_vec(),
                end: bytes[bytes.len().saturating_sub(MOST_SHOWN)..].to_vec(),
                is_command: false,
                answered: None,
            });
        }
    }

    /// Returns the end of the output when bytes were last sent.
    pub(crate) fn sent_at(&self) -> Option<u64> {
        Some(self.sent.as_ref()?.at.offset)
    }

    /// Returns the last line that was sent, without its end; it is empty if its echo cannot be recognized.
    pub(crate) fn sent_line(&self) -> Option<&[u8]> {
        Some(&self.sent.as_ref()?.line)
    }

    /// Returns the last bytes that were sent, with the line end.
    pub(crate) fn sent_end(&self) -> &[u8] {
        self.sent.as_ref().map_or(b"", |sent| &sent.end)
    }

    /// Returns the last bytes that were sent since the board was started at `start`, if any were.
    pub(crate) fn sent_end_since(&self, start: Position) -> Option<&[u8]> {
        let sent = self.sent.as_ref().filter(|sent| sent.at >= start)?;
        Some(&sent.end)
    }

    /// Records that the last bytes sent are a command of `run`.
    pub(crate) fn note_command(&mut self) {
        if let Some(sent) = &mut self.sent {
            sent.is_command = true;
        }
    }

    /// Records the answer to what was sent at `at` or before; its prompt ends at `end`.
    pub(crate) fn note_answered(&mut self, at: Position, end: Position) {
        if let Some(sent) = &mut self.sent
            && sent.at <= at
        {
            sent.answered = Some(end);
        }
    }

    /// Returns the state before the next command; the board was started at `start`.
    pub(crate) fn before(&self, start: Position) -> Before {
        match &self.sent {
            Some(sent) if sent.at >= start => match sent.answered {
                Some(end) => Before::Answered(end),
                None => Before::Sent {
                    at: sent.at,
                    line: sent.line.clone(),
                    is_command: sent.is_command,
                },
            },
            _ => Before::Started(start),
        }
    }

    /// Records that `line` ends with the board's first prompt in `segment`.
    pub(crate) fn note_prompt(&mut self, segment: usize, line: Vec<u8>) {
        self.prompt_line = Some((segment, line));
    }

    /// Returns the line that ends with the first prompt in `segment`, or an empty one if unknown.
    pub(crate) fn prompt_line(&self, segment: usize) -> &[u8] {
        match &self.prompt_line {
            Some((seen, line)) if *seen == segment => line,
            _ => b"",
        }
    }

    /// Records whether the board was seen to echo in `segment`.
    pub(crate) fn learn(&mut self, segment: usize, echoes: bool) {
        self.echoes = Some((segment, echoes));
    }

    /// Returns whether the board echoes, if that was seen in `segment`.
    pub(crate) fn echoes(&self, segment: usize) -> Option<bool> {
        self.echoes
            .filter(|(seen, _)| *seen == segment)
            .map(|(_, echoes)| echoes)
    }
}

/// Returns the last line of `bytes`, or an empty one if they do not end with a line end.
fn last_line(bytes: &[u8]) -> &[u8] {
    let ends = bytes.iter().rev().take_while(|byte| is_end(byte)).count();
    let text = &bytes[..bytes.len() - ends];
    let start = text.iter().rposition(is_end).map_or(0, |at| at + 1);
    match &text[start..] {
        line if ends > 0 && line.len() <= LONGEST_ECHO => line,
        _ => b"",
    }
}

fn is_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_ends_at_every_kind_of_line_end() {
        for (bytes, line) in [
            ("ping\n", "ping"),
            ("one\r\ntwo\r\n", "two"),
            ("\x03", ""),
            ("one\ntw", ""),
            ("\r", ""),
        ] {
            assert_eq!(last_line(bytes.as_bytes()), line.as_bytes(), "{bytes:?}");
        }
        let long = [b'x'; LONGEST_ECHO + 1];
        assert_eq!(last_line(&[&long[..], b"\n"].concat()), b"");
    }

    #[test]
    fn a_start_of_the_board_ends_the_conversation() {
        let at = |segment, offset| Position { segment, offset };
        let mut conversation = Conversation::default();
        assert_eq!(conversation.before(at(0, 0)), Before::Started(at(0, 0)));
        conversation.note_sent(at(0, 5), b"ping\n");
        conversation.note_command();
        let line = b"ping".to_vec();
        let is_command = true;
        let sent = at(0, 5);
        let before = Before::Sent {
            at: sent,
            line,
            is_command,
        };
        assert_eq!(conversation.before(at(0, 0)), before);
        conversation.note_answered(at(0, 4), at(0, 9));
        assert_eq!(
            conversation.before(at(0, 0)),
            before,
            "that was an earlier command"
        );
        conversation.note_answered(at(0, 5), at(0, 9));
        assert_eq!(conversation.before(at(0, 0)), Before::Answered(at(0, 9)));
        assert_eq!(conversation.before(at(1, 12)), Before::Started(at(1, 12)));
        conversation.learn(0, true);
        assert_eq!(
            (conversation.echoes(0), conversation.echoes(1)),
            (Some(true), None)
        );
    }
}

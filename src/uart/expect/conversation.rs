//! What is known of the conversation with a board, whichever handle leads it.

use crate::uart::transcript::Position;

/// So much of a line is known by its echo.
const LONGEST_ECHO: usize = 4 << 10;

/// What was sent last, how far it is answered, and whether the board echoes.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    sent: Option<Sent>,
    /// Whether the board echoes, and the segment of the output in which that was seen.
    echoes: Option<(usize, bool)>,
    /// The line in which the first prompt since the board's start stood, up to the prompt's end,
    /// and the segment of the output that began then.
    prompt_line: Option<(usize, Vec<u8>)>,
}

#[derive(Debug, Clone)]
struct Sent {
    /// The end of the output then.
    at: Position,
    /// The last line of it, if it ended with a line end.
    line: Vec<u8>,
    /// A `run` has sent it.
    is_command: bool,
    /// Behind the prompt that ended its answer.
    answered: Option<Position>,
}

/// Why, and from where on, a board may be ready for the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Before {
    /// The last command has been answered; its prompt ends here.
    Answered(Position),
    /// The board was started here, and nothing has been sent since.
    Started(Position),
    /// This line was sent here; it is empty if its echo cannot be told.
    Sent {
        at: Position,
        line: Vec<u8>,
        is_command: bool,
    },
}

impl Conversation {
    /// `bytes` are about to be sent; the output ends at `at`.
    pub(crate) fn note_sent(&mut self, at: Position, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.sent = Some(Sent {
                at,
                line: last_line(bytes).to_vec(),
                is_command: false,
                answered: None,
            });
        }
    }

    /// Where the output ended when something was sent last.
    pub(crate) fn sent_at(&self) -> Option<u64> {
        Some(self.sent.as_ref()?.at.offset)
    }

    /// What was sent last is a command of `run`.
    pub(crate) fn note_command(&mut self) {
        if let Some(sent) = &mut self.sent {
            sent.is_command = true;
        }
    }

    /// What was sent at `at` or before it has been answered; the prompt ends at `end`.
    pub(crate) fn note_answered(&mut self, at: Position, end: Position) {
        if let Some(sent) = &mut self.sent
            && sent.at <= at
        {
            sent.answered = Some(end);
        }
    }

    /// What there was before the next command; the board was started at `start`.
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

    /// The board's first prompt stands at the end of `line`.
    pub(crate) fn note_prompt(&mut self, segment: usize, line: Vec<u8>) {
        self.prompt_line = Some((segment, line));
    }

    /// The line in which the board's first prompt stood in `segment`, if that is known.
    pub(crate) fn prompt_line(&self, segment: usize) -> &[u8] {
        match &self.prompt_line {
            Some((seen, line)) if *seen == segment => line,
            _ => b"",
        }
    }

    /// The board has been seen to echo, or not to, in `segment` of its output.
    pub(crate) fn learn(&mut self, segment: usize, echoes: bool) {
        self.echoes = Some((segment, echoes));
    }

    /// Whether the board echoes, if that has been seen in `segment`.
    pub(crate) fn echoes(&self, segment: usize) -> Option<bool> {
        self.echoes
            .filter(|(seen, _)| *seen == segment)
            .map(|(_, echoes)| echoes)
    }
}

/// The last of the lines that `bytes` end with; nothing if they end within one.
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
    fn the_last_line_is_known_by_its_end() {
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
    fn what_was_before_the_boards_start_is_nothing() {
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

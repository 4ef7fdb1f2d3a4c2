//! What is waited for after something was sent: its echo, or a command's output.

use std::ops::Range;

use super::line::too_long;
use super::set::Set;
use crate::runtime::ByteSet;
use crate::uart::chunk::{Piece, View};
use crate::uart::error::ExpectError;
use crate::uart::pattern::{Pattern, PatternError};
use crate::uart::port::Shared;
use crate::uart::search::Stretch;
use crate::uart::split::Splitter;
use crate::uart::stops::LINE_ENDS;
use crate::uart::wait::{Done, Search};

/// The echo of a line that was sent: the first line that ends with it.
pub(in crate::uart) struct Echo {
    line: Vec<u8>,
    lines: Splitter,
}

impl Echo {
    pub(in crate::uart) fn new(line: &[u8]) -> Self {
        Self {
            line: line.to_vec(),
            lines: Splitter::default(),
        }
    }
}

impl Search for Echo {
    type Output = ();

    fn restart(&mut self, _at: u64) {
        self.lines.restart();
    }

    fn stops(&self) -> ByteSet {
        ByteSet::of(LINE_ENDS)
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &Shared) -> Result<Option<Done<()>>, ExpectError> {
        let Self { line, lines } = self;
        let found = lines.feed(piece, |heard| {
            heard.bytes.ends_with(line).then_some(Done {
                output: (),
                end: heard.end + 1,
                after_cr: heard.after_cr,
            })
        });
        match (&found, self.lines.too_long()) {
            (None, Some(start)) => Err(too_long(uart, self.describe(), start)),
            _ => Ok(found),
        }
    }

    fn describe(&self) -> String {
        format!(
            "send_line_echoed(\"{}\"), waiting for the echo,",
            self.line.escape_ascii()
        )
    }
}

/// What comes after something was sent, up to the next prompt that is not part of its echo.
struct UpToPrompt {
    sent: Vec<u8>,
    prompt: Set,
    echo: EchoSoFar,
}

/// How much of a command has come back before anything else.
#[derive(Default)]
struct EchoSoFar {
    bytes: usize,
    end: u64,
    over: bool,
}

impl EchoSoFar {
    fn follow(&mut self, command: &[u8], piece: Piece<'_>) {
        if self.over {
            return;
        }
        // The end of the prompt before may come late: blanks, most often.
        let heard = match self.bytes {
            0 => piece.bytes.trim_ascii_start(),
            _ => piece.bytes,
        };
        let expected = command.trim_ascii_start()[self.bytes..].iter();
        let same = expected.zip(heard).take_while(|(a, b)| a == b).count();
        self.bytes += same;
        self.end = piece.end() - (heard.len() - same) as u64;
        self.over = same < heard.len();
    }
}

impl UpToPrompt {
    fn new(sent: &[u8], prompt: Pattern) -> Result<Self, PatternError> {
        Ok(Self {
            sent: sent.to_vec(),
            prompt: Set::new(vec![prompt], View::Text)?,
            echo: EchoSoFar::default(),
        })
    }

    fn restart(&mut self, at: u64) {
        self.prompt.restart(at);
        self.echo = EchoSoFar::default();
    }

    /// Where the prompt is.
    fn feed(
        &mut self,
        mut piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Range<u64>>, ExpectError> {
        self.echo.follow(&self.sent, piece);
        while let Some((_, found)) = self.prompt.feed(piece, uart)? {
            if found.end > self.echo.end {
                return Ok(Some(found.output.range.start..found.end));
            }
            piece = piece.skip((found.end - piece.offset) as usize);
            self.prompt.restart(found.end);
        }
        Ok(None)
    }
}

/// The prompt at which a board that has been sent something takes the next command.
pub(in crate::uart) struct Ready {
    reply: UpToPrompt,
    command: Vec<u8>,
}

impl Ready {
    /// `sent` is what was sent last, `command` what is to be sent next.
    pub(in crate::uart) fn new(
        sent: &[u8],
        command: &[u8],
        prompt: Pattern,
    ) -> Result<Self, PatternError> {
        Ok(Self {
            reply: UpToPrompt::new(sent, prompt)?,
            command: command.to_vec(),
        })
    }
}

impl Search for Ready {
    type Output = ();

    fn restart(&mut self, at: u64) {
        self.reply.restart(at);
    }

    fn stops(&self) -> ByteSet {
        self.reply.prompt.stops()
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &Shared) -> Result<Option<Done<()>>, ExpectError> {
        let prompt = self.reply.feed(piece, uart)?;
        Ok(prompt.map(|prompt| Done {
            output: (),
            end: prompt.end,
            after_cr: false,
        }))
    }

    fn hint(&self, _uart: &Shared, _from: u64) -> Option<String> {
        let since = match self.reply.sent.as_slice() {
            [] => "the board was started".to_owned(),
            sent => format!("\"{}\" was sent", sent.escape_ascii()),
        };
        Some(format!(
            "no prompt has come since {since}; if none follows that, use send_line and expect instead of run"
        ))
    }

    fn describe(&self) -> String {
        format!(
            "run(\"{}\"), waiting for the prompt {} before it sends,",
            self.command.escape_ascii(),
            self.reply.prompt.sources()
        )
    }
}

/// What a command puts out.
pub(in crate::uart) struct Output {
    reply: UpToPrompt,
    from: u64,
}

impl Output {
    pub(in crate::uart) fn new(command: &[u8], prompt: Pattern) -> Result<Self, PatternError> {
        Ok(Self {
            reply: UpToPrompt::new(command, prompt)?,
            from: 0,
        })
    }

    /// The output without the echo of the command before it and the end of its last line.
    fn trimmed(&self, output: &[u8]) -> String {
        let end = memchr::memchr2(b'\r', b'\n', output).unwrap_or(output.len());
        let is_echo = |line: &[u8]| {
            let before = line.strip_suffix(self.reply.sent.as_slice());
            before.is_some_and(|before| before.trim_ascii().is_empty())
        };
        let output = match output.split_at(end) {
            (line, rest) if is_echo(line) => {
                let returns = rest.iter().take_while(|b| **b == b'\r').count();
                let rest = &rest[returns..];
                rest.strip_prefix(b"\n").unwrap_or(rest)
            }
            _ => output,
        };
        let text = String::from_utf8_lossy(output);
        text.trim_end_matches(['\r', '\n']).to_owned()
    }
}

impl Search for Output {
    type Output = String;

    fn restart(&mut self, at: u64) {
        self.reply.restart(at);
        self.from = at;
    }

    fn stops(&self) -> ByteSet {
        self.reply.prompt.stops()
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<String>>, ExpectError> {
        let Some(prompt) = self.reply.feed(piece, uart)? else {
            return Ok(None);
        };
        let before = Stretch {
            transcript: &uart.transcript,
            range: self.from..prompt.start,
            view: View::Text,
        };
        Ok(Some(Done {
            output: self.trimmed(&before.bytes()?),
            end: prompt.end,
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        format!(
            "run(\"{}\"), waiting for the prompt {},",
            self.reply.sent.escape_ascii(),
            self.reply.prompt.sources()
        )
    }
}

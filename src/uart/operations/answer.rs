//! What is waited for after something was sent: its echo, or a command's output.

use super::line::too_long;
use super::set::Set;
use crate::uart::chunk::{Piece, View};
use crate::uart::error::ExpectError;
use crate::uart::pattern::{Pattern, PatternError};
use crate::uart::port::Shared;
use crate::uart::search::Stretch;
use crate::uart::split::Splitter;
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

/// What a command puts out, up to the next prompt.
pub(in crate::uart) struct Output {
    command: Vec<u8>,
    prompt: Set,
}

impl Output {
    pub(in crate::uart) fn new(
        command: &[u8],
        prompt: Option<Pattern>,
    ) -> Result<Self, PatternError> {
        let prompt = prompt.ok_or(PatternError::NoPrompt)?;
        Ok(Self {
            command: command.to_vec(),
            prompt: Set::new(vec![prompt], View::Text)?,
        })
    }

    /// The output without the echo of the command before it and the end of its last line.
    fn trimmed(&self, output: &[u8]) -> String {
        let end = memchr::memchr2(b'\r', b'\n', output).unwrap_or(output.len());
        let output = match &output[..end] {
            echo if !echo.is_empty() && echo.ends_with(&self.command) => {
                let rest = &output[end..];
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
        self.prompt.restart(at);
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<String>>, ExpectError> {
        let Some((_, found)) = self.prompt.feed(piece, uart)? else {
            return Ok(None);
        };
        let before = Stretch {
            transcript: &uart.transcript,
            range: found.output.from..found.output.range.start,
            view: View::Text,
        };
        Ok(Some(Done {
            output: self.trimmed(&before.bytes()?),
            end: found.end,
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        format!(
            "run(\"{}\"), waiting for the prompt {},",
            self.command.escape_ascii(),
            self.prompt.sources()
        )
    }
}

//! What is waited for after something was sent: its echo, or a command's output.

use std::ops::{ControlFlow, Range};

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

/// What a command puts out, up to the next prompt that is not part of its echo.
pub(in crate::uart) struct Output {
    command: Vec<u8>,
    prompt: Set,
    from: u64,
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
        let expected = command[self.bytes..].iter();
        let same = expected
            .zip(piece.bytes)
            .take_while(|(a, b)| a == b)
            .count();
        self.bytes += same;
        self.end = piece.offset + same as u64;
        self.over = same < piece.bytes.len();
    }
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
            from: 0,
            echo: EchoSoFar::default(),
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
        self.from = at;
        self.echo = EchoSoFar::default();
    }

    fn stops(&self) -> ByteSet {
        self.prompt.stops()
    }

    fn feed(
        &mut self,
        mut piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<String>>, ExpectError> {
        self.echo.follow(&self.command, piece);
        while let Some((_, found)) = self.prompt.feed(piece, uart)? {
            if found.end > self.echo.end {
                let before = Stretch {
                    transcript: &uart.transcript,
                    range: self.from..found.output.range.start,
                    view: View::Text,
                };
                return Ok(Some(Done {
                    output: self.trimmed(&before.bytes()?),
                    end: found.end,
                    after_cr: false,
                }));
            }
            piece = piece.skip((found.end - piece.offset) as usize);
            self.prompt.restart(found.end);
        }
        Ok(None)
    }

    fn describe(&self) -> String {
        format!(
            "run(\"{}\"), waiting for the prompt {},",
            self.command.escape_ascii(),
            self.prompt.sources()
        )
    }
}

/// Whether `pattern` matches in what stands in `range`.
pub(in crate::uart) fn occurs(
    pattern: &Pattern,
    range: Range<u64>,
    uart: &Shared,
) -> Result<bool, ExpectError> {
    let mut set = Set::new(vec![pattern.clone()], View::Text)?;
    set.restart(range.start);
    let stretch = Stretch {
        transcript: &uart.transcript,
        range,
        view: View::Text,
    };
    let found = stretch.forwards(|piece| match set.feed(piece, uart) {
        Ok(None) => ControlFlow::Continue(()),
        found => ControlFlow::Break(found),
    })?;
    Ok(found.transpose()?.is_some())
}

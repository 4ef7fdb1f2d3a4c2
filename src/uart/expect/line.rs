//! Complete lines: [`ExpectLine`] and [`ReadLine`].

use std::sync::Arc;

use super::set::quoted;
use crate::runtime::Stops;
use crate::uart::error::{UartError, UartErrorKind};
use crate::uart::expect::hint::hint;
use crate::uart::expect::matched::Match;
use crate::uart::expect::wait::{Found, Matcher};
use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::stops::{line_ends, line_stops};
use crate::uart::pattern::stream::in_lines;
use crate::uart::pattern::{Groups, IntoPattern, Pattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::slice::TranscriptSlice;
use crate::uart::transcript::split::{LONGEST_LINE, Line, Splitter};

/// The matcher of `expect_line`.
pub(crate) struct ExpectLine {
    pattern: Pattern,
    lines: Splitter,
    from: u64,
}

impl ExpectLine {
    pub(crate) fn new(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        let pattern = in_lines(pattern)?;
        Ok(Self {
            pattern,
            lines: Splitter::default(),
            from: 0,
        })
    }
}

impl Matcher for ExpectLine {
    type Output = Match;

    fn restart(&mut self, at: u64) {
        self.from = at;
        self.lines.restart();
    }

    fn stops(&self) -> Stops {
        line_stops(&self.pattern)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Match>>, UartError> {
        let Self {
            pattern,
            lines,
            from,
        } = self;
        let found = lines.feed(piece, |line| match pattern.find(line.bytes) {
            Ok(None) => None,
            Ok(Some(groups)) => Some(matched(pattern, &line, groups, *from, uart)),
            Err(e) => Some(Err(e.into())),
        });
        or_too_long(found, &self.lines, uart, || self.describe())?.transpose()
    }

    fn hint(&self, uart: &UartState, from: u64) -> Option<String> {
        hint(uart, &self.pattern, true, from)
    }

    fn describe(&self) -> String {
        format!("expect_line({})", quoted(&self.pattern))
    }
}

fn matched(
    pattern: &Pattern,
    line: &Line<'_>,
    groups: Groups,
    from: u64,
    uart: &UartState,
) -> Result<Found<Match>, UartError> {
    let whole = groups.first().cloned().flatten().unwrap_or(0..0);
    let slice = TranscriptSlice {
        transcript: &uart.transcript,
        range: line.start..line.end,
        view: View::Text,
    };
    let plain = line.end - line.start == line.bytes.len() as u64;
    let range = match plain {
        true => line.start + whole.start as u64..line.start + whole.end as u64,
        false => slice.place(line.bytes.len(), whole)?,
    };
    Ok(Found {
        output: Match {
            transcript: Arc::clone(&uart.transcript),
            pattern: pattern.clone(),
            text: line.bytes.to_vec(),
            range,
            groups,
            from,
            is_line: true,
            report: uart.settings.report.clone(),
        },
        end: line.end + 1,
        after_cr: line.after_cr,
    })
}

/// Returns what was `found` in `lines`; if that is nothing, a line that is too long is an error.
pub(super) fn or_too_long<T>(
    found: Option<T>,
    lines: &Splitter,
    uart: &UartState,
    wanted: impl FnOnce() -> String,
) -> Result<Option<T>, UartError> {
    match (found, lines.too_long()) {
        (None, Some(start)) => {
            let limit = LONGEST_LINE;
            let kind = UartErrorKind::LineTooLong { start, limit };
            Err(UartError::new(&uart.name, wanted(), kind))
        }
        (found, _) => Ok(found),
    }
}

/// The matcher of `read_line`.
#[derive(Default)]
pub(crate) struct ReadLine {
    lines: Splitter,
}

impl Matcher for ReadLine {
    type Output = String;

    fn restart(&mut self, _at: u64) {
        self.lines.restart();
    }

    fn stops(&self) -> Stops {
        line_ends()
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<String>>, UartError> {
        let found = self.lines.feed(piece, |line| {
            Some(Found {
                output: lossy(line.bytes).into_owned(),
                end: line.end + 1,
                after_cr: line.after_cr,
            })
        });
        or_too_long(found, &self.lines, uart, || self.describe())
    }

    fn describe(&self) -> String {
        "read_line()".to_owned()
    }
}

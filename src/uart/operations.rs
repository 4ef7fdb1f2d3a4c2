//! What the reading operations look for: one search each.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Piece, View};
use super::error::ExpectError;
use super::line::{LONGEST_LINE, Line, Lines};
use super::matched::Match;
use super::pattern::{Groups, IntoPattern, Pattern, PatternError};
use super::port::Shared;
use super::search::{Engine, Located, Stretch};
use super::wait::{Done, Search};

/// Several patterns on one stream, looked for at once.
struct Set {
    patterns: Vec<(Pattern, Engine)>,
    view: View,
    from: u64,
}

impl Set {
    fn new(patterns: Vec<Pattern>, view: View) -> Result<Self, PatternError> {
        let with_engine = |pattern: Pattern| {
            let engine = Engine::new(&pattern)?;
            Ok((pattern, engine))
        };
        Ok(Self {
            patterns: patterns
                .into_iter()
                .map(with_engine)
                .collect::<Result<_, _>>()?,
            view,
            from: 0,
        })
    }

    fn restart(&mut self, at: u64) {
        self.from = at;
        for (_, engine) in &mut self.patterns {
            engine.restart();
        }
    }

    /// The earliest match of any; of those with the same end that of the first pattern.
    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<(usize, Done<Match>)>, ExpectError> {
        let mut first = None;
        let mut bytes = piece.bytes;
        for (index, (_, engine)) in self.patterns.iter_mut().enumerate() {
            if let Some(end) = engine.feed(bytes)? {
                first = Some((index, end));
                bytes = &bytes[..end - 1];
            }
            if bytes.is_empty() {
                break;
            }
        }
        let Some((index, end)) = first else {
            return Ok(None);
        };
        let found = self.locate(index, piece.offset + end as u64, uart, false)?;
        Ok(Some((index, found)))
    }

    fn finish(
        &mut self,
        end: u64,
        uart: &Shared,
    ) -> Result<Option<(usize, Done<Match>)>, ExpectError> {
        for index in 0..self.patterns.len() {
            if self.patterns[index].1.finish()? {
                return Ok(Some((index, self.locate(index, end, uart, true)?)));
            }
        }
        Ok(None)
    }

    fn locate(
        &mut self,
        index: usize,
        end: u64,
        uart: &Shared,
        eof: bool,
    ) -> Result<Done<Match>, ExpectError> {
        let (pattern, engine) = &mut self.patterns[index];
        let stretch = Stretch {
            transcript: &uart.transcript,
            range: self.from..end,
            view: self.view,
        };
        let Located { text, groups } = engine.locate(&stretch, eof)?;
        let back = |offset: usize| stretch.offset_back(text.len() - offset);
        let whole = groups
            .first()
            .cloned()
            .flatten()
            .unwrap_or(text.len()..text.len());
        let hull = hull(&groups).unwrap_or(whole.clone());
        let range = back(whole.start)?..back(whole.end)?;
        let end = back(hull.end)?;
        let groups = groups
            .into_iter()
            .map(|group| group.map(|g| g.start - hull.start..g.end - hull.start))
            .collect();
        Ok(Done {
            output: Match {
                transcript: Arc::clone(&uart.transcript),
                pattern: pattern.clone(),
                text: text[hull].to_vec(),
                groups,
                range,
                from: self.from,
                is_line: false,
            },
            end,
            after_cr: false,
        })
    }

    fn sources(&self) -> String {
        let quoted = self.patterns.iter().map(|(pattern, _)| quoted(pattern));
        quoted.collect::<Vec<_>>().join(", ")
    }
}

/// The least range that holds all groups.
fn hull(groups: &Groups) -> Option<Range<usize>> {
    let ranges = || groups.iter().flatten();
    let start = ranges().map(|range| range.start).min()?;
    let end = ranges().map(|range| range.end).max()?;
    Some(start..end)
}

fn quoted(pattern: &Pattern) -> String {
    format!("{:?}", pattern.to_string())
}

/// `expect`, `expect_bytes`
pub(super) struct Expect {
    set: Set,
    name: &'static str,
}

impl Expect {
    pub(super) fn text(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![pattern.into_pattern()?], View::Text)?,
            name: "expect",
        })
    }
}

impl Search for Expect {
    type Output = Match;

    fn view(&self) -> View {
        self.set.view
    }

    fn restart(&mut self, at: u64) {
        self.set.restart(at);
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<Match>>, ExpectError> {
        Ok(self.set.feed(piece, uart)?.map(|(_, found)| found))
    }

    fn finish(&mut self, end: u64, uart: &Shared) -> Result<Option<Done<Match>>, ExpectError> {
        Ok(self.set.finish(end, uart)?.map(|(_, found)| found))
    }

    fn describe(&self) -> String {
        format!("{}({})", self.name, self.set.sources())
    }
}

/// `expect_line`
pub(super) struct ExpectLine {
    pattern: Pattern,
    lines: Lines,
    from: u64,
}

impl ExpectLine {
    pub(super) fn new(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        Ok(Self {
            pattern: pattern.into_pattern()?,
            lines: Lines::default(),
            from: 0,
        })
    }
}

impl Search for ExpectLine {
    type Output = Match;

    fn restart(&mut self, at: u64) {
        self.from = at;
        self.lines.restart();
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<Match>>, ExpectError> {
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
        match (found, lines.too_long()) {
            (None, Some(start)) => Err(too_long(uart, self.describe(), start)),
            (found, _) => found.transpose(),
        }
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
    uart: &Shared,
) -> Result<Done<Match>, ExpectError> {
    let whole = groups.first().cloned().flatten().unwrap_or(0..0);
    let stretch = Stretch {
        transcript: &uart.transcript,
        range: line.start..line.end,
        view: View::Text,
    };
    let plain = line.end - line.start == line.bytes.len() as u64;
    let offset = |at: usize| match plain {
        true => Ok(line.start + at as u64),
        false => stretch.offset_back(line.bytes.len() - at),
    };
    Ok(Done {
        output: Match {
            transcript: Arc::clone(&uart.transcript),
            pattern: pattern.clone(),
            text: line.bytes.to_vec(),
            range: offset(whole.start)?..offset(whole.end)?,
            groups,
            from,
            is_line: true,
        },
        end: line.end + 1,
        after_cr: line.after_cr,
    })
}

fn too_long(uart: &Shared, wanted: String, start: u64) -> ExpectError {
    ExpectError::LineTooLong {
        uart: uart.name.clone(),
        wanted,
        start,
        limit: LONGEST_LINE,
    }
}

/// `read_line`
#[derive(Default)]
pub(super) struct ReadLine {
    lines: Lines,
}

impl Search for ReadLine {
    type Output = String;

    fn restart(&mut self, _at: u64) {
        self.lines.restart();
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<String>>, ExpectError> {
        let found = self.lines.feed(piece, |line| {
            Some(Done {
                output: String::from_utf8_lossy(line.bytes).into_owned(),
                end: line.end + 1,
                after_cr: line.after_cr,
            })
        });
        match (&found, self.lines.too_long()) {
            (None, Some(start)) => Err(too_long(uart, self.describe(), start)),
            _ => Ok(found),
        }
    }

    fn describe(&self) -> String {
        "read_line()".to_owned()
    }
}

//! [`Set`]: several patterns on one stream, searched at once.

use std::ops::Range;
use std::sync::Arc;

use crate::runtime::Stops;
use crate::uart::error::UartError;
use crate::uart::expect::hint::hint;
use crate::uart::expect::matched::Match;
use crate::uart::expect::wait::Found;
use crate::uart::pattern::stops::stream_stops;
use crate::uart::pattern::stream::{Engine, Hit, Located};
use crate::uart::pattern::{Groups, Pattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::slice::TranscriptSlice;

/// Several patterns on one stream, searched at once.
pub(super) struct Set {
    patterns: Vec<(Pattern, Engine)>,
    pub(super) view: View,
    from: u64,
}

impl Set {
    pub(super) fn new(patterns: Vec<Pattern>, view: View) -> Result<Self, PatternError> {
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

    pub(super) fn restart(&mut self, at: u64) {
        self.from = at;
        for (_, engine) in &mut self.patterns {
            engine.restart();
        }
    }

    /// Returns the output with which a match of any pattern can end.
    pub(super) fn stops(&self) -> Stops {
        let patterns = self.patterns.iter();
        patterns.fold(Stops::default(), |stops, (pattern, _)| {
            stops.union(&stream_stops(pattern))
        })
    }

    /// Returns the match that ends first; of matches with the same end, that of the first pattern.
    pub(super) fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<(usize, Found<Match>)>, UartError> {
        let mut first: Option<(usize, Hit)> = None;
        let mut bytes = piece.bytes;
        for (index, (_, engine)) in self.patterns.iter_mut().enumerate() {
            if let Some(hit) = engine.feed(bytes)?
                && first.is_none_or(|(_, first)| hit.is_before(first))
            {
                first = Some((index, hit));
                bytes = &bytes[..hit.known];
            }
        }
        let Some((index, hit)) = first else {
            return Ok(None);
        };
        let known = piece.offset + hit.known as u64;
        let found = self.locate(index, known, hit.behind, uart, false)?;
        Ok(Some((index, found)))
    }

    pub(super) fn finish(
        &mut self,
        end: u64,
        uart: &UartState,
    ) -> Result<Option<(usize, Found<Match>)>, UartError> {
        let mut first: Option<(usize, Hit)> = None;
        for (index, (_, engine)) in self.patterns.iter_mut().enumerate() {
            if let Some(hit) = engine.finish()?
                && first.is_none_or(|(_, first)| hit.is_before(first))
            {
                first = Some((index, hit));
            }
        }
        let Some((index, hit)) = first else {
            return Ok(None);
        };
        let found = self.locate(index, end, hit.behind, uart, true)?;
        Ok(Some((index, found)))
    }

    /// Locates the match of a pattern; it is known at `known`, and ends `behind` bytes before.
    fn locate(
        &mut self,
        index: usize,
        known: u64,
        behind: usize,
        uart: &UartState,
        eof: bool,
    ) -> Result<Found<Match>, UartError> {
        let (pattern, engine) = &mut self.patterns[index];
        let slice = TranscriptSlice {
            transcript: &uart.transcript,
            range: self.from..known,
            view: self.view,
        };
        let slice = slice.without_last(behind)?;
        let Located { text, groups } = engine.locate(&slice, eof)?;
        let whole = groups
            .first()
            .cloned()
            .flatten()
            .unwrap_or(text.len()..text.len());
        let hull = hull(&groups).unwrap_or(whole.clone());
        let range = slice.place(text.len(), whole)?;
        let end = slice.place(text.len(), hull.clone())?.end;
        let groups = groups
            .into_iter()
            .map(|group| group.map(|g| g.start - hull.start..g.end - hull.start))
            .collect();
        Ok(Found {
            output: Match {
                transcript: Arc::clone(&uart.transcript),
                pattern: pattern.clone(),
                text: text[hull].to_vec(),
                groups,
                range,
                from: self.from,
                is_line: false,
                report: uart.settings.report.clone(),
            },
            end,
            after_cr: false,
        })
    }

    /// Returns the hint for a single pattern; there is none for several.
    pub(super) fn hint(&self, uart: &UartState, from: u64) -> Option<String> {
        match self.patterns.as_slice() {
            [(pattern, _)] => hint(uart, pattern, false, from),
            _ => None,
        }
    }

    /// Returns the first pattern.
    pub(super) fn first(&self) -> Option<&Pattern> {
        Some(&self.patterns.first()?.0)
    }

    pub(super) fn sources(&self) -> String {
        let quoted = self.patterns.iter().map(|(pattern, _)| quoted(pattern));
        quoted.collect::<Vec<_>>().join(", ")
    }
}

/// Returns the smallest range that contains all groups.
fn hull(groups: &Groups) -> Option<Range<usize>> {
    let ranges = || groups.iter().flatten();
    let start = ranges().map(|range| range.start).min()?;
    let end = ranges().map(|range| range.end).max()?;
    Some(start..end)
}

pub(super) fn quoted(pattern: &Pattern) -> String {
    format!("{:?}", pattern.to_string())
}

//! Patterns on the stream: [`Expect`], [`ExpectAny`] and [`ExpectAll`].

use super::set::Set;
use crate::runtime::Stops;
use crate::uart::error::UartError;
use crate::uart::expect::matched::Match;
use crate::uart::expect::wait::{Found, Matcher};
use crate::uart::pattern::{IntoPattern, Pattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};

/// The matcher of `expect` and `expect_bytes`.
pub(crate) struct Expect {
    set: Set,
    name: &'static str,
}

impl Expect {
    pub(crate) fn text(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![pattern.into_pattern()?], View::Text)?,
            name: "expect",
        })
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![Pattern::literal(bytes)], View::Raw)?,
            name: "expect_bytes",
        })
    }
}

impl Matcher for Expect {
    type Output = Match;

    fn view(&self) -> View {
        self.set.view
    }

    fn restart(&mut self, at: u64) {
        self.set.restart(at);
    }

    fn stops(&self) -> Stops {
        self.set.stops()
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Match>>, UartError> {
        Ok(self.set.feed(piece, uart)?.map(|(_, found)| found))
    }

    fn finish(&mut self, end: u64, uart: &UartState) -> Result<Option<Found<Match>>, UartError> {
        Ok(self.set.finish(end, uart)?.map(|(_, found)| found))
    }

    fn hint(&self, uart: &UartState, from: u64) -> Option<String> {
        self.set.hint(uart, from)
    }

    fn describe(&self) -> String {
        format!("{}({})", self.name, self.set.sources())
    }
}

/// The matcher of `expect_any`.
pub(crate) struct ExpectAny(Set);

impl ExpectAny {
    pub(crate) fn new<P: IntoPattern>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        let patterns = compiled(patterns)?;
        if patterns.is_empty() {
            return Err(PatternError::NoPatterns);
        }
        Set::new(patterns, View::Text).map(Self)
    }
}

fn compiled<P: IntoPattern>(
    patterns: impl IntoIterator<Item = P>,
) -> Result<Vec<Pattern>, PatternError> {
    patterns
        .into_iter()
        .map(IntoPattern::into_pattern)
        .collect()
}

impl Matcher for ExpectAny {
    type Output = (usize, Match);

    fn restart(&mut self, at: u64) {
        self.0.restart(at);
    }

    fn stops(&self) -> Stops {
        self.0.stops()
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError> {
        Ok(self.0.feed(piece, uart)?.map(with_index))
    }

    fn finish(
        &mut self,
        end: u64,
        uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError> {
        Ok(self.0.finish(end, uart)?.map(with_index))
    }

    fn describe(&self) -> String {
        format!("expect_any({})", self.0.sources())
    }
}

fn with_index((index, found): (usize, Found<Match>)) -> Found<(usize, Match)> {
    Found {
        output: (index, found.output),
        end: found.end,
        after_cr: found.after_cr,
    }
}

/// The matcher of `expect_all`.
pub(crate) struct ExpectAll {
    /// The patterns, each with its match.
    patterns: Vec<(Set, Option<Match>)>,
    /// The end of the furthest match.
    end: u64,
}

impl ExpectAll {
    pub(crate) fn new<P: IntoPattern>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        let alone = |pattern| Ok((Set::new(vec![pattern], View::Text)?, None));
        Ok(Self {
            patterns: compiled(patterns)?
                .into_iter()
                .map(alone)
                .collect::<Result<_, _>>()?,
            end: 0,
        })
    }

    /// Returns the matches once every pattern has one.
    fn done(&mut self) -> Option<Found<Vec<Match>>> {
        if self.patterns.iter().any(|(_, found)| found.is_none()) {
            return None;
        }
        let found = self.patterns.iter_mut();
        Some(Found {
            output: found.filter_map(|(_, found)| found.take()).collect(),
            end: self.end,
            after_cr: false,
        })
    }
}

impl Matcher for ExpectAll {
    type Output = Vec<Match>;

    fn restart(&mut self, at: u64) {
        for (set, found) in &mut self.patterns {
            set.restart(at);
            *found = None;
        }
    }

    fn stops(&self) -> Stops {
        let sets = self.patterns.iter();
        sets.fold(Stops::default(), |stops, (set, _)| {
            stops.union(&set.stops())
        })
    }

    fn ready_without_input(&mut self) -> Option<Vec<Match>> {
        self.patterns.is_empty().then(Vec::new)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Vec<Match>>>, UartError> {
        for (set, found) in &mut self.patterns {
            if found.is_none()
                && let Some((_, done)) = set.feed(piece, uart)?
            {
                *found = Some(done.output);
                self.end = self.end.max(done.end);
            }
        }
        Ok(self.done())
    }

    fn finish(
        &mut self,
        end: u64,
        uart: &UartState,
    ) -> Result<Option<Found<Vec<Match>>>, UartError> {
        for (set, found) in &mut self.patterns {
            if found.is_none()
                && let Some((_, done)) = set.finish(end, uart)?
            {
                *found = Some(done.output);
                self.end = self.end.max(done.end);
            }
        }
        Ok(self.done())
    }

    fn describe(&self) -> String {
        let join = |sets: Vec<&Set>| {
            sets.into_iter()
                .map(Set::sources)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let all = self.patterns.iter().map(|(set, _)| set).collect();
        let missing = self.patterns.iter().filter(|(_, found)| found.is_none());
        let missing = missing.map(|(set, _)| set).collect();
        format!(
            "expect_all({}), still without {},",
            join(all),
            join(missing)
        )
    }
}

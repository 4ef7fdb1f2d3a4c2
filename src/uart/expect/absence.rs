//! The operations that succeed when their time is over: [`ExpectNone`], [`ExpectSilence`],
//! [`RunFor`].

use std::time::Duration;

use super::diagnose;
use super::set::Set;
use crate::runtime::{ByteSet, Stops};
use crate::uart::error::UartError;
use crate::uart::expect::wait::{Found, Matcher};
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{IntoPattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::slice::TranscriptSlice;

/// The matcher of `expect_none`.
pub(crate) struct ExpectNone {
    set: Set,
    within: Duration,
}

impl ExpectNone {
    pub(crate) fn new(pattern: impl IntoPattern, within: Duration) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![pattern.into_pattern()?], View::Text)?,
            within,
        })
    }
}

impl Matcher for ExpectNone {
    type Output = ();

    fn restart(&mut self, at: u64) {
        self.set.restart(at);
    }

    fn stops(&self) -> Stops {
        self.set.stops()
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &UartState) -> Result<Option<Found<()>>, UartError> {
        match self.set.feed(piece, uart)? {
            None => Ok(None),
            Some((_, found)) => Err(diagnose::unexpected(
                uart,
                self.describe(),
                found.output.as_bytes(),
                found.end,
            )),
        }
    }

    fn timed_out(&mut self) -> Option<()> {
        Some(())
    }

    fn describe(&self) -> String {
        format!("expect_none({}, {:?})", self.set.sources(), self.within)
    }
}

/// The matcher of `expect_silence`.
pub(crate) struct ExpectSilence {
    within: Duration,
    from: u64,
}

impl ExpectSilence {
    pub(crate) fn new(within: Duration) -> Self {
        Self { within, from: 0 }
    }

    /// Returns true if the silence began behind a line end, of which a `\r` may still follow.
    fn began_a_line(&self, uart: &UartState) -> Result<bool, UartError> {
        let before = TranscriptSlice {
            transcript: &uart.transcript,
            range: self.from.saturating_sub(1)..self.from,
            view: View::Text,
        };
        Ok(before.bytes()?.iter().all(|byte| LINE_ENDS.contains(byte)))
    }
}

impl Matcher for ExpectSilence {
    type Output = ();

    fn restart(&mut self, at: u64) {
        self.from = at;
    }

    fn stops(&self) -> Stops {
        Stops::at(ByteSet::ALL)
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &UartState) -> Result<Option<Found<()>>, UartError> {
        let is_line_end = piece.bytes.iter().all(|byte| *byte == b'\r');
        if is_line_end && self.began_a_line(uart)? {
            return Ok(None);
        }
        let shown = piece.bytes.len().min(80);
        Err(diagnose::unexpected(
            uart,
            self.describe(),
            &piece.bytes[..shown],
            piece.end(),
        ))
    }

    fn timed_out(&mut self) -> Option<()> {
        Some(())
    }

    fn describe(&self) -> String {
        format!("expect_silence({:?})", self.within)
    }
}

/// The matcher of `run_for`, which accepts any output.
pub(crate) struct RunFor(pub(crate) Duration);

impl Matcher for RunFor {
    type Output = ();

    fn restart(&mut self, _at: u64) {}

    fn begins_at_end(&self) -> bool {
        true
    }

    fn stops(&self) -> Stops {
        Stops::default()
    }

    fn feed(
        &mut self,
        _piece: Piece<'_>,
        _uart: &UartState,
    ) -> Result<Option<Found<()>>, UartError> {
        Ok(None)
    }

    fn timed_out(&mut self) -> Option<()> {
        Some(())
    }

    fn describe(&self) -> String {
        format!("run_for({:?})", self.0)
    }
}

//! What several UARTs have said, line by line in the order of arrival.
//!
//! Knows lines and times; nothing of machines.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::error::Unavailable;
use super::pattern::decode::lossy;
use super::port::Port;
use super::transcript::Transcript;
use super::transcript::chunk::View;
use super::transcript::slice::TranscriptSlice;
use super::transcript::split::Splitter;

/// A line that a board has put out, as in [`VirtualTarget::transcript`](crate::VirtualTarget::transcript).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranscriptLine {
    /// When it was complete, since the target was made: in the host's time, or in that of
    /// a [virtual clock](crate::config::ClockKind::Virtual).
    pub at: Duration,
    /// Which UART it came from, as in messages: `node-a.console (sysbus.usart2)`.
    pub uart: String,
    /// The line, without its end and without escape sequences.
    pub text: String,
}

/// As in the artifacts: `   1.234567 node-a.console (sysbus.usart2) | text`.
impl fmt::Display for TranscriptLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, uart, text } = self;
        write!(f, "{:11.6} {uart} | {text}", at.as_secs_f64())
    }
}

/// The lines of all `ports` among the last `most` bytes of each; times count from `began`.
pub(super) fn lines<'a>(
    ports: impl Iterator<Item = &'a Port>,
    began: Instant,
    most: u64,
) -> Result<Vec<TranscriptLine>, Unavailable> {
    let mut all = Vec::new();
    for port in ports {
        all.extend(of(port.transcript(), port.label(), began, most)?);
    }
    // A stable sort: lines of one UART stay as they are.
    all.sort_by_key(|line| line.at);
    Ok(all)
}

fn of(
    transcript: &Transcript,
    uart: &str,
    began: Instant,
    most: u64,
) -> Result<Vec<TranscriptLine>, Unavailable> {
    let end = transcript.end_position().offset;
    let stretch = TranscriptSlice {
        transcript,
        range: end.saturating_sub(most)..end,
        view: View::Text,
    };
    let line = |bytes: &[u8], end: u64| TranscriptLine {
        at: transcript.time_since(end, began),
        uart: uart.to_owned(),
        text: lossy(bytes).into_owned(),
    };
    let mut lines = Vec::new();
    let mut splitter = Splitter::up_to(usize::MAX);
    stretch.forwards(|piece| {
        splitter.feed(piece, |found| {
            lines.push(line(found.bytes, found.end));
            None::<()>
        });
        ControlFlow::<()>::Continue(())
    })?;
    if let Some(rest) = splitter.unfinished() {
        lines.push(line(rest, end.saturating_sub(1)));
    }
    Ok(lines)
}

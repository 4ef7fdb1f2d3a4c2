//! The output of several UARTs, line by line in the order of arrival: [`TranscriptLine`].

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

/// A line that a board has sent, or a change of an LED or a pin, as in [`VirtualTarget::transcript`](crate::VirtualTarget::transcript).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranscriptLine {
    /// The time since the target was created at which the line was complete: in the host's time,
    /// or in that of a [virtual clock](crate::config::ClockKind::Virtual).
    pub at: Duration,
    /// The UART, as in messages: `node-a.console (sysbus.usart2)`; or the LED or pin:
    /// `sysbus.gpioPortD.UserLED`, `sysbus.gpioPortD 12`.
    pub uart: String,
    /// The text, without the line end and without escape sequences; or `on`, `off`, `high`, `low`.
    pub text: String,
}

/// The format of the artifacts: `   1.234567 node-a.console (sysbus.usart2) | text`.
impl fmt::Display for TranscriptLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, uart, text } = self;
        write!(f, "{:11.6} {uart} | {text}", at.as_secs_f64())
    }
}

/// Returns the lines in the last `max_bytes` bytes of each of `ports`; times count from `began`.
pub(super) fn lines<'a>(
    ports: impl Iterator<Item = &'a Port>,
    began: Instant,
    max_bytes: u64,
) -> Result<Vec<TranscriptLine>, Unavailable> {
    let mut all = Vec::new();
    for port in ports {
        all.extend(lines_of(port.transcript(), port.label(), began, max_bytes)?);
    }
    // A stable sort: lines of one UART stay in their order.
    all.sort_by_key(|line| line.at);
    Ok(all)
}

fn lines_of(
    transcript: &Transcript,
    uart: &str,
    began: Instant,
    max_bytes: u64,
) -> Result<Vec<TranscriptLine>, Unavailable> {
    let end = transcript.end_position().offset;
    let slice = TranscriptSlice {
        transcript,
        range: end.saturating_sub(max_bytes)..end,
        view: View::Text,
    };
    let line = |bytes: &[u8], end: u64| TranscriptLine {
        at: transcript.time_since(end, began),
        uart: uart.to_owned(),
        text: lossy(bytes).into_owned(),
    };
    let mut lines = Vec::new();
    let mut splitter = Splitter::up_to(usize::MAX);
    slice.forwards(|piece| {
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

//! [`Ending`]: why there is no more output.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::caller::{Call, place};

/// The reason why there is no more output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The target has not been powered on yet.
    NotStarted,
    /// The test turned the board off.
    Off(OffReason),
    /// This call of the test restarted the board: a reset, flash or power-on.
    Restarted(Call),
    /// The board or its emulator exited by itself, for this reason.
    Exited(Arc<str>),
    /// A processor of the board has halted, with this message of the emulator.
    Halted(Arc<str>),
    /// A processor of the board has locked up: this one at this place, with this fault.
    LockedUp(Arc<str>),
    /// A processor of another machine has halted or locked up, with this message of the emulator, and the
    /// time of all machines is paused.
    Stalled(Arc<str>),
    /// The other end closed the stream under the UART.
    Closed,
}

impl Ending {
    /// The ending of a stream that cannot be read.
    pub(crate) fn unreadable(error: &io::Error) -> Self {
        Self::Exited(format!("reading the UART's stream failed: {error}").into())
    }

    /// The ending of a user's stream that panicked with this message.
    pub(crate) fn panicked(message: &str) -> Self {
        Self::Exited(format!("the UART's stream panicked: {message}").into())
    }

    /// Returns true if the guest has halted or locked up, so that nothing can be sent to it either.
    pub(crate) fn is_halt(&self) -> bool {
        matches!(self, Self::Halted(_) | Self::LockedUp(_) | Self::Stalled(_))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("the target is off; power it on or boot it first"),
            Self::Off(why) => why.fmt(f),
            Self::Restarted(call) => write!(f, "the target was restarted by {call}"),
            Self::Exited(reason) => f.write_str(reason),
            Self::Halted(reason) => write!(
                f,
                "a processor of the board has halted: {reason}; reset, flash or power-cycle the target to start anew"
            ),
            Self::LockedUp(reason) => write!(
                f,
                "processor {reason}; reset, flash or power-cycle the target to start anew"
            ),
            Self::Stalled(reason) => write!(
                f,
                "a processor of another machine has stopped, and with it the time of all: {reason}; reset or flash \
                 that machine, or power-cycle the target to start anew"
            ),
            Self::Closed => f.write_str("the other end closed the stream"),
        }
    }
}

/// The reason why a board is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffReason {
    /// It has not been turned on yet.
    Off,
    /// This call of the test turned it off: `power_off` or `shutdown`.
    Call(Call),
    /// This call turned it off, and turns it on again: `power_cycle` or `power_cycle_with_wait`.
    Cycling(Call),
    /// This call was dropped before it was done.
    Unfinished(Call),
    /// This call failed.
    Failed(Call),
    /// The target was dropped.
    Dropped,
}

impl fmt::Display for OffReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the target is off")?;
        match self {
            Self::Off => Ok(()),
            Self::Call(call) => {
                let (name, at) = (call.name(), place(call.at()));
                write!(f, ": {name}() was called at {at}")
            }
            Self::Cycling(call) => write!(f, ": {call} turned it off, to turn it on again"),
            Self::Unfinished(call) => write!(f, ": {call} was dropped before it was done"),
            Self::Failed(call) => write!(f, ": {call} failed"),
            Self::Dropped => f.write_str(": it was dropped"),
        }
    }
}

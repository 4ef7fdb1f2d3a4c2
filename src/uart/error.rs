//! The errors of UARTs: [`ExpectError`], [`Ending`] and [`Unavailable`], data with their texts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::pattern::PatternError;

/// The reason why an operation on a UART failed.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectError {
    /// The operation timed out.
    #[error("UART {uart}: {wanted} timed out after {waited:?}; {seen}")]
    Timeout {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The time that the operation waited.
        waited: Duration,
        /// A guess at the cause, if there is one, and the output instead.
        seen: String,
    },
    /// The guest did not run for the operation's whole time limit, or may not have.
    #[error(
        "UART {uart}: {wanted} was ended by the host's watchdog after {on_host:?} of the host's time, {}: {seen}",
        passed(*had, *of)
    )]
    Watchdog {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The time that the operation waited on the host.
        on_host: Duration,
        /// The part of the time limit that has passed for the guest, if known.
        had: Option<Duration>,
        /// The time limit.
        of: Duration,
        /// A guess at the cause, what to do, and the output meanwhile.
        seen: String,
    },
    /// The operation can no longer succeed.
    #[error("UART {uart}: {wanted} cannot succeed: {ending}; {seen}")]
    Ended {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The reason why there is no more output.
        ending: Ending,
        /// The output instead.
        seen: String,
    },
    /// The pattern of a standing guard appeared.
    #[error("UART {uart}: the forbidden pattern {pattern:?} appeared, noticed by {wanted}; {seen}")]
    Forbidden {
        /// The UART's name.
        uart: String,
        /// The operation that failed because of it.
        wanted: String,
        /// The guard's pattern.
        pattern: String,
        /// The output up to the match, and what followed.
        seen: String,
        /// A token: while it is alive, the match counts as reported.
        reported: Reported,
    },
    /// Output appeared that the operation excludes.
    #[error("UART {uart}: {wanted} failed: \"{found}\" appeared; {seen}")]
    Unexpected {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The output that appeared, as the message shows it.
        found: String,
        /// The output up to that place.
        seen: String,
    },
    /// The output can be read in more than one way.
    #[error("UART {uart}: {wanted} cannot tell the answer: {why}; {seen}")]
    Ambiguous {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The reason, and what to do.
        why: String,
        /// The output.
        seen: String,
    },
    /// The pattern cannot be used, or not for this operation.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Output that the operation needs is no longer available.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The match does not fit in memory.
    #[error(
        "the match of {pattern:?} is {length} bytes long, over the limit of {limit}; make the pattern narrower, \
         for example [^\\n] where it says (?s)."
    )]
    MatchTooLong {
        /// The pattern.
        pattern: String,
        /// The length of the match.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A line does not fit in memory.
    #[error(
        "UART {uart}: {wanted} came upon a line of more than {limit} bytes, from byte {start} of the output on; \
         use expect, which needs no lines"
    )]
    LineTooLong {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The offset of the line's start.
        start: u64,
        /// The limit.
        limit: usize,
    },
    /// The match has no such group.
    #[error("the match of {pattern:?} has no group {group}: {reason}")]
    NoGroup {
        /// The pattern.
        pattern: String,
        /// The requested group.
        group: String,
        /// The reason: the group does not exist, or took no part in the match.
        reason: &'static str,
    },
    /// A group's text is not a value of the requested type.
    #[error("group {group} of {pattern:?} is {text:?}, which is no {wanted}: {reason}")]
    Parse {
        /// The pattern.
        pattern: String,
        /// The group.
        group: String,
        /// The group's text.
        text: String,
        /// The requested type.
        wanted: &'static str,
        /// The type's own error.
        reason: String,
    },
    /// Bytes could not be written.
    #[error("UART {uart}: {wanted} failed: {reason}")]
    NotSent {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// The reason.
        reason: String,
    },
    /// The stream under a UART cannot be used.
    #[error("UART {uart}: {reason}; it takes a socket, a pipe or a terminal")]
    Stream {
        /// The UART's name.
        uart: String,
        /// The host's error.
        reason: String,
    },
}

/// Describes how much of a time limit has passed.
fn passed(had: Option<Duration>, of: Duration) -> String {
    match had {
        Some(had) => format!("when {had:?} of its {of:?} of virtual time had passed"),
        None => format!("and it is not known how much of its {of:?} has passed for the guest"),
    }
}

/// A token in each error that reports a forbidden match.
///
/// As long as one of these errors, or a clone of one, is alive, the match counts as reported.
#[derive(Debug, Clone)]
pub struct Reported {
    _held: Arc<()>,
}

impl Reported {
    pub(crate) fn new(held: Arc<()>) -> Self {
        Self { _held: held }
    }
}

/// The reason why there is no more output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The target has not been powered on yet.
    NotStarted,
    /// The test itself ended the output, by this: power-off, reset, flash.
    Stopped(&'static str),
    /// The board or its emulator exited by itself, for this reason.
    Exited(Arc<str>),
    /// A processor of the board has halted, with this message of the emulator.
    Halted(Arc<str>),
    /// A processor of another machine has halted, with this message of the emulator, and the
    /// time of all machines is paused.
    Stalled(Arc<str>),
    /// The other end closed the stream under the UART.
    Closed,
}

impl Ending {
    /// Returns true if the guest has halted, so that nothing can be sent to it either.
    pub(crate) fn is_halt(&self) -> bool {
        matches!(self, Self::Halted(_) | Self::Stalled(_))
    }
}

/// The error that requested output is no longer available.
#[derive(Clone, thiserror::Error)]
#[error("the output from byte {from} to byte {to} is no longer available: {why}")]
pub struct Unavailable {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) why: Arc<str>,
}

impl Unavailable {
    /// Returns the offset from which output is available again.
    pub(crate) fn until(&self) -> u64 {
        self.to
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("the target is off; power it on or boot it first"),
            Self::Stopped(why) => f.write_str(why),
            Self::Exited(reason) => f.write_str(reason),
            Self::Halted(reason) => write!(
                f,
                "a processor of the board has halted: {reason}; reset, flash or power-cycle the target to start anew"
            ),
            Self::Stalled(reason) => write!(
                f,
                "a processor of another machine has halted, and with it the time of all: {reason}; reset or flash \
                 that machine, or power-cycle the target to start anew"
            ),
            Self::Closed => f.write_str("the other end closed the stream"),
        }
    }
}

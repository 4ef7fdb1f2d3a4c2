//! What can go wrong with a UART: data, and its text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::pattern::PatternError;

/// Why an operation on a UART failed.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectError {
    /// It did not happen in time.
    #[error("UART {uart}: {wanted} timed out after {waited:?}; {seen}")]
    Timeout {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// How long it was waited for.
        waited: Duration,
        /// What may be wrong, if that can be guessed, and what arrived instead.
        seen: String,
    },
    /// The guest did not get the time that the operation was to last, or may not have got it.
    #[error(
        "UART {uart}: {wanted} was ended by the host's watchdog after {on_host:?} of the host's time, {}: {seen}",
        passed(*had, *of)
    )]
    Watchdog {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// How long it was waited for on the host.
        on_host: Duration,
        /// How much of its time limit has passed for the guest, if that is known.
        had: Option<Duration>,
        /// The time limit.
        of: Duration,
        /// What may be wrong, what to do, and what arrived meanwhile.
        seen: String,
    },
    /// It cannot happen any more.
    #[error("UART {uart}: {wanted} cannot succeed: {ending}; {seen}")]
    Ended {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// Why nothing more comes.
        ending: Ending,
        /// What arrived instead.
        seen: String,
    },
    /// A standing guard found what must not appear.
    #[error("UART {uart}: the forbidden pattern {pattern:?} appeared, noticed by {wanted}; {seen}")]
    Forbidden {
        /// The UART's name.
        uart: String,
        /// The operation that failed of it.
        wanted: String,
        /// The guard's pattern.
        pattern: String,
        /// What arrived up to there, and what followed.
        seen: String,
        /// While it lives, the test counts as told.
        reported: Reported,
    },
    /// Something appeared that was not to.
    #[error("UART {uart}: {wanted} failed: \"{found}\" appeared; {seen}")]
    Unexpected {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// What appeared, as the message shows it.
        found: String,
        /// The output up to there.
        seen: String,
    },
    /// What arrived can be read in more than one way.
    #[error("UART {uart}: {wanted} cannot tell the answer: {why}; {seen}")]
    Ambiguous {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// Why it cannot be told, and what to do.
        why: String,
        /// What arrived.
        seen: String,
    },
    /// The pattern cannot be used, or not there.
    #[error("{error}{place}")]
    Pattern {
        /// What is wrong with it.
        error: PatternError,
        /// Where it was looked for, if that is known.
        place: String,
    },
    /// Output that was needed is gone.
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
        /// Its match's length.
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
        /// Where the line starts.
        start: u64,
        /// The limit.
        limit: usize,
    },
    /// The match has no such group.
    #[error("the match of {pattern:?} has no group {group}: {reason}{place}")]
    NoGroup {
        /// The pattern.
        pattern: String,
        /// The group asked for.
        group: String,
        /// Whether it does not exist or took no part.
        reason: &'static str,
        /// Where it was asked for, and where the artifacts are.
        place: String,
    },
    /// A group's text is not of the type asked for.
    #[error("group {group} of {pattern:?} is {text:?}, which is no {wanted}: {reason}")]
    Parse {
        /// The pattern.
        pattern: String,
        /// The group.
        group: String,
        /// Its text.
        text: String,
        /// The type asked for.
        wanted: &'static str,
        /// What the type says, where it was asked for, and where the artifacts are.
        reason: String,
    },
    /// Bytes could not be written.
    #[error("UART {uart}: {wanted} failed: {reason}")]
    NotSent {
        /// The UART's name.
        uart: String,
        /// The operation.
        wanted: String,
        /// Why.
        reason: String,
    },
    /// The stream under a UART cannot be used.
    #[error("UART {uart}: {reason}; it takes a socket, a pipe or a terminal")]
    Stream {
        /// The UART's name.
        uart: String,
        /// What the host says.
        reason: String,
    },
}

impl ExpectError {
    /// Adds to what the message shows of the board.
    pub(crate) fn add_note(&mut self, note: &str) {
        match self {
            Self::Timeout { seen, .. }
            | Self::Watchdog { seen, .. }
            | Self::Ended { seen, .. }
            | Self::Forbidden { seen, .. }
            | Self::Unexpected { seen, .. }
            | Self::Ambiguous { seen, .. } => {
                seen.push_str(note);
            }
            Self::NotSent { reason, .. } | Self::Parse { reason, .. } => reason.push_str(note),
            Self::Pattern { place, .. } | Self::NoGroup { place, .. } => place.push_str(note),
            _ => {}
        }
    }
}

/// How much of a time limit has passed.
fn passed(had: Option<Duration>, of: Duration) -> String {
    match had {
        Some(had) => format!("when {had:?} of its {of:?} of virtual time had passed"),
        None => format!("and it is not known how much of its {of:?} has passed for the guest"),
    }
}

impl From<PatternError> for ExpectError {
    fn from(error: PatternError) -> Self {
        Self::Pattern {
            error,
            place: String::new(),
        }
    }
}

/// Shows that a test knows that a forbidden pattern has appeared: part of each error that says
/// so. As long as one of these errors, or a clone of one, lives, it counts as told.
#[derive(Debug, Clone)]
pub struct Reported {
    _held: Arc<()>,
}

impl Reported {
    pub(crate) fn new(held: Arc<()>) -> Self {
        Self { _held: held }
    }
}

/// Why no more output comes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The target has not been powered on yet.
    NotStarted,
    /// The test itself ended it, by this: power-off, reset, flash.
    Stopped(&'static str),
    /// What fed the UART ended by itself, for this reason.
    Exited(Arc<str>),
    /// A processor of the board has come to a halt, of which its emulator says this.
    Halted(Arc<str>),
    /// A processor of another machine has come to a halt, of which the emulator says this, and
    /// with it the time of all machines.
    Stalled(Arc<str>),
    /// The stream under the UART was closed by its other end.
    Closed,
}

impl Ending {
    /// Whether the guest has halted, so that nothing can be sent to it either.
    pub(crate) fn is_halt(&self) -> bool {
        matches!(self, Self::Halted(_) | Self::Stalled(_))
    }
}

/// Output that was asked for and is no longer there.
#[derive(Clone, thiserror::Error)]
#[error("the output from byte {from} to byte {to} is no longer available: {why}")]
pub struct Unavailable {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) why: Arc<str>,
}

impl Unavailable {
    /// Where it is available again.
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

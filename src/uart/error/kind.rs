//! [`UartErrorKind`]: what happened, with its data.

use std::fmt;
use std::time::Duration;

use super::ending::Ending;
use super::reason::{Ambiguity, NotSent, Reported, Stalled};
use super::unavailable::Unavailable;
use crate::config::ClockKind;
use crate::uart::pattern::PatternError;

/// The kinds of failures of an operation on a UART.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UartErrorKind {
    /// The operation timed out.
    #[non_exhaustive]
    Timeout {
        /// The time that the operation waited.
        waited: Duration,
    },
    /// The guest did not run for the operation's whole time limit, or may not have.
    #[non_exhaustive]
    Watchdog {
        /// The time that the operation waited on the host.
        on_host: Duration,
        /// The part of the time limit that has passed for the guest, if known.
        had: Option<Duration>,
        /// The time limit.
        of: Duration,
        /// What the emulator was found to do.
        why: Stalled,
        /// The board's clock, by which the guest is given time.
        clock: ClockKind,
    },
    /// The operation can no longer succeed.
    #[non_exhaustive]
    Ended {
        /// The reason why there is no more output.
        ending: Ending,
    },
    /// The pattern of a standing guard appeared.
    #[non_exhaustive]
    Forbidden {
        /// The guard's pattern.
        pattern: String,
        /// True if it appeared in the emulator's log, not in the output of the UART.
        in_log: bool,
        /// A token: while it is alive, the match counts as reported.
        reported: Reported,
    },
    /// Output appeared that the operation excludes.
    #[non_exhaustive]
    Unexpected {
        /// The output that appeared, as the message shows it.
        found: String,
    },
    /// The output can be read in more than one way.
    #[non_exhaustive]
    Ambiguous {
        /// The reason.
        why: Ambiguity,
    },
    /// The pattern cannot be used, or not for this operation.
    Pattern(PatternError),
    /// Output that the operation needs is no longer available.
    Unavailable(Unavailable),
    /// The match does not fit in memory.
    #[non_exhaustive]
    MatchTooLong {
        /// The pattern.
        pattern: String,
        /// The length of the match.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A line does not fit in memory.
    #[non_exhaustive]
    LineTooLong {
        /// The offset of the line's start.
        start: u64,
        /// The limit.
        limit: usize,
    },
    /// The match has no such group.
    #[non_exhaustive]
    NoGroup {
        /// The pattern.
        pattern: String,
        /// The requested group.
        group: String,
        /// True if the pattern defines the group, which then took no part in the match.
        is_defined: bool,
    },
    /// A group's text is not a value of the requested type.
    #[non_exhaustive]
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
    #[non_exhaustive]
    NotSent {
        /// The reason.
        why: NotSent,
    },
    /// The stream under a UART cannot be used.
    #[non_exhaustive]
    Stream {
        /// The host's error.
        reason: String,
    },
}

impl UartErrorKind {
    /// Writes what happened to `operation`.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        of_operation: Option<&str>,
    ) -> fmt::Result {
        let operation = of_operation.unwrap_or_default();
        match self {
            Self::Timeout { waited } => write!(f, "{operation} timed out after {waited:?}"),
            Self::Watchdog {
                on_host,
                had,
                of,
                clock,
                ..
            } => write!(
                f,
                "{operation} was ended by the host's watchdog after {on_host:?} of the host's time, {}",
                passed(*had, *of, *clock)
            ),
            Self::Ended { ending } => write!(f, "{operation} cannot succeed: {ending}"),
            Self::Forbidden {
                pattern, in_log, ..
            } => {
                let place = if *in_log {
                    " in the emulator's log"
                } else {
                    ""
                };
                write!(f, "the forbidden pattern {pattern:?} appeared{place}, ")?;
                match of_operation {
                    Some(operation) => {
                        write!(f, "noticed by {}", operation.trim_end_matches(','))
                    }
                    None => f.write_str("which no error of the test has reported before its end"),
                }
            }
            Self::Unexpected { found } => write!(f, "{operation} failed: \"{found}\" appeared"),
            Self::Ambiguous { why } => write!(f, "{operation} cannot tell the answer: {why}"),
            Self::Pattern(error) => write!(f, "{error}"),
            Self::Unavailable(error) => write!(f, "{error}"),
            Self::MatchTooLong {
                pattern,
                length,
                limit,
            } => write!(
                f,
                "the match of {pattern:?} is {length} bytes long, over the limit of {limit}; make the pattern \
                 narrower, for example [^\\n] where it says (?s)."
            ),
            Self::LineTooLong { start, limit } => write!(
                f,
                "{operation} came upon a line of more than {limit} bytes, from byte {start} of the output on; \
                 use expect, which needs no lines"
            ),
            Self::NoGroup {
                pattern,
                group,
                is_defined,
            } => {
                let why = match is_defined {
                    true => "it took no part in the match",
                    false => "the pattern does not define it",
                };
                write!(f, "the match of {pattern:?} has no group {group}: {why}")
            }
            Self::Parse {
                pattern,
                group,
                text,
                wanted,
                reason,
            } => write!(
                f,
                "group {group} of {pattern:?} is {text:?}, which is not a {wanted}: {reason}"
            ),
            Self::NotSent { why } => write!(f, "{operation} failed: {why}"),
            Self::Stream { reason } => {
                write!(f, "{reason}; it takes a socket, a pipe or a terminal")
            }
        }
    }
}

/// Describes how much of a time limit has passed.
fn passed(had: Option<Duration>, of: Duration, clock: ClockKind) -> String {
    let time = match clock {
        ClockKind::Virtual => "virtual",
        ClockKind::Realtime => "the guest's",
    };
    match had {
        Some(had) => format!("when {had:?} of its {of:?} of {time} time had passed"),
        None => format!("and it is not known how much of its {of:?} has passed for the guest"),
    }
}

//! What can go wrong with a UART, and the text that explains it.

use std::fmt;
use std::time::Duration;

use super::expect::aftermath;
use super::link::forbidden::Told;
use super::link::guard::Alarm;
use super::pattern::PatternError;
use super::pattern::stream::Stretch;
use super::port::Shared;
use super::shown;
use super::transcript::chunk::View;
use super::transcript::{Ending, Transcript, Unavailable};

/// How much of the output an error shows.
const SHOWN_LINES: usize = 10;
const SHOWN_BYTES: usize = 1024;
/// How much of the output is looked at for that.
const LOOKED_AT: usize = 64 << 10;

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
        told: Told,
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

    /// A guard's alarm made `wanted` fail.
    pub(super) fn forbidden(uart: &Shared, alarm: &Alarm, wanted: &str) -> Self {
        Self::Forbidden {
            uart: uart.name.clone(),
            // The description may end in a clause.
            wanted: wanted.trim_end_matches(',').to_owned(),
            pattern: alarm.pattern.to_string(),
            seen: around(&uart.transcript, alarm.end),
            told: uart.transcript.tell_alarm(),
        }
    }

    /// What has arrived from `from` on does not tell the answer.
    pub(super) fn ambiguous(uart: &Shared, wanted: String, why: &str, from: u64) -> Self {
        Self::Ambiguous {
            uart: uart.name.clone(),
            wanted,
            why: why.to_owned(),
            seen: seen(&uart.transcript, from),
        }
    }

    /// `found` appeared, which `wanted` excludes, and ended at `end`.
    pub(super) fn unexpected(uart: &Shared, wanted: String, found: &[u8], end: u64) -> Self {
        Self::Unexpected {
            uart: uart.name.clone(),
            wanted,
            found: shown::shown(found),
            seen: up_to(&uart.transcript, end),
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

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("the target is off; power it on or boot it first"),
            Self::Stopped(why) => f.write_str(why),
            Self::Died(reason) => f.write_str(reason),
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

/// Describes what has arrived from `from` on.
pub(super) fn seen(transcript: &Transcript, from: u64) -> String {
    let end = transcript.end_position().offset;
    let total = end - from;
    if total == 0 {
        return match end {
            0 => "nothing has arrived at all".to_owned(),
            _ => format!(
                "nothing has arrived since, before that:{}",
                tail(transcript, 0..end)
            ),
        };
    }
    let arrived = match total {
        1 => "1 byte has".to_owned(),
        _ => format!("{total} bytes have"),
    };
    let (shown, hidden) = (tail(transcript, from..end), hidden(transcript, from..end));
    format!("{arrived} arrived since:{shown}{hidden}")
}

/// Shows the end of the output if it is taken for the beginning of an escape sequence: noise
/// may look like one.
fn hidden(transcript: &Transcript, range: std::ops::Range<u64>) -> String {
    const SHOWN: usize = 80;
    let unfinished = transcript.unfinished_sequence();
    let stretch = Stretch {
        transcript,
        range,
        view: View::Raw,
    };
    let bytes = stretch.last(unfinished).unwrap_or_default();
    let Some(first) = bytes.chunks(SHOWN).next() else {
        return String::new();
    };
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!(
        "\n  behind that {} bytes are taken for an escape sequence that has not ended: \"{}{more}\"; with \
         `strip_ansi: false` in the target's YAML they are text",
        bytes.len(),
        first.escape_ascii()
    )
}

/// Shows the output up to `end`.
fn up_to(transcript: &Transcript, end: u64) -> String {
    format!("the output up to there:{}", tail(transcript, 0..end))
}

/// Shows the line that has the byte before `end`, with what comes before and behind.
fn around(transcript: &Transcript, end: u64) -> String {
    let arrived = transcript.end_position().offset;
    let (end, after) = (
        end.min(arrived),
        Stretch {
            transcript,
            range: end.min(arrived)..arrived,
            view: View::Text,
        },
    );
    let (rest, more) = match after.first(aftermath::BYTES) {
        Ok(bytes) => {
            let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
            let rest = lines.by_ref().take(aftermath::LINES).flatten().copied();
            let rest: Vec<u8> = rest.collect();
            (rest, lines.next().map_or("", |_| "\n  …"))
        }
        Err(e) => (format!("({e})").into_bytes(), ""),
    };
    let shown = tail_and(transcript, 0..end, &rest);
    format!("the output around it:{shown}{more}")
}

fn tail(transcript: &Transcript, range: std::ops::Range<u64>) -> String {
    tail_and(transcript, range, b"")
}

/// The end of what is in `range`, and `rest`, which follows it.
fn tail_and(transcript: &Transcript, range: std::ops::Range<u64>, rest: &[u8]) -> String {
    let stretch = Stretch {
        transcript,
        range,
        view: View::Text,
    };
    let mut bytes = match stretch.last(LOOKED_AT) {
        Ok(bytes) => bytes,
        Err(e) => return format!(" ({e})"),
    };
    let start = shown::last(&bytes, SHOWN_BYTES);
    let lines = bytes[start..].split_inclusive(|byte| *byte == b'\n');
    let cut = lines.count().saturating_sub(SHOWN_LINES);
    let is_cut = cut > 0 || start > 0 || bytes.len() == LOOKED_AT;
    bytes.extend(rest);
    let lines = bytes[start..].split_inclusive(|byte| *byte == b'\n');
    let mut text = String::new();
    if is_cut {
        text.push_str("\n  …");
    }
    for line in lines.skip(cut) {
        text.push_str("\n  | ");
        text.push_str(&shown::shown(line));
    }
    text
}

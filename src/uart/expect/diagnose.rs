//! The errors of operations, with the board's output: every text of a failure.

use std::time::Duration;

use super::aftermath;
use super::hint::{no_output_hint, pause_reason};
use super::shell_hint::SENT_WITH;
use crate::config::ClockKind;
use crate::runtime::CutShort;
use crate::sync::lock;
use crate::uart::error::{Ambiguity, Ending, NotSent, Stalled, UartError, UartErrorKind};
use crate::uart::shown;
use crate::uart::state::UartState;
use crate::uart::transcript::Transcript;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::guards::ForbiddenMatch;
use crate::uart::transcript::slice::TranscriptSlice;

/// The limits of the output that an error shows.
const SHOWN_LINES: usize = 10;
const SHOWN_BYTES: usize = 1024;
/// The number of bytes that are searched for lines to show.
const SEARCHED_BYTES: usize = 64 << 10;

/// Creates the error that a guard's match made `operation` fail; without one, that of a test that has ended.
pub(crate) fn forbidden(
    uart: &UartState,
    forbidden: &ForbiddenMatch,
    operation: Option<&str>,
) -> UartError {
    let kind = UartErrorKind::Forbidden {
        pattern: forbidden.pattern.to_string(),
        in_log: forbidden.log_line.is_some(),
        reported: uart.transcript.report_forbidden(),
    };
    let around = match &forbidden.log_line {
        None => around(&uart.transcript, forbidden.end),
        Some(line) => {
            let until = match forbidden.end.saturating_sub(1) {
                0 => "nothing had arrived by then".to_owned(),
                end => up_to(&uart.transcript, end),
            };
            format!("the line of the log:\n  | {line}\n  {until}")
        }
    };
    UartError::of(&uart.name, operation.map(str::to_owned), kind).with_excerpt(around)
}

/// Creates the error that the output from `from` on does not determine the answer.
pub(crate) fn ambiguous(
    uart: &UartState,
    operation: String,
    why: Ambiguity,
    from: u64,
) -> UartError {
    let seen = seen(&uart.transcript, from);
    UartError::new(&uart.name, operation, UartErrorKind::Ambiguous { why }).with_excerpt(seen)
}

/// Creates the error that `found` appeared, which `operation` excludes and which ends at `end`.
pub(crate) fn unexpected(uart: &UartState, operation: String, found: &[u8], end: u64) -> UartError {
    let found = shown::shown(found);
    let up_to = up_to(&uart.transcript, end);
    UartError::new(&uart.name, operation, UartErrorKind::Unexpected { found }).with_excerpt(up_to)
}

/// Creates the error that the output from `from` on has ended, and `operation` needs more.
pub(crate) fn ended(uart: &UartState, operation: String, ending: Ending, from: u64) -> UartError {
    let seen = seen(&uart.transcript, from);
    let sent = match &ending {
        Ending::Exited(_) | Ending::Halted(_) | Ending::LockedUp(_) => last_sent(uart),
        _ => None,
    };
    let error = UartError::new(&uart.name, operation, UartErrorKind::Ended { ending });
    error.with_excerpt(seen).with_hint(sent)
}

/// Creates the error that `operation` timed out, which has found nothing from `from` on. `hint` returns a
/// guess at the cause.
pub(crate) fn timed_out(
    uart: &UartState,
    operation: String,
    waited: Duration,
    cut_short: Option<CutShort>,
    from: u64,
    hint: impl FnOnce() -> Option<String>,
) -> UartError {
    let waited = Duration::from_millis(waited.as_millis() as u64);
    let error = UartError::new(&uart.name, operation, UartErrorKind::Timeout { waited });
    let error = error.with_excerpt(seen(&uart.transcript, from));
    if let Some(why) = pause_reason(uart) {
        return error.with_hint(Some(why.to_owned()));
    }
    let guest = cut_short.map(|cut_short| match cut_short {
        CutShort::Had(had) => {
            format!("the guest has had only {had:?} of its time: its emulator is very slow")
        }
        CutShort::AtLeast(_) | CutShort::NoAnswer(_) | CutShort::Unknown => {
            "how much of its time the guest has had is not known: its emulator does not tell"
                .to_owned()
        }
    });
    let hint = hint();
    let question = match hint {
        Some(_) => None,
        None => no_output_hint(uart),
    };
    let says_it = hint.as_ref().is_some_and(|hint| hint.contains(SENT_WITH));
    let sent = last_sent(uart).filter(|_| !says_it);
    let hints: Vec<String> = guest.into_iter().chain(hint).chain(sent).collect();
    let hint = (!hints.is_empty()).then(|| hints.join("; "));
    error.with_hint(hint).with_question(question)
}

/// Returns what was sent last since the board was started, if anything was.
fn last_sent(uart: &UartState) -> Option<String> {
    let start = uart.transcript.segment_start();
    let conversation = lock(&uart.conversation);
    let sent = conversation.sent_end_since(start)?;
    Some(format!("last sent: \"{}\"", sent.escape_ascii()))
}

/// Creates the error of an operation that the host's watchdog has ended after `on_host`; the guest
/// may have run for less than the time limit `of`. `excerpt` describes the output.
pub(crate) fn watchdog(
    uart: &UartState,
    operation: String,
    on_host: Duration,
    cut_short: Option<CutShort>,
    of: Duration,
    excerpt: String,
) -> UartError {
    let (had, why) = match cut_short {
        Some(CutShort::Had(had)) => (Some(had), Stalled::Slow),
        Some(CutShort::AtLeast(had)) => (Some(had), Stalled::Unknown),
        Some(CutShort::NoAnswer(had)) => (Some(had), Stalled::NoAnswer),
        Some(CutShort::Unknown) => (None, Stalled::NoAnswer),
        None => (None, Stalled::Unknown),
    };
    let on_host = Duration::from_millis(on_host.as_millis() as u64);
    let clock = match uart.virtual_clock() {
        Some(_) => ClockKind::Virtual,
        None => ClockKind::Realtime,
    };
    let kind = UartErrorKind::Watchdog {
        on_host,
        had,
        of,
        why,
        clock,
    };
    let hint = pause_reason(uart).map_or_else(|| stalled(clock, why), str::to_owned);
    UartError::new(&uart.name, operation, kind)
        .with_hint(Some(hint))
        .with_excerpt(excerpt)
}

/// Says why the guest does not get on, and what to do if the host is the reason.
fn stalled(clock: ClockKind, why: Stalled) -> String {
    let remedy = match clock {
        ClockKind::Virtual => "raise `timeouts: command:`",
        ClockKind::Realtime => "give the wait a longer limit (`within`)",
    };
    format!("{why}; {remedy} if the host is that slow")
}

/// Creates the error that the bytes of `operation` were not written.
pub(crate) fn not_sent(uart: &UartState, operation: String, why: NotSent) -> UartError {
    UartError::new(&uart.name, operation, UartErrorKind::NotSent { why })
}

/// Creates the error that the bytes of `operation` were not written in time; `excerpt` says why, or how
/// many were.
pub(crate) fn sent_too_late(
    uart: &UartState,
    operation: String,
    waited: Duration,
    excerpt: String,
) -> UartError {
    UartError::new(&uart.name, operation, UartErrorKind::Timeout { waited }).with_excerpt(excerpt)
}

/// Describes bytes that the stream has not accepted.
pub(crate) fn not_accepted() -> String {
    "its other end does not take it, or not so fast (a line of 115200 baud takes some 11 bytes in a millisecond)"
        .to_owned()
}

/// Describes bytes that the stream may have accepted.
pub(crate) fn sent_in_part() -> String {
    "it may have been sent in part".to_owned()
}

/// Describes how many bytes a send has written.
pub(crate) fn sent_so_far(count: usize) -> String {
    format!("{count} bytes have been sent")
}

/// Describes the output from `from` on.
pub(crate) fn seen(transcript: &Transcript, from: u64) -> String {
    let end = transcript.end_position().offset;
    let total = end - from;
    if total == 0 {
        return match end {
            0 => "nothing has arrived at all".to_owned(),
            _ => format!(
                "no unread bytes; read before that:{}",
                tail(transcript, 0..end)
            ),
        };
    }
    let bytes = if total == 1 { "byte" } else { "bytes" };
    let (shown, hidden) = (tail(transcript, from..end), hidden(transcript, from..end));
    format!("{total} unread {bytes}:{shown}{hidden}")
}

/// Describes the end of all output.
pub(crate) fn last_words(uart: &UartState) -> String {
    let (name, end) = (&uart.name, uart.transcript.end_position().offset);
    match end {
        0 => format!("{name} has printed nothing"),
        _ => {
            let (shown, hidden) = (
                tail(&uart.transcript, 0..end),
                hidden(&uart.transcript, 0..end),
            );
            format!("the last output of {name}:{shown}{hidden}")
        }
    }
}

/// Shows the end of the output if it is an unfinished escape sequence: noise can look like one.
fn hidden(transcript: &Transcript, range: std::ops::Range<u64>) -> String {
    const SHOWN: usize = 80;
    let unfinished = transcript.unfinished_sequence();
    let slice = TranscriptSlice {
        transcript,
        range,
        view: View::Raw,
    };
    let bytes = slice.last(unfinished).unwrap_or_default();
    let Some(first) = bytes.chunks(SHOWN).next() else {
        return String::new();
    };
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!(
        "\n  the {} bytes after that are taken for an escape sequence that has not ended: \"{}{more}\"; with \
         `strip_ansi: false` in the target's YAML they are text",
        bytes.len(),
        first.escape_ascii()
    )
}

/// Shows the output up to `end`.
fn up_to(transcript: &Transcript, end: u64) -> String {
    format!("the output up to there:{}", tail(transcript, 0..end))
}

/// Shows the line that contains the byte before `end`, with the output before and behind it.
fn around(transcript: &Transcript, end: u64) -> String {
    let arrived = transcript.end_position().offset;
    let (end, after) = (
        end.min(arrived),
        TranscriptSlice {
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

/// Shows the end of `range`, and `rest`, which follows it.
fn tail_and(transcript: &Transcript, range: std::ops::Range<u64>, rest: &[u8]) -> String {
    let slice = TranscriptSlice {
        transcript,
        range,
        view: View::Text,
    };
    let mut bytes = match slice.last(SEARCHED_BYTES) {
        Ok(bytes) => bytes,
        Err(e) => return format!(" ({e})"),
    };
    let start = shown::last(&bytes, SHOWN_BYTES);
    let lines = bytes[start..].split_inclusive(|byte| *byte == b'\n');
    let cut = lines.count().saturating_sub(SHOWN_LINES);
    let is_cut = cut > 0 || start > 0 || bytes.len() == SEARCHED_BYTES;
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

//! The errors of operations, with the board's output: every text of a failure.

use super::aftermath;
use crate::uart::error::ExpectError;
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

/// Creates the error of `wanted`, which the match of a guard made fail.
pub(crate) fn forbidden(uart: &UartState, forbidden: &ForbiddenMatch, wanted: &str) -> ExpectError {
    ExpectError::Forbidden {
        uart: uart.name.clone(),
        // The description may end in a clause.
        wanted: wanted.trim_end_matches(',').to_owned(),
        pattern: forbidden.pattern.to_string(),
        seen: around(&uart.transcript, forbidden.end),
        reported: uart.transcript.report_forbidden(),
    }
}

/// Creates the error that the output from `from` on does not determine the answer.
pub(crate) fn ambiguous(uart: &UartState, wanted: String, why: &str, from: u64) -> ExpectError {
    ExpectError::Ambiguous {
        uart: uart.name.clone(),
        wanted,
        why: why.to_owned(),
        seen: seen(&uart.transcript, from),
    }
}

/// Creates the error that `found` appeared, which `wanted` excludes and which ends at `end`.
pub(crate) fn unexpected(uart: &UartState, wanted: String, found: &[u8], end: u64) -> ExpectError {
    ExpectError::Unexpected {
        uart: uart.name.clone(),
        wanted,
        found: shown::shown(found),
        seen: up_to(&uart.transcript, end),
    }
}

/// Describes the output from `from` on.
pub(crate) fn seen(transcript: &Transcript, from: u64) -> String {
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

//! Hints for the error of a pattern that was not found: guesses at what is wrong with it.
//!
//! A hint only changes the error's text, never the result of an operation.

use super::near_miss::{near_miss, similar};
use super::shell_hint::{echo_alone, echo_unfinished, other_prompt};
use std::sync::Weak;

use crate::sync::lock;
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{Kind, Pattern, REGEX_PREFIX};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::slice::TranscriptSlice;

/// The number of bytes that are searched before the end of the output and before the cursor.
const SEARCHED_BYTES: usize = 64 << 10;

/// Returns the reason why the guest does not run, if known.
pub(crate) fn pause_reason(uart: &UartState) -> Option<&'static str> {
    if uart.is_stopped() {
        return Some("its emulator is stopped by a signal; continue it with SIGCONT");
    }
    let has_no_output = uart.transcript.end_position().offset == 0;
    (uart.is_bare() && has_no_output).then_some(
        "no firmware was named for the board: name it in the target's YAML (`firmware`) or in the test \
         (`firmware(…)`, `flash(…)`)",
    )
}

/// Returns the hint for a UART that has received nothing at all.
pub(crate) fn no_output_hint(uart: &UartState) -> Option<String> {
    let others = lock(&uart.others).clone();
    let printing = others.iter().filter_map(Weak::upgrade);
    let printing = printing.into_iter().find(|other| !is_silent(other));
    if is_silent(uart)
        && let Some(other) = printing
    {
        let printed = other.transcript.end_position().offset;
        return Some(format!(
            "another UART of the board, {}, has printed {printed} bytes: does the firmware write to that one?",
            other.name
        ));
    }
    is_silent(uart).then(|| {
        "is this the UART that the firmware writes to (in the target's YAML: `uart`, for QEMU \
         `qemu.serial`, for a physical board `serial.port` and `serial.baud`), and does the firmware run?"
            .to_owned()
    })
}

/// Returns true if the UART has received nothing at all.
pub(super) fn is_silent(uart: &UartState) -> bool {
    uart.transcript.end_position().offset == 0
}

/// Returns a hint why `pattern` was not found in the output from `from` on.
pub(crate) fn hint(
    uart: &UartState,
    pattern: &Pattern,
    in_lines: bool,
    from: u64,
) -> Option<String> {
    let transcript = &*uart.transcript;
    let end = transcript.end_position().offset;
    let output = |range, view| {
        let slice = TranscriptSlice {
            transcript,
            range,
            view,
        };
        slice.last(SEARCHED_BYTES).unwrap_or_default()
    };
    let text = |range| output(range, View::Text);
    let found = |text: &[u8]| matches!(pattern.find(text), Ok(Some(_)));
    let since = text(from..end);
    let unfinished = memchr::memrchr2(b'\r', b'\n', &since).map_or(0, |at| at + 1);
    if in_lines && found(&since[unfinished..]) {
        return Some(
            "it is in the last line, which is not finished: no end-of-line yet; expect needs none"
                .to_owned(),
        );
    }
    if found(&output(from..end, View::Raw)) {
        let what =
            "the bytes that would match are taken for a part of an escape sequence, and left out";
        // The end of the output says the same of one that has not ended.
        return Some(match transcript.unfinished_sequence() {
            0 => format!("{what}: with `strip_ansi: false` in the target's YAML that is text"),
            _ => what.to_owned(),
        });
    }
    if let Some(near) = near_miss(pattern, &since, in_lines) {
        return Some(near);
    }
    if !in_lines && is_line_start_meant(pattern, &since) {
        return Some(
            "`^` is where the search began, not where a line starts: use expect_line, or write (?m)^"
                .to_owned(),
        );
    }
    // Only what followed the last bytes sent: a prompt, for example, has always appeared before them.
    let asked = lock(&uart.conversation).sent_at().unwrap_or(0);
    if found(&text(asked.min(from)..from)) {
        return Some(
            "it had appeared before, in what was read already: each operation goes on where the last one stopped"
                .to_owned(),
        );
    }
    let meant = regex_meant(pattern, &since, in_lines).map(|meant| {
        // Something like it is there already.
        let prefix = pattern.source().get(..REGEX_PREFIX.len());
        let exactly = match prefix {
            Some(it) if it == REGEX_PREFIX => ", without a space after it",
            Some(it) if it.eq_ignore_ascii_case(REGEX_PREFIX) => ", in lower case",
            _ => "",
        };
        format!("{meant:?} would have matched: a regular expression starts with \"re:\"{exactly}")
    });
    meant
        .or_else(|| elsewhere(uart, pattern, in_lines))
        .or_else(|| echo_alone(uart, &text(asked..end)))
        .or_else(|| echo_unfinished(uart, &text(asked..end)))
        .or_else(|| similar(pattern, &since))
        .or_else(|| other_prompt(pattern, &since))
}

/// Returns a hint if the pattern is in the output of another UART of the board, since its last start.
fn elsewhere(uart: &UartState, pattern: &Pattern, in_lines: bool) -> Option<String> {
    let others = lock(&uart.others).clone();
    let others = others.iter().filter_map(Weak::upgrade);
    let found = others.into_iter().find(|other| {
        let transcript = &*other.transcript;
        let range = transcript.segment_start().offset..transcript.end_position().offset;
        let slice = TranscriptSlice {
            transcript,
            range,
            view: View::Text,
        };
        let text = slice.last(SEARCHED_BYTES).unwrap_or_default();
        match in_lines {
            true => text
                .split(|byte| LINE_ENDS.contains(byte))
                .any(|line| matches(pattern, line)),
            false => matches(pattern, &text),
        }
    })?;
    Some(format!(
        "it has appeared on another UART of the board, {}",
        found.name
    ))
}

/// Returns `pattern` as a regular expression with the right prefix, if that matches.
fn regex_meant(pattern: &Pattern, text: &[u8], in_lines: bool) -> Option<String> {
    let source = &**pattern.source();
    let regex = match source.get(..REGEX_PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(REGEX_PREFIX) => {
            source[REGEX_PREFIX.len()..].trim_start()
        }
        _ if matches!(pattern.kind(), Kind::Literal(_)) && is_plainly_regex(source) => source,
        _ => return None,
    };
    let meant = format!("{REGEX_PREFIX}{regex}");
    if meant == source {
        return None;
    }
    let regex = Pattern::new(&meant).ok()?;
    let matches = |text| matches(&regex, text);
    let found = match in_lines {
        true => text.split(|byte| LINE_ENDS.contains(byte)).any(matches),
        false => matches(text),
    };
    found.then_some(meant)
}

/// Returns true if `text` has syntax of regular expressions that is rare in logs; brackets are not.
fn is_plainly_regex(text: &str) -> bool {
    let syntax = [r"\d", r"\w", r"\s", r"\S", ".*", ".+"];
    text.starts_with('^') || syntax.iter().any(|part| text.contains(part))
}

/// Returns true if `pattern` would match with `^` as the start of a line.
fn is_line_start_meant(pattern: &Pattern, text: &[u8]) -> bool {
    let regex = pattern.source().strip_prefix(REGEX_PREFIX);
    let regex = regex.filter(|regex| regex.starts_with('^'));
    let lines = regex.map(|regex| Pattern::new(format!("{REGEX_PREFIX}(?m){regex}")));
    lines.is_some_and(|lines| lines.is_ok_and(|lines| matches(&lines, text)))
}

/// Returns true if `pattern` has a match that is not empty.
fn matches(pattern: &Pattern, text: &[u8]) -> bool {
    let found = pattern.find(text).ok().flatten();
    let whole = found.and_then(|groups| groups.into_iter().next().flatten());
    whole.is_some_and(|range| !range.is_empty())
}

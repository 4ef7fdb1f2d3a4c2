//! Hints for the error of a pattern that was not found: guesses at what is wrong with it.
//!
//! A hint only changes the error's text, never the result of an operation.

use crate::sync::lock;
use crate::uart::pattern::decode::lossy;
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
    let silent = uart.transcript.end_position().offset == 0;
    silent.then(|| {
        "is this the UART that the firmware writes to (in the target's YAML: `uart`, for QEMU \
         `qemu.serial`, for a physical board `serial.port` and `serial.baud`), and does the firmware run?"
            .to_owned()
    })
}

/// Returns the hint for a board that has printed no prompt since its start, or since `line` was sent.
pub(crate) fn no_prompt_hint(is_start: bool, line: &[u8]) -> String {
    let since = match (is_start, line) {
        (true, _) => "the board was started".to_owned(),
        (false, []) => "something was sent".to_owned(),
        (false, line) => format!("\"{}\" was sent", line.escape_ascii()),
    };
    format!(
        "no prompt has come since {since}; if none follows that, use send_line and expect instead of run"
    )
}

/// Returns the hint for a board that has not echoed a command of `length` bytes; `begun` is the number of
/// bytes that it has echoed, and true if these are all.
pub(crate) fn no_echo_hint(begun: Option<(usize, bool)>, length: usize) -> String {
    match begun {
        Some((_, true)) => {
            "the board has echoed the command, but not ended the line: is its line ending \
             another one (`line_ending: cr`)?"
                .to_owned()
        }
        Some((begun, false)) => format!(
            "the board has echoed {begun} of the command's {length} bytes: it does not take as many at once; \
             send a shorter line, or use send_paced"
        ),
        None => "the board has not echoed the command as it was sent; if it does not echo, say so \
             (`echo: off`), and if it breaks off long lines, send a shorter one"
            .to_owned(),
    }
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
            "it is in the last line, which is not finished: no end-of-line yet".to_owned(),
        );
    }
    if found(&output(from..end, View::Raw)) {
        return Some(
            "it is within what is taken for an escape sequence, which matching passes over: with \
             `strip_ansi: false` in the target's YAML that is text"
                .to_owned(),
        );
    }
    if let Some(other) = other_case(pattern, &since) {
        return Some(format!("there is {other:?}, which differs only in case"));
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
    regex_meant(pattern, &since, in_lines).map(|meant| {
        format!(
            "{meant:?} would have matched: a regular expression starts with \"re:\", in lower case and with no space behind it"
        )
    })
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

/// Returns the part of `text` that differs from the literal `pattern` only in case.
fn other_case(pattern: &Pattern, text: &[u8]) -> Option<String> {
    let Kind::Literal(finder) = pattern.kind() else {
        return None;
    };
    let needle = finder.needle();
    let found = text
        .windows(needle.len().max(1))
        .find(|window| window.eq_ignore_ascii_case(needle))?;
    Some(lossy(found).into_owned())
}

//! What may be wrong with a pattern that was not found: hints for the error's text.
//!
//! Only a guess is made from what is there; the search is over and nothing depends on it.

use crate::sync::lock;
use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{Kind, Pattern, REGEX_PREFIX};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::slice::TranscriptSlice;

/// How much of the output is looked at, from the end and from the cursor back.
const LOOKED_AT: usize = 64 << 10;

/// What may be wrong where nothing has been received at all.
pub(crate) fn silent(uart: &UartState) -> Option<String> {
    let silent = uart.transcript.end_position().offset == 0;
    silent.then(|| {
        "is this the UART that the firmware writes to (in the target's YAML: `uart`, for QEMU \
         `qemu.serial`, for a physical board `serial.port` and `serial.baud`), and does the firmware run?"
            .to_owned()
    })
}

/// Why `pattern`, which was looked for from `from` on, may not have been found.
pub(crate) fn hint(
    uart: &UartState,
    pattern: &Pattern,
    in_lines: bool,
    from: u64,
) -> Option<String> {
    let transcript = &*uart.transcript;
    let end = transcript.end_position().offset;
    let output = |range, view| {
        let stretch = TranscriptSlice {
            transcript,
            range,
            view,
        };
        stretch.last(LOOKED_AT).unwrap_or_default()
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
    // A prompt, for one, has always appeared before: what was sent since asks for another one.
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

/// The regular expression that `pattern` would be with the right prefix, if that matches.
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

/// Whether a text has what only regular expressions have; brackets are in many a log.
fn is_plainly_regex(text: &str) -> bool {
    let timestamps = [r"\d", r"\w", r"\s", r"\S", ".*", ".+"];
    text.starts_with('^') || timestamps.iter().any(|mark| text.contains(mark))
}

/// Whether `pattern` would have matched if its `^` were the start of a line.
fn is_line_start_meant(pattern: &Pattern, text: &[u8]) -> bool {
    let regex = pattern.source().strip_prefix(REGEX_PREFIX);
    let regex = regex.filter(|regex| regex.starts_with('^'));
    let lines = regex.map(|regex| Pattern::new(format!("{REGEX_PREFIX}(?m){regex}")));
    lines.is_some_and(|lines| lines.is_ok_and(|lines| matches(&lines, text)))
}

/// Whether `pattern` matches something that is not empty.
fn matches(pattern: &Pattern, text: &[u8]) -> bool {
    let found = pattern.find(text).ok().flatten();
    let whole = found.and_then(|groups| groups.into_iter().next().flatten());
    whole.is_some_and(|range| !range.is_empty())
}

/// What in `text` is the literal `pattern` but for its case.
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

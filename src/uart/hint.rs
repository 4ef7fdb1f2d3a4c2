//! What may be wrong with a pattern that was not found: hints for the error's text.
//!
//! Only a guess is made from what is there; the search is over and nothing depends on it.

use super::chunk::View;
use super::pattern::{Kind, Pattern};
use super::search::Stretch;
use super::transcript::Transcript;

/// How much of the output is looked at, from the end and from the cursor back.
const LOOKED_AT: usize = 64 << 10;

/// What may be wrong where nothing has been received at all.
pub(super) fn silent(transcript: &Transcript) -> Option<String> {
    let silent = transcript.end_position().offset == 0;
    silent.then(|| {
        "is this the UART that the firmware writes to (in the target's YAML: `uart`, for QEMU \
         `qemu.serial`, for a physical board `serial.port` and `serial.baud`), and does the firmware run?"
            .to_owned()
    })
}

/// Why `pattern`, which was looked for from `from` on, may not have been found.
pub(super) fn hint(
    transcript: &Transcript,
    pattern: &Pattern,
    in_lines: bool,
    from: u64,
) -> Option<String> {
    let end = transcript.end_position().offset;
    let text = |range| {
        let stretch = Stretch {
            transcript,
            range,
            view: View::Text,
        };
        stretch.last(LOOKED_AT).unwrap_or_default()
    };
    let found = |text: &[u8]| matches!(pattern.find(text), Ok(Some(_)));
    let since = text(from..end);
    let unfinished = memchr::memrchr2(b'\r', b'\n', &since).map_or(0, |at| at + 1);
    if in_lines && found(&since[unfinished..]) {
        return Some(
            "it is in the last line, which is not finished: no end-of-line yet".to_owned(),
        );
    }
    if let Some(other) = other_case(pattern, &since) {
        return Some(format!("there is {other:?}, which differs only in case"));
    }
    found(&text(0..from)).then(|| {
        "it had appeared before, in what was read already: each operation goes on where the last one stopped"
            .to_owned()
    })
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
    Some(String::from_utf8_lossy(found).into_owned())
}

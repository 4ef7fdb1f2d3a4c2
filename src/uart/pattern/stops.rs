//! The output at which a guest is stopped for a pattern: [`stream_stops`] and [`line_stops`].
//!
//! A match ends with one of the pattern's [final bytes](final_bytes), and the line in which it
//! ends contains a text that the pattern requires.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::decode::REPLACEMENT;
use super::final_bytes::{LINE_ENDS, final_bytes};
use super::{Kind, Pattern};
use crate::runtime::{ByteSet, Stops, Texts};

/// The limits for the required texts of a pattern: their number, and the bytes of each.
const MAX_TEXTS: usize = 8;
const MAX_TEXT: usize = 32;

/// Returns the stops of a pattern that is looked for on a stream.
pub(crate) fn stream_stops(pattern: &Pattern) -> Stops {
    // A match that began in an earlier line may have its text there.
    let in_one_line = match pattern.kind() {
        Kind::Literal(finder) => !finder.needle().contains(&b'\n'),
        Kind::StreamRegex(regex) => !matches_newline(regex.hir()),
        Kind::Text(_) | Kind::Bytes(_) | Kind::Function(_) => false,
    };
    stops(pattern, final_bytes(pattern), in_one_line)
}

/// Returns the stops of a pattern that is looked for in whole lines.
pub(crate) fn line_stops(pattern: &Pattern) -> Stops {
    stops(pattern, ByteSet::of(LINE_ENDS), true)
}

/// Returns the stops of what needs each line.
pub(crate) fn line_ends() -> Stops {
    Stops::at(ByteSet::of(LINE_ENDS))
}

fn stops(pattern: &Pattern, bytes: ByteSet, in_one_line: bool) -> Stops {
    let texts = in_one_line.then(|| required_texts(pattern)).flatten();
    match texts {
        Some(texts) => Stops::in_lines_with(texts, bytes),
        None => Stops::at(bytes),
    }
}

/// Returns texts of which each match contains one, if they are known.
fn required_texts(pattern: &Pattern) -> Option<Texts> {
    let texts = match pattern.kind() {
        Kind::Literal(finder) => vec![finder.needle().to_vec()],
        Kind::StreamRegex(regex) => required(regex.hir())?,
        Kind::Text(_) | Kind::Bytes(_) | Kind::Function(_) => return None,
    };
    let texts = texts.into_iter().map(|mut text| {
        text.truncate(MAX_TEXT);
        (!text.is_empty()).then(|| text.into_boxed_slice())
    });
    texts.collect::<Option<Vec<_>>>().map(Texts::from)
}

fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => None,
        HirKind::Literal(literal) => {
            let text = literal.0.to_vec();
            // It also matches bytes that are no text.
            let is_exact = !String::from_utf8_lossy(&text).contains(REPLACEMENT);
            is_exact.then(|| vec![text])
        }
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) => {
            (repetition.min > 0).then(|| required(&repetition.sub))?
        }
        HirKind::Concat(parts) => parts.iter().filter_map(required).max_by_key(shortest),
        HirKind::Alternation(choices) => {
            let texts: Option<Vec<_>> = choices.iter().map(required).collect();
            let texts = texts?.concat();
            (texts.len() <= MAX_TEXTS).then_some(texts)
        }
    }
}

#[allow(clippy::ptr_arg, reason = "the key of an iterator of vectors")]
fn shortest(texts: &Vec<Vec<u8>>) -> Option<usize> {
    texts.iter().map(Vec::len).min()
}

fn matches_newline(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(Class::Bytes(class)) => {
            let mut ranges = class.iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&b'\n'))
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut ranges = class.iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&'\n'))
        }
        HirKind::Repetition(repetition) => matches_newline(&repetition.sub),
        HirKind::Capture(capture) => matches_newline(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(matches_newline),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::uart::pattern::stream::Engine;

    fn texts_of(pattern: &str) -> Option<Vec<String>> {
        let texts = required_texts(&Pattern::new(pattern).unwrap())?;
        let texts = texts.iter().map(|text| String::from_utf8_lossy(text));
        Some(texts.map(|text| text.into_owned()).collect())
    }

    #[test]
    fn the_longest_required_text_is_used() {
        for (pattern, expected) in [
            ("done 20000", &["done 20000"][..]),
            (r"re:up (\d+) ms now", &[" ms now"]),
            ("re:(error|warning): (.*)", &["error", "warning"]),
            (r"re:(?:ok)+\d", &["ok"]),
        ] {
            assert_eq!(texts_of(pattern).unwrap(), expected, "{pattern}");
        }
        for pattern in [r"re:\d+", "re:(?i)ok", "re:(ok)*\\d", "re:a|[0-9]"] {
            assert_eq!(texts_of(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_match_of_several_lines_requires_no_text_in_the_last() {
        for pattern in ["a\nb", "re:a\nb", "re:(?s)a.b", r"re:a\sb"] {
            let pattern = Pattern::new(pattern).unwrap();
            let expected = Stops::at(final_bytes(&pattern));
            assert_eq!(stream_stops(&pattern), expected, "{pattern}");
        }
    }

    /// The part of `text` that is in its last line.
    fn last_line(text: &[u8]) -> &[u8] {
        let before = &text[..text.len().saturating_sub(1)];
        let start = before.iter().rposition(|byte| *byte == b'\n');
        &text[start.map_or(0, |at| at + 1)..]
    }

    proptest! {
        #[test]
        fn each_match_is_a_stop(
            pattern in "(re:[ab](?:[ab.]|\\(c\\|d[?]\\)|\\(ab\\|cd\\)|[a-c][*+?]|\\\\d|é|\\\\s|\\n)[*?]{0,1}[abd]{0,1}|[abcd]{1,3})",
            text in prop::collection::vec(prop::sample::select(&b"abcd09\n\xc3\xa9\xff"[..]), 0..60),
        ) {
            let Ok(pattern) = Pattern::new(&pattern) else { return Ok(()) };
            if let Ok(mut engine) = Engine::new(&pattern)
                && let Some(end) = engine.feed(&text).unwrap()
            {
                let text = &text[..end.known];
                let last = text[end.known - 1];
                prop_assert!(stream_stops(&pattern).stops_at(last, last_line(text)));
            }
            for line in text.split(|byte| *byte == b'\n') {
                if let Ok(Some(_)) = pattern.find(line) {
                    prop_assert!(line_stops(&pattern).stops_at(b'\n', line));
                }
            }
        }
    }
}

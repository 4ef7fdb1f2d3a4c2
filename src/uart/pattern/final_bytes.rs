//! The bytes that can complete a match, so that a guest has to be paused only at these.
//!
//! A superfluous byte in the set costs time; a missing one would let the guest run beyond the
//! match.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::decode::REPLACEMENT;
use super::stream_regex::matches_replacement;
use super::{Kind, Pattern};
use crate::runtime::ByteSet;

/// The bytes that end a line.
pub(crate) const LINE_ENDS: [u8; 2] = [b'\n', b'\r'];

/// Returns the bytes that can end a match of `pattern` on a stream.
pub(crate) fn final_bytes(pattern: &Pattern) -> ByteSet {
    let last = match pattern.kind() {
        Kind::Literal(finder) => ByteSet::of(finder.needle().last().copied()),
        Kind::StreamRegex(regex) => of(regex.hir()),
        // Foreign code may match anything.
        Kind::Text(_) | Kind::Bytes(_) | Kind::Function(_) => ByteSet::ALL,
    };
    match last {
        ByteSet::NONE => ByteSet::ALL,
        last => last,
    }
}

fn of(hir: &Hir) -> ByteSet {
    match hir.kind() {
        // Assertions at a match's end look back only: those that look ahead are refused on a stream.
        HirKind::Empty | HirKind::Look(_) => ByteSet::NONE,
        // Any next byte can show that this one is invalid.
        HirKind::Literal(literal) if literal.0.ends_with(REPLACEMENT.as_bytes()) => ByteSet::ALL,
        HirKind::Class(class) if matches_replacement(class) => ByteSet::ALL,
        HirKind::Literal(literal) => ByteSet::of(literal.0.last().copied()),
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.iter().map(|range| range.start()..=range.end());
            ByteSet::of(ranges.flatten())
        }
        HirKind::Class(Class::Unicode(class)) => {
            let (ranges, continuation) = (class.iter(), ByteSet::of(0x80..=0xbf));
            ranges.fold(ByteSet::NONE, |set, range| {
                let ascii = u32::from(range.start())..=u32::from(range.end()).min(0x7f);
                let ascii = ByteSet::of(ascii.filter_map(|code| u8::try_from(code).ok()));
                let more = match range.end() {
                    '\0'..='\x7f' => ByteSet::NONE,
                    _ => continuation,
                };
                set.union(ascii).union(more)
            })
        }
        HirKind::Repetition(repetition) => of(&repetition.sub),
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Alternation(choices) => choices
            .iter()
            .fold(ByteSet::NONE, |set, choice| set.union(of(choice))),
        HirKind::Concat(parts) => {
            let mut set = ByteSet::NONE;
            for part in parts.iter().rev() {
                set = set.union(of(part));
                if part.properties().minimum_len() != Some(0) {
                    break;
                }
            }
            set
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::uart::pattern::IntoPattern;
    use crate::uart::pattern::stream::Engine;

    fn ends_of(pattern: &str) -> ByteSet {
        final_bytes(&Pattern::new(pattern).unwrap())
    }

    #[test]
    fn final_bytes_of_patterns() {
        let cases: [(&str, &[u8]); 9] = [
            ("ready", b"y"),
            ("re:up ([0-9]+) ms", b"s"),
            ("re:[0-9]+", b"0123456789"),
            ("re:ab?c*", b"abc"),
            ("re:(?:foo|bar|[xy])", b"orxy"),
            ("re:(?:a|b)(?:c|d){0,2}", b"abcd"),
            ("re:(?i)ok", b"kK\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf"),
            ("re:(?m)done\n^", b"\n"),
            ("re:(?-u)[\\xf0-\\xf2]", b"\xf0\xf1\xf2"),
        ];
        for (pattern, expected) in cases {
            let expected = ByteSet::of(expected.iter().copied());
            assert_eq!(ends_of(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn final_bytes_of_foreign_patterns_are_all_bytes() {
        let closure = |_: &[u8]| None::<std::ops::Range<usize>>;
        let patterns = [
            closure.into_pattern(),
            #[cfg(feature = "expectrl")]
            expectrl::NBytes(3).into_pattern(),
            (&regex::Regex::new("x").unwrap()).into_pattern(),
            (&regex::bytes::Regex::new("x").unwrap()).into_pattern(),
        ];
        for pattern in patterns {
            assert_eq!(final_bytes(&pattern.unwrap()), ByteSet::ALL);
        }
    }

    proptest! {
        #[test]
        fn every_match_ends_with_a_final_byte(
            pattern in "re:[ab](?:[ab.]|\\(c\\|d[?]\\)|[a-c][*+?]|\\\\d|é|\\[\\^b\\]|\\(\\?-u:[.]\\))[*?]{0,1}[abd]{0,1}",
            text in prop::collection::vec(prop::sample::select(&b"abcd09\xc3\xa9\xff"[..]), 0..40),
        ) {
            let Ok(pattern) = Pattern::new(&pattern) else { return Ok(()) };
            let Ok(mut engine) = Engine::new(&pattern) else { return Ok(()) };
            let set = final_bytes(&pattern);
            if let Some(end) = engine.feed(&text).unwrap() {
                let last = ByteSet::of([text[end.known - 1]]);
                prop_assert_eq!(set.union(last), set, "{} in {:?}", pattern, text);
            }
        }
    }
}

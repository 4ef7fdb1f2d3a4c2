//! The output that almost matches a pattern: [`near_miss`] and [`similar`].
//!
//! A literal is made into a regular expression that allows one kind of difference, such as other
//! spaces. What that finds is shown with the differing part marked. Misspellings are found by their
//! edit distance.

use std::ops::Range;

use regex::bytes::Regex;

use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{Kind, Pattern, REGEX_PREFIX};
use crate::uart::shown::shown;

/// The longest literal that is compared.
const LONGEST: usize = 256;
/// The shortest literal, in characters that are no spaces, of which a part is compared.
const SHORTEST: usize = 3;
/// The shortest literal that is searched for misspellings, in characters.
const SHORTEST_WORD: usize = 5;
/// The number of lines that are searched for misspellings.
const LINES: usize = 200;
/// The number of pairs of characters that are compared in the search for misspellings.
const COMPARISONS: usize = 2 << 20;

/// Characters that look alike in many fonts.
const LOOK_ALIKES: [&str; 2] = ["0Oo", "1lI|"];

/// A difference that is easily overlooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    Case,
    Spaces,
    LineEnds,
    LookAlikes,
}

/// Describes the text that differs from the pattern in one respect that is easily overlooked.
pub(super) fn near_miss(pattern: &Pattern, text: &[u8], in_lines: bool) -> Option<String> {
    use Difference::{Case, LineEnds, LookAlikes, Spaces};
    let differences = [Case, Spaces, LineEnds, LookAlikes];
    let Some(needle) = literal(pattern) else {
        let differences = [Case, Spaces].into_iter();
        let source = pattern.source().strip_prefix(REGEX_PREFIX)?;
        let relaxed = differences.filter_map(|it| Some((it, relaxed_regex(source, it)?)));
        return relaxed.into_iter().find_map(|(difference, regex)| {
            let found = last_match(&Pattern::new(regex).ok()?, text, in_lines)?;
            let found = shown(&found);
            Some(format!(
                "there is \"{found}\", which differs only in {}",
                difference.name()
            ))
        });
    };
    differences.into_iter().find_map(|difference| {
        let regex = Regex::new(&relaxed_literal(needle, difference)?).ok()?;
        let found = regex.find_iter(text).last()?.as_bytes();
        differing(needle, found, difference.name())
    })
}

/// Describes the text that differs from the pattern in digits or a few characters.
pub(super) fn similar(pattern: &Pattern, text: &[u8]) -> Option<String> {
    let needle = literal(pattern)?;
    other_digits(needle, text)
        .or_else(|| cut_off(needle, text))
        .or_else(|| misspelt(needle, text))
}

/// Returns the pattern's text, if it is plain text of a length that can be compared.
fn literal(pattern: &Pattern) -> Option<&str> {
    let Kind::Literal(finder) = pattern.kind() else {
        return None;
    };
    let needle = std::str::from_utf8(finder.needle()).ok()?;
    (!needle.is_empty() && needle.len() <= LONGEST).then_some(needle)
}

impl Difference {
    fn name(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Spaces => "spaces",
            Self::LineEnds => "line ends",
            Self::LookAlikes => "characters that look alike",
        }
    }
}

/// Returns the name of a character that looks like another one.
fn look_alike(c: char) -> String {
    match c {
        '0'..='9' => format!("the digit {c}"),
        'a'..='z' => format!("the small letter {c}"),
        'A'..='Z' => format!("the capital letter {c}"),
        _ => format!("\"{c}\""),
    }
}

/// Returns a regular expression for `needle` with this difference; none if it cannot have it.
fn relaxed_literal(needle: &str, difference: Difference) -> Option<String> {
    let visible = needle.chars().filter(|c| !c.is_whitespace()).count();
    let escaped = |c: char| regex::escape(c.encode_utf8(&mut [0; 4]));
    match difference {
        Difference::Case => Some(format!("(?i){}", regex::escape(needle))),
        Difference::Spaces if visible < SHORTEST => None,
        Difference::Spaces => {
            let (mut regex, mut last) = (String::new(), None);
            for c in needle.chars() {
                // Within a word, a space makes other words of it.
                let in_word = |last: char| last.is_alphanumeric() && c.is_alphanumeric();
                match c {
                    ' ' | '\t' => {}
                    _ if last.is_none_or(in_word) => regex.push_str(&escaped(c)),
                    _ => regex.push_str(&format!("{SPACES}{}", escaped(c))),
                }
                last = Some(c);
            }
            Some(regex)
        }
        Difference::LineEnds => {
            let is_end = |c: char| matches!(c, '\r' | '\n');
            let text = needle.trim_matches(is_end);
            if text.is_empty() || text.len() == needle.len() && !needle.contains(is_end) {
                return None;
            }
            let lines: Vec<_> = needle.split(is_end).filter(|it| !it.is_empty()).collect();
            let lines: Vec<_> = lines.into_iter().map(regex::escape).collect();
            let end = |has: bool| if has { r"[\r\n]+" } else { "" };
            let (first, last) = (needle.starts_with(is_end), needle.ends_with(is_end));
            Some([end(first), &lines.join(end(true)), end(last)].concat())
        }
        Difference::LookAlikes if visible < SHORTEST => None,
        Difference::LookAlikes => {
            let class = |c: char| match LOOK_ALIKES.iter().find(|class| class.contains(c)) {
                Some(class) => format!("[{class}]"),
                None => escaped(c),
            };
            let is_plain = |c: char| LOOK_ALIKES.iter().all(|class| !class.contains(c));
            needle
                .chars()
                .any(is_plain)
                .then(|| needle.chars().map(class).collect())
        }
    }
}

/// Any spaces, or none.
const SPACES: &str = r"[ \t\u{a0}]*";

/// Returns the pattern of `regex` with this difference.
fn relaxed_regex(regex: &str, difference: Difference) -> Option<String> {
    match difference {
        Difference::Case => Some(format!("{REGEX_PREFIX}(?i){regex}")),
        // A space in a class, one that counts for nothing, or one behind "re:" is another matter.
        Difference::Spaces if regex.starts_with(' ') => None,
        Difference::Spaces if regex.contains(['[', '#']) || regex.contains("(?x") => None,
        Difference::Spaces => {
            let words: Vec<&str> = regex.split(' ').filter(|it| !it.is_empty()).collect();
            let spaced = words.join(SPACES);
            let inner = spaced
                .strip_prefix('^')
                .map(|rest| format!("^{SPACES}{rest}"));
            let spaced = inner.unwrap_or(spaced);
            let ended = spaced
                .strip_suffix('$')
                .filter(|rest| !rest.ends_with('\\'));
            let ended = ended.map(|rest| format!("{rest}{SPACES}$"));
            Some(format!("{REGEX_PREFIX}{}", ended.unwrap_or(spaced)))
        }
        Difference::LineEnds | Difference::LookAlikes => None,
    }
}

/// Returns the text of the last match of `pattern`, which must not be empty.
fn last_match(pattern: &Pattern, text: &[u8], in_lines: bool) -> Option<Vec<u8>> {
    let find = |text: &[u8]| {
        let groups = pattern.find(text).ok()??;
        let whole: Range<usize> = groups.into_iter().next()??;
        (!whole.is_empty()).then(|| text[whole].to_vec())
    };
    match in_lines {
        true => text.rsplit(|byte| LINE_ENDS.contains(byte)).find_map(find),
        false => find(text),
    }
}

/// Describes the text that has other digits than `needle`, among the same words.
fn other_digits(needle: &str, text: &[u8]) -> Option<String> {
    let letters = needle.chars().filter(|c| c.is_alphabetic()).count();
    if letters < SHORTEST || !needle.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut regex = String::new();
    for run in needle
        .as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
    {
        match run[0].is_ascii_digit() {
            true => regex.push_str("[0-9]+"),
            false => regex.push_str(&regex::escape(std::str::from_utf8(run).ok()?)),
        }
    }
    let found = Regex::new(&regex).ok()?.find_iter(text).last()?.as_bytes();
    differing(needle, found, "digits")
}

/// Describes the words that are the most similar to those of `needle`.
fn misspelt(needle: &str, text: &[u8]) -> Option<String> {
    let needle = needle.trim();
    let length = needle.chars().count();
    if length < SHORTEST_WORD || needle.contains(['\r', '\n']) {
        return None;
    }
    let most = (length / 6).max(1);
    let words = needle.split_whitespace().count();
    let (mut left, mut best) = (COMPARISONS, None::<(usize, &str)>);
    'lines: for line in text.rsplit(|byte| LINE_ENDS.contains(byte)).take(LINES) {
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        let starts: Vec<Range<usize>> = word_ranges(line).take(LONGEST).collect();
        for window in starts.windows(words) {
            let (Some(first), Some(last)) = (window.first(), window.last()) else {
                continue;
            };
            let candidate = &line[first.start..last.end];
            if candidate.len().abs_diff(needle.len()) > most * 4 {
                continue;
            }
            let Some(rest) = left.checked_sub(length * candidate.len()) else {
                break 'lines;
            };
            left = rest;
            let distance = strsim::osa_distance(needle, candidate);
            if distance <= most && best.is_none_or(|(known, _)| distance < known) {
                best = Some((distance, candidate));
            }
        }
    }
    let (_, found) = best?;
    differing(needle, found.as_bytes(), "a few characters")
}

/// Returns the places of the words of `line`.
fn word_ranges(line: &str) -> impl Iterator<Item = Range<usize>> {
    let start_of = |word: &str| word.as_ptr() as usize - line.as_ptr() as usize;
    line.split_whitespace().map(move |word| {
        let start = start_of(word);
        start..start + word.len()
    })
}

/// Describes the end of the text, if the pattern begins there.
fn cut_off(needle: &str, text: &[u8]) -> Option<String> {
    let least = SHORTEST.max(needle.len().div_ceil(2));
    let begun = (least..needle.len()).rev().find(|length| {
        let begin = needle.get(..*length);
        begin.is_some_and(|begin| text.ends_with(begin.as_bytes()))
    })?;
    let (begun, rest) = needle.split_at(begun);
    let (begun, rest) = (shown(begun.as_bytes()), shown(rest.as_bytes()));
    Some(format!(
        "the output ends with \"{begun}\", and \"{rest}\" has not come"
    ))
}

/// Describes `found`, with the part marked that differs from `needle`.
fn differing(needle: &str, found: &[u8], what: &str) -> Option<String> {
    let found = lossy(found);
    let (wanted, found): (Vec<char>, Vec<char>) =
        (needle.chars().collect(), found.chars().collect());
    let pairs = wanted.iter().zip(&found);
    let start = pairs.take_while(|(a, b)| a == b).count();
    let pairs = wanted[start..]
        .iter()
        .rev()
        .zip(found[start..].iter().rev());
    let end = pairs.take_while(|(a, b)| a == b).count();
    let instead = &wanted[start..wanted.len() - end];
    let marked = start..found.len() - end;
    if marked.is_empty() && instead.is_empty() {
        return None;
    }
    let text = |chars: &[char]| shown(chars.iter().collect::<String>().as_bytes());
    if what == Difference::Case.name() {
        return Some(format!(
            "there is \"{}\", which differs only in {what}",
            text(&found)
        ));
    }
    let (before, behind) = (text(&found[..start]), text(&found[marked.end..]));
    let described = |chars: &[char]| match (chars, what == Difference::LookAlikes.name()) {
        (chars, true) => {
            let names: Vec<_> = chars.iter().map(|it| look_alike(*it)).collect();
            names.join(", ")
        }
        (chars, false) => format!("\"{}\"", text(chars)),
    };
    let difference = match (&found[marked.clone()], instead) {
        // An empty mark is overlooked.
        ([], instead) => {
            return Some(format!(
                "there is \"{before}{behind}\", which differs only in {what}: after \"{before}\" the \
                 pattern has {} more",
                described(instead)
            ));
        }
        (more, []) => format!(
            "{} is marked, which the pattern does not have",
            described(more)
        ),
        (marked, instead) if what == Difference::LookAlikes.name() => format!(
            "marked is {}, and the pattern has {}",
            described(marked),
            described(instead)
        ),
        (_, instead) => format!("the pattern has {} in the marked place", described(instead)),
    };
    let marked = text(&found[marked]);
    Some(format!(
        "there is \"{before}»{marked}«{behind}\", which differs only in {what}: {difference}"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn hint(pattern: &str, text: &str) -> Option<String> {
        let pattern = Pattern::new(pattern).unwrap();
        near_miss(&pattern, text.as_bytes(), true).or_else(|| similar(&pattern, text.as_bytes()))
    }

    #[test]
    fn the_differing_part_is_marked() {
        for (pattern, text, expected) in [
            (
                "Ready",
                "boot\nREADY\n",
                r#"there is "READY", which differs only in case"#,
            ),
            (
                "temp: 22.0",
                "temp:  22.0 C\n",
                r#"there is "temp: » «22.0", which differs only in spaces: " " is marked, which the pattern does not have"#,
            ),
            (
                "temp: 22.0",
                "temp: 22.O C\n",
                r#"there is "temp: 22.»O«", which differs only in characters that look alike: marked is the capital letter O, and the pattern has the digit 0"#,
            ),
            (
                "tick 15 of 20",
                "tick 13 of 20\ntick 14 of 20\n",
                r#"there is "tick 1»4« of 20", which differs only in digits: the pattern has "5" in the marked place"#,
            ),
            (
                "one\ntwo",
                "one\r\ntwo\r\n",
                r#"there is "one»\r«\ntwo", which differs only in line ends: "\r" is marked, which the pattern does not have"#,
            ),
            (
                "calibration done",
                "I: calibraton done\n",
                r#"there is "calibraton done", which differs only in a few characters: after "calibrat" the pattern has "i" more"#,
            ),
            (
                "ready\n",
                "boot\nready",
                r#"the output ends with "ready", and "\n" has not come"#,
            ),
            (
                "re:^state (on|off)$",
                "state  on \n",
                r#"there is "state  on ", which differs only in spaces"#,
            ),
            (
                "temp 21 °C",
                "temp  21 °C\n",
                r#"there is "temp » «21 °C", which differs only in spaces: " " is marked, which the pattern does not have"#,
            ),
        ] {
            assert_eq!(
                hint(pattern, text).as_deref(),
                Some(expected),
                "{pattern:?}"
            );
        }
    }

    #[test]
    fn what_means_something_else_is_no_near_miss() {
        for (pattern, text) in [
            ("ok", "too king\n"),
            ("ready", "boot\nnothing of that kind\n"),
            ("> ", "a -> b\n"),
            ("22.0", "13.7\n"),
            ("000", "OOO\n"),
            ("error: 5", "warning: 5\n"),
            ("re:^[a b]+$", "A-B\n"),
            ("re:v\\d+", "x9\n"),
            ("pass", "fail\n"),
            ("\r\n", "boot\n"),
        ] {
            assert_eq!(hint(pattern, text), None, "{pattern:?}");
        }
    }

    #[test]
    fn the_search_costs_little_in_much_output() {
        let lines: String = (0..)
            .map(|n| format!("temp {n} calibratiom at {n}\n"))
            .take(40_000)
            .collect();
        let noise = "a ".repeat(lines.len() / 2);
        let long = "x".repeat(LONGEST);
        let began = Instant::now();
        for pattern in [
            "calibration done by",
            "temp: 5 calibration",
            &long,
            "re:^never (\\d+) came$",
        ] {
            for text in [&lines, &noise, &long] {
                hint(pattern, text);
            }
        }
        // Some milliseconds each with optimization; the harness passes 64 KiB at most.
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_pattern_and_text_panic(pattern in ".{1,40}", text in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(pattern) = Pattern::new(&pattern) {
                near_miss(&pattern, &text, false);
                near_miss(&pattern, &text, true);
                similar(&pattern, &text);
            }
        }

        #[test]
        fn a_text_that_is_near_in_spaces_and_control_characters_panics_nowhere(
            pattern in "[a-c01O \t\r\n°é]{1,12}",
            text in "[a-c01O \t\r\n°é\u{a0}]{0,80}",
        ) {
            let pattern = Pattern::literal(pattern.as_bytes());
            near_miss(&pattern, text.as_bytes(), false);
            similar(&pattern, text.as_bytes());
        }

        #[test]
        fn lines_that_differ_in_everything_are_no_near_miss(
            pattern in "[a-m]{3,9}( [a-m2-4]{3,9}){0,3}",
            text in "([n-z5-9]{1,9}[ \t]){0,9}\n([n-z5-9]{1,9} ){0,9}",
        ) {
            prop_assert_eq!(hint(&pattern, &text), None);
        }
    }
}

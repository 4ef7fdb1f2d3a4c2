//! The regular expressions of `re:` patterns: compiled, and checked for use on a stream.
//!
//! They match text as `text` decodes it, so that an invalid byte is one character, U+FFFD.
//! One that matches bytes somewhere (`(?-u)`) is given the bytes as they are; in it `.` and
//! negated classes match a character or any single byte beyond ASCII. `\b` is ASCII, so that
//! a lazy DFA can run them over anything.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look, Repetition,
};

use super::decode::Decoded;
use super::error::PatternError;
use crate::sync::lock;
use crate::uart::ansi::ESC;

/// Where a pattern and its groups are; group 0 is the match.
pub(crate) type Groups = Vec<Option<Range<usize>>>;

/// A compiled `re:` pattern.
pub(crate) struct StreamRegex {
    source: String,
    hir: Hir,
    regex: meta::Regex,
    /// It cannot match without an escape character.
    pub(crate) needs_escape: bool,
    automata: OnceLock<Result<Arc<Automata>, PatternError>>,
}

/// The two lazy DFAs that find the end and the start of a match on a stream.
pub(crate) struct Automata {
    pub(crate) forward: DFA,
    pub(crate) reverse: DFA,
    /// They run on the bytes as they are, not on text.
    pub(crate) see_bytes: bool,
    caches: Mutex<Vec<Caches>>,
}

/// The states that the lazy DFAs of one pattern have found so far.
#[derive(Default)]
pub(crate) struct Caches {
    pub(crate) forward: Option<Cache>,
    pub(crate) reverse: Option<Cache>,
}

impl StreamRegex {
    /// Compiles `regex`, which was written as `source`.
    pub(crate) fn new(source: &str, regex: &str) -> Result<Self, PatternError> {
        let hir = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(regex)
            .map_err(|e| syntax(source, &e))?;
        let see_bytes = !hir.properties().is_utf8();
        let hir = adapted(hir, see_bytes);
        let config = meta::Config::new().utf8_empty(!see_bytes);
        let compiled = meta::Builder::new()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|e| syntax(source, &e))?;
        Ok(Self {
            source: source.to_owned(),
            needs_escape: needs_escape(&hir),
            hir,
            regex: compiled,
            automata: OnceLock::new(),
        })
    }

    /// What it takes to run on a stream, compiled at the first call.
    pub(crate) fn automata(&self) -> Result<Arc<Automata>, PatternError> {
        let automata = self.automata.get_or_init(|| {
            check(&self.source, &self.hir)?;
            Automata::new(&self.source, &self.hir).map(Arc::new)
        });
        automata.as_ref().map(Arc::clone).map_err(Clone::clone)
    }

    /// What it was parsed to.
    pub(crate) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// The number of the group called `name`.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        let groups = self.regex.group_info();
        groups.to_index(regex_automata::PatternID::ZERO, name)
    }

    /// Whether it is given the bytes as they are, not text.
    fn sees_bytes(&self) -> bool {
        !self.hir.properties().is_utf8()
    }

    /// Finds it in a complete text.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Groups> {
        self.captures(text, 0, Anchored::No)
    }

    /// The match in `text` that starts at `start`; what is before is only context.
    pub(crate) fn find_from(&self, text: &[u8], start: usize) -> Option<Groups> {
        self.captures(text, start, Anchored::Yes)
    }

    fn captures(&self, bytes: &[u8], from: usize, anchored: Anchored) -> Option<Groups> {
        let decoded = (!self.sees_bytes()).then(|| Decoded::whole(bytes, from));
        let (haystack, from) = match &decoded {
            Some(decoded) => (decoded.text().as_bytes(), decoded.from()),
            None => (bytes, from),
        };
        let input = Input::new(haystack).range(from..).anchored(anchored);
        let mut captures = self.regex.create_captures();
        self.regex.search_captures(&input, &mut captures);
        let group = |span: regex_automata::Span| match &decoded {
            Some(decoded) => decoded.to_bytes(span.range()),
            None => span.range(),
        };
        captures
            .is_match()
            .then(|| captures.iter().map(|span| span.map(group)).collect())
    }
}

impl Automata {
    fn new(source: &str, hir: &Hir) -> Result<Self, PatternError> {
        let see_bytes = !hir.properties().is_utf8();
        let prefilter = Prefilter::from_hir_prefix(MatchKind::All, hir)
            .filter(|prefilter| prefilter.is_fast() && (see_bytes || begins_as_it_is(hir)));
        Ok(Self {
            see_bytes,
            forward: automaton(source, hir, false, prefilter)?,
            reverse: automaton(source, hir, true, None)?,
            caches: Mutex::default(),
        })
    }

    /// Caches that were used before, if there are any.
    pub(crate) fn take_caches(&self) -> Caches {
        lock(&self.caches).pop().unwrap_or_default()
    }

    pub(crate) fn return_caches(&self, caches: Caches) {
        lock(&self.caches).push(caches);
    }
}

/// Whether a match of a text pattern begins with bytes that are in the stream as they are:
/// U+FFFD may stand for others.
fn begins_as_it_is(hir: &Hir) -> bool {
    let beginnings = Extractor::new().extract(hir);
    let first = char::REPLACEMENT_CHARACTER
        .encode_utf8(&mut [0; 4])
        .as_bytes()[0];
    let mut literals = beginnings.literals().into_iter().flatten();
    literals.all(|literal| !literal.as_bytes().contains(&first))
}

fn automaton(
    source: &str,
    hir: &Hir,
    reverse: bool,
    prefilter: Option<Prefilter>,
) -> Result<DFA, PatternError> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .reverse(reverse)
                .which_captures(WhichCaptures::None),
        )
        .build_from_hir(hir)
        .map_err(|e| syntax(source, &e))?;
    let config = dfa::Config::new()
        .match_kind(MatchKind::All)
        .skip_cache_capacity_check(true)
        .specialize_start_states(prefilter.is_some())
        .prefilter(prefilter);
    dfa::Builder::new()
        .configure(config)
        .build_from_nfa(nfa)
        .map_err(|e| syntax(source, &e))
}

fn syntax(source: &str, reason: &dyn std::fmt::Display) -> PatternError {
    PatternError::Syntax {
        pattern: source.to_owned(),
        reason: reason.to_string(),
    }
}

/// Whether a regular expression, written as `source`, makes sense on a stream.
pub(crate) fn check(source: &str, hir: &Hir) -> Result<(), PatternError> {
    if hir.properties().minimum_len() == Some(0) {
        return Err(PatternError::Empty {
            pattern: source.to_owned(),
        });
    }
    match look_ahead_at_end(hir) {
        None => Ok(()),
        Some(look) => Err(PatternError::LooksAhead {
            pattern: source.to_owned(),
            assertion: name(look).to_owned(),
        }),
    }
}

/// As [`check`], for a regular expression that was compiled elsewhere from `source`; `finds`
/// tells what it finds in a text.
///
/// Flags that were set outside its text are not known here. Most of them change nothing of
/// this; whether white space is ignored in it is seen by what it finds.
pub(crate) fn check_foreign(
    source: &str,
    finds: impl Fn(&str) -> Option<std::ops::Range<usize>>,
) -> Result<(), PatternError> {
    let is_empty = |text: &&str| finds(text).is_some_and(|found| found.is_empty());
    if ["", "a", " ", "\n", "a a"].iter().any(is_empty) {
        return Err(PatternError::Empty {
            pattern: source.to_owned(),
        });
    }
    let ignoring = parsed(source, true).filter(|hir| finds(&example(hir)).is_some());
    let meant = ignoring.or_else(|| parsed(source, false));
    meant.map_or(Ok(()), |hir| check(source, &hir))
}

/// What a regular expression of others means, with white space ignored in it or not.
pub(crate) fn parsed(source: &str, ignore_whitespace: bool) -> Option<Hir> {
    let mut parser = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .octal(true)
        .ignore_whitespace(ignore_whitespace)
        .build();
    parser.parse(source).ok()
}

/// A short text that `hir` matches, as far as its assertions allow.
fn example(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).into_owned(),
        HirKind::Class(Class::Unicode(class)) => {
            class.iter().take(1).map(|range| range.start()).collect()
        }
        HirKind::Class(Class::Bytes(class)) => {
            let first = class.iter().take(1);
            first.map(|range| char::from(range.start())).collect()
        }
        HirKind::Repetition(repetition) => {
            example(&repetition.sub).repeat(repetition.min.min(100) as usize)
        }
        HirKind::Capture(capture) => example(&capture.sub),
        HirKind::Alternation(choices) => choices.first().map(example).unwrap_or_default(),
        HirKind::Concat(parts) => parts.iter().map(example).collect(),
    }
}

/// Whether there is an escape character in all that `hir` matches.
pub(crate) fn needs_escape(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&ESC),
        HirKind::Class(class) => class.literal().is_some_and(|only| only == [ESC]),
        HirKind::Repetition(repetition) => repetition.min > 0 && needs_escape(&repetition.sub),
        HirKind::Capture(capture) => needs_escape(&capture.sub),
        HirKind::Alternation(choices) => choices.iter().all(needs_escape),
        HirKind::Concat(parts) => parts.iter().any(needs_escape),
    }
}

/// An assertion that can be the last thing a match depends on, and that looks ahead.
fn look_ahead_at_end(hir: &Hir) -> Option<Look> {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => None,
        HirKind::Look(look) => looks_ahead(*look).then_some(*look),
        HirKind::Repetition(repetition) => look_ahead_at_end(&repetition.sub),
        HirKind::Capture(capture) => look_ahead_at_end(&capture.sub),
        HirKind::Alternation(choices) => choices.iter().find_map(look_ahead_at_end),
        HirKind::Concat(parts) => {
            let mut tail = parts.iter().rev();
            loop {
                let part = tail.next()?;
                let found = look_ahead_at_end(part);
                if found.is_some() || part.properties().minimum_len() != Some(0) {
                    return found;
                }
            }
        }
    }
}

fn looks_ahead(look: Look) -> bool {
    !matches!(
        look,
        Look::Start | Look::StartLF | Look::WordStartHalfAscii | Look::WordStartHalfUnicode
    )
}

/// How an assertion is written.
fn name(look: Look) -> &'static str {
    match look {
        Look::End | Look::EndLF | Look::EndCRLF => "$",
        Look::Start | Look::StartLF | Look::StartCRLF => "^",
        Look::WordAscii | Look::WordUnicode => r"\b",
        Look::WordAsciiNegate | Look::WordUnicodeNegate => r"\B",
        _ => r"\b{…}",
    }
}

/// `hir` with every word boundary taken as ASCII and, where it is to `see_bytes`, with any
/// single byte beyond ASCII where U+FFFD would match.
fn adapted(hir: Hir, see_bytes: bool) -> Hir {
    if !see_bytes && !hir.properties().look_set().contains_word_unicode() {
        return hir;
    }
    let each = |parts: Vec<Hir>| parts.into_iter().map(|part| adapted(part, see_bytes));
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) if see_bytes && matches_replacement(&class) => {
            let beyond_ascii = ClassBytes::new([ClassBytesRange::new(0x80, 0xff)]);
            Hir::alternation(vec![
                Hir::class(class),
                Hir::class(Class::Bytes(beyond_ascii)),
            ])
        }
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(ascii(look)),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(adapted(*repetition.sub, see_bytes)),
            ..repetition
        }),
        HirKind::Capture(capture) => Hir::capture(Capture {
            sub: Box::new(adapted(*capture.sub, see_bytes)),
            ..capture
        }),
        HirKind::Concat(parts) => Hir::concat(each(parts).collect()),
        HirKind::Alternation(choices) => Hir::alternation(each(choices).collect()),
    }
}

/// Whether an invalid byte of a text is in `class`, as it is in `.` and in negated ones.
pub(crate) fn matches_replacement(class: &Class) -> bool {
    let Class::Unicode(class) = class else {
        return false;
    };
    let mut ranges = class.iter();
    ranges.any(|range| (range.start()..=range.end()).contains(&char::REPLACEMENT_CHARACTER))
}

fn ascii(look: Look) -> Look {
    match look {
        Look::WordUnicode => Look::WordAscii,
        Look::WordUnicodeNegate => Look::WordAsciiNegate,
        Look::WordStartUnicode => Look::WordStartAscii,
        Look::WordEndUnicode => Look::WordEndAscii,
        Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
        Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_stream(regex: &str) -> Result<(), PatternError> {
        StreamRegex::new(&format!("re:{regex}"), regex)?
            .automata()
            .map(drop)
    }

    #[test]
    fn what_can_match_nothing_is_no_pattern_for_a_stream() {
        for regex in ["", "a*", "(a|b?)", r"\b", "(?:x*|y*)", "^"] {
            let error = on_stream(regex).unwrap_err();
            assert!(
                matches!(error, PatternError::Empty { .. }),
                "{regex}: {error}"
            );
        }
    }

    #[test]
    fn what_looks_ahead_at_its_end_is_no_pattern_for_a_stream() {
        for regex in [
            "foo$",
            r"foo\z",
            "(?m)foo$",
            "(?mR)foo$",
            r"foo\b",
            r"foo\B",
            r"foo\bx?",
            "(foo$|bar)",
            r"(?:foo\b)+",
            r"foo\b{end}",
            r"foo\b{end-half}",
            r"foo(\b\s*)",
            r"(foo(?:\b|x))y*",
            "a(?mR:^)",
        ] {
            let error = on_stream(regex).unwrap_err();
            assert!(
                matches!(error, PatternError::LooksAhead { .. }),
                "{regex}: {error}"
            );
        }
        for regex in [
            r"\bfoo",
            "^foo",
            r"foo\b bar",
            "(?m)^foo",
            r"foo$\nbar",
            r"(?m)foo\n^",
        ] {
            assert_eq!(on_stream(regex), Ok(()), "{regex}");
        }
    }

    #[test]
    fn messages() {
        let message = |regex| on_stream(regex).unwrap_err().to_string();
        assert_eq!(
            message(r"done\b"),
            r#"the pattern "re:done\\b" ends in \b, which depends on what follows, and on a stream anything may still follow; use expect_line, which sees whole lines, or write out what must follow"#
        );
        assert_eq!(
            message("x*"),
            r#"the pattern "re:x*" matches the empty text, so that on a stream it would match before anything has arrived; require at least one character, or use expect_line"#
        );
        assert!(message("a(").starts_with(r#"the pattern "re:a(" is no regular expression: "#));
    }
}

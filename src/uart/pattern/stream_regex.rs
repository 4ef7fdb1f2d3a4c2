//! The regular expressions of `re:` patterns: compiled, and checked for use on a stream.
//!
//! A [`StreamRegex`] matches text as [`decode`](super::decode) makes it: an invalid byte is one
//! character, U+FFFD. One that can match other bytes than UTF-8, by `(?-u)`, is given the
//! bytes as they are; in it, `.` and negated classes match a character or any single byte
//! beyond ASCII. `\b` is ASCII, so that a lazy DFA can run over any bytes.

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
use super::stream_checks::{check, needs_escape};
use crate::sync::lock;

/// The ranges of a match and its groups; group 0 is the match.
pub(crate) type Groups = Vec<Option<Range<usize>>>;

/// A compiled `re:` pattern.
pub(crate) struct StreamRegex {
    source: String,
    hir: Hir,
    regex: meta::Regex,
    /// Set if every match contains an escape character.
    pub(crate) needs_escape: bool,
    automata: OnceLock<Result<Arc<Automata>, PatternError>>,
}

/// The two lazy DFAs that find the end and the start of a match on a stream.
pub(crate) struct Automata {
    pub(crate) forward: DFA,
    pub(crate) reverse: DFA,
    /// Set if they run on the bytes as they are, not on text.
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
    /// Compiles `regex`, written as `source`.
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

    /// Returns the automata for a stream, compiled at the first call.
    pub(crate) fn automata(&self) -> Result<Arc<Automata>, PatternError> {
        let automata = self.automata.get_or_init(|| {
            check(&self.source, &self.hir)?;
            Automata::new(&self.source, &self.hir).map(Arc::new)
        });
        automata.as_ref().map(Arc::clone).map_err(Clone::clone)
    }

    /// Returns the parsed regular expression.
    pub(crate) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// Returns the index of the group called `name`.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        let groups = self.regex.group_info();
        groups.to_index(regex_automata::PatternID::ZERO, name)
    }

    /// Returns true if it matches the bytes as they are, not text.
    fn sees_bytes(&self) -> bool {
        !self.hir.properties().is_utf8()
    }

    /// Returns the first match in a complete text.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Groups> {
        self.captures(text, 0, Anchored::No)
    }

    /// Returns the match that starts at `start` of `text`; the text before `start` is only context.
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
        let prefilter = Prefilter::from_hir_prefix(MatchKind::All, hir).filter(|prefilter| {
            prefilter.is_fast() && (see_bytes || begins_with_stream_bytes(hir))
        });
        Ok(Self {
            see_bytes,
            forward: automaton(source, hir, false, prefilter)?,
            reverse: automaton(source, hir, true, None)?,
            caches: Mutex::default(),
        })
    }

    /// Returns caches that were used before, or else empty ones.
    pub(crate) fn take_caches(&self) -> Caches {
        lock(&self.caches).pop().unwrap_or_default()
    }

    /// Keeps caches for the next engine.
    pub(crate) fn return_caches(&self, caches: Caches) {
        lock(&self.caches).push(caches);
    }
}

/// Returns true if every match of a text pattern begins with bytes of the stream itself; a
/// U+FFFD may stand for other bytes.
fn begins_with_stream_bytes(hir: &Hir) -> bool {
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

/// Returns `hir` with every word boundary made ASCII and, if it is to `see_bytes`, with any
/// single byte beyond ASCII added where U+FFFD would match.
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

/// Returns true if `class` matches an invalid byte of a text, as `.` and negated classes do.
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
    fn a_regex_that_matches_the_empty_text_is_refused_on_a_stream() {
        for regex in ["", "a*", "(a|b?)", r"\b", "(?:x*|y*)", "^"] {
            let error = on_stream(regex).unwrap_err();
            assert!(
                matches!(error, PatternError::Empty { .. }),
                "{regex}: {error}"
            );
        }
    }

    #[test]
    fn a_regex_that_looks_ahead_at_its_end_is_refused_on_a_stream() {
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
    fn error_messages_of_regexes() {
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

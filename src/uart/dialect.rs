//! The regular expressions of `re:` patterns: compiled, and checked for use on a stream.
//!
//! They match bytes, know Unicode classes, and take `\b` as ASCII, so that a
//! lazy DFA can run them over any bytes.

use std::sync::{Arc, Mutex, OnceLock};

use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

use super::lock;
use super::pattern::{Groups, PatternError};

/// A compiled `re:` pattern.
pub(super) struct Dialect {
    source: String,
    hir: Hir,
    regex: meta::Regex,
    automata: OnceLock<Result<Arc<Automata>, PatternError>>,
}

/// The two lazy DFAs that find the end and the start of a match on a stream.
pub(super) struct Automata {
    pub(super) forward: DFA,
    pub(super) reverse: DFA,
    caches: Mutex<Vec<Caches>>,
}

/// The states that the lazy DFAs of one pattern have found so far.
#[derive(Default)]
pub(super) struct Caches {
    pub(super) forward: Option<Cache>,
    pub(super) reverse: Option<Cache>,
}

impl Dialect {
    /// Compiles `regex`, which was written as `source`.
    pub(super) fn new(source: &str, regex: &str) -> Result<Self, PatternError> {
        let hir = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(regex)
            .map_err(|e| syntax(source, &e))?;
        let hir = with_ascii_words(hir);
        let config = meta::Config::new().utf8_empty(false);
        let compiled = meta::Builder::new()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|e| syntax(source, &e))?;
        Ok(Self {
            source: source.to_owned(),
            hir,
            regex: compiled,
            automata: OnceLock::new(),
        })
    }

    /// What it takes to run on a stream, compiled at the first call.
    pub(super) fn automata(&self) -> Result<Arc<Automata>, PatternError> {
        let automata = self.automata.get_or_init(|| {
            check(&self.source, &self.hir)?;
            Automata::new(&self.source, &self.hir).map(Arc::new)
        });
        automata.as_ref().map(Arc::clone).map_err(Clone::clone)
    }

    /// What it was parsed to.
    pub(super) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// The number of the group called `name`.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        let groups = self.regex.group_info();
        groups.to_index(regex_automata::PatternID::ZERO, name)
    }

    /// Finds it in a complete text.
    pub(super) fn find(&self, text: &[u8]) -> Option<Groups> {
        self.captures(Input::new(text))
    }

    /// The match in `text` that starts at `start`; what is before is only context.
    pub(super) fn find_from(&self, text: &[u8], start: usize) -> Option<Groups> {
        self.captures(Input::new(text).range(start..).anchored(Anchored::Yes))
    }

    fn captures(&self, input: Input<'_>) -> Option<Groups> {
        let mut captures = self.regex.create_captures();
        self.regex.search_captures(&input, &mut captures);
        let group = |span: regex_automata::Span| span.range();
        captures
            .is_match()
            .then(|| captures.iter().map(|span| span.map(group)).collect())
    }
}

impl Automata {
    fn new(source: &str, hir: &Hir) -> Result<Self, PatternError> {
        let prefilter = Prefilter::from_hir_prefix(MatchKind::All, hir).filter(Prefilter::is_fast);
        Ok(Self {
            forward: automaton(source, hir, false, prefilter)?,
            reverse: automaton(source, hir, true, None)?,
            caches: Mutex::default(),
        })
    }

    /// Caches that were used before, if there are any.
    pub(super) fn take_caches(&self) -> Caches {
        lock(&self.caches).pop().unwrap_or_default()
    }

    pub(super) fn return_caches(&self, caches: Caches) {
        lock(&self.caches).push(caches);
    }
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
pub(super) fn check(source: &str, hir: &Hir) -> Result<(), PatternError> {
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

/// As [`check`], for a regular expression that was compiled elsewhere.
///
/// Flags that were set outside its text are not known here; none of them turns
/// an assertion that looks ahead into one that does not.
pub(super) fn check_foreign(source: &str) -> Result<(), PatternError> {
    let parsed = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .build()
        .parse(source);
    match parsed {
        Ok(hir) => check(source, &hir),
        Err(_) => Ok(()),
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

/// `hir` with every word boundary taken as ASCII.
fn with_ascii_words(hir: Hir) -> Hir {
    if !hir.properties().look_set().contains_word_unicode() {
        return hir;
    }
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(ascii(look)),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(with_ascii_words(*repetition.sub)),
            ..repetition
        }),
        HirKind::Capture(capture) => Hir::capture(Capture {
            sub: Box::new(with_ascii_words(*capture.sub)),
            ..capture
        }),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(with_ascii_words).collect()),
        HirKind::Alternation(choices) => {
            Hir::alternation(choices.into_iter().map(with_ascii_words).collect())
        }
    }
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
        Dialect::new(&format!("re:{regex}"), regex)?
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

//! Checks that a regular expression can be matched on a stream.
//!
//! A stream has no end to look ahead to, and an empty match would be found before any byte
//! has arrived; both are refused. [`check`] is for `re:` patterns, [`check_foreign`] for
//! regular expressions that the user has compiled.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::error::PatternError;
use crate::uart::ansi::ESC;

/// Checks that a regular expression, written as `source`, can be matched on a stream.
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
            assertion: notation(look).to_owned(),
        }),
    }
}

/// Checks as [`check`] does a regular expression that the user compiled from `source`; `finds`
/// returns its first match in a text.
///
/// Flags that were set outside `source` are unknown here. Most do not change the result;
/// whether white space is ignored is concluded from what `finds` returns.
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

/// Parses a regular expression of the user's, with or without ignoring white space in it.
pub(crate) fn parsed(source: &str, ignore_whitespace: bool) -> Option<Hir> {
    let mut parser = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .octal(true)
        .ignore_whitespace(ignore_whitespace)
        .build();
    parser.parse(source).ok()
}

/// Returns a short text that `hir` matches, as far as its assertions allow.
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

/// Returns true if every match of `hir` contains an escape character.
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

/// Returns an assertion that looks ahead and that can be the last thing a match depends on.
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

/// Returns the notation of an assertion.
fn notation(look: Look) -> &'static str {
    match look {
        Look::End | Look::EndLF | Look::EndCRLF => "$",
        Look::Start | Look::StartLF | Look::StartCRLF => "^",
        Look::WordAscii | Look::WordUnicode => r"\b",
        Look::WordAsciiNegate | Look::WordUnicodeNegate => r"\B",
        _ => r"\b{…}",
    }
}

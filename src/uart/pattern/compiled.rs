//! A compiled pattern, and the search for it in one piece of text.
//!
//! A [`Pattern`] is immutable and cheap to clone. On a stream, which arrives in pieces, an
//! [engine](super::stream::Engine) finds it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::decode::Decoded;
use super::error::PatternError;
use super::stream_checks;
use super::stream_regex::{Groups, StreamRegex};
use crate::uart::ansi::ESC;

/// Something to look for in the output of a board.
///
/// Every operation takes anything that is [`IntoPattern`](super::IntoPattern), so that a
/// `Pattern` seldom needs to be named. Compile one ahead if the same regular expression is
/// looked for very often; clones share what was compiled.
///
/// ```
/// use virtual_target::uart::Pattern;
///
/// let uptime = Pattern::new(r"re:up (?<ms>\d+) ms")?;
/// assert_eq!(uptime.to_string(), r"re:up (?<ms>\d+) ms");
/// # Ok::<(), virtual_target::uart::PatternError>(())
/// ```
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: Arc<str>,
    kind: Kind,
}

/// The ways in which a pattern is matched.
pub(crate) enum Kind {
    Literal(Finder<'static>),
    StreamRegex(StreamRegex),
    Text(regex::Regex),
    Bytes(regex::bytes::Regex),
    Function(Function),
}

/// Code of the user's: from the text so far, and whether it is complete, to the ranges of the
/// match and its groups, or the text of an error.
type Function = Box<dyn Fn(&[u8], bool) -> Result<Vec<Range<usize>>, String> + Send + Sync>;

impl Pattern {
    /// Makes a pattern from a closure, where the compiler cannot tell that it is one.
    ///
    /// The closure is given the text that has arrived, at most the last 64 to 128 KiB of it.
    /// If it matches a text, it must also match every longer text that begins with that one:
    /// this is how the earliest match is found.
    pub fn closure<F>(closure: F) -> Self
    where
        F: Fn(&[u8]) -> Option<Range<usize>> + Send + Sync + 'static,
    {
        let function = move |text: &[u8], _| Ok(closure(text).into_iter().collect());
        Self::make("a closure", Kind::Function(Box::new(function)))
    }

    /// Makes a pattern that matches exactly these bytes.
    pub(crate) fn literal(bytes: &[u8]) -> Self {
        Self::make(
            &bytes.escape_ascii().to_string(),
            Kind::Literal(Finder::new(bytes).into_owned()),
        )
    }

    /// Makes a pattern that is written as `source`.
    pub(super) fn make(source: &str, kind: Kind) -> Self {
        Self(Arc::new(Inner {
            source: source.into(),
            kind,
        }))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Returns the pattern as written.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.0.source
    }

    /// Returns the index of the group called `name`.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        let named = |known: Option<&str>| known == Some(name);
        match self.kind() {
            Kind::StreamRegex(regex) => regex.group(name),
            Kind::Text(regex) => regex.capture_names().position(named),
            Kind::Bytes(regex) => regex.capture_names().position(named),
            Kind::Literal(_) | Kind::Function(_) => None,
        }
    }

    /// Checks that the pattern can match text without escape sequences.
    pub(crate) fn check_visible(&self) -> Result<(), PatternError> {
        let needs_escape = |source| {
            stream_checks::parsed(source, false)
                .is_some_and(|hir| stream_checks::needs_escape(&hir))
        };
        let is_hidden = match self.kind() {
            Kind::Literal(finder) => finder.needle().contains(&ESC),
            Kind::StreamRegex(regex) => regex.needs_escape,
            Kind::Text(regex) => needs_escape(regex.as_str()),
            Kind::Bytes(regex) => needs_escape(regex.as_str()),
            Kind::Function(_) => false,
        };
        match is_hidden {
            true => Err(PatternError::EscapeSequence {
                pattern: self.to_string(),
            }),
            false => Ok(()),
        }
    }

    /// Finds the pattern in a complete text, with the plain semantics of its engine.
    pub(crate) fn find(&self, text: &[u8]) -> Result<Option<Groups>, PatternError> {
        self.find_at(text, 0, false)
    }

    /// Finds the pattern in `text` from `from` on; the text before `from` is only context.
    ///
    /// A pattern for text treats an unfinished character at the end as invalid bytes.
    pub(crate) fn find_at(
        &self,
        text: &[u8],
        from: usize,
        eof: bool,
    ) -> Result<Option<Groups>, PatternError> {
        match self.kind() {
            Kind::Literal(finder) => Ok(finder.find(&text[from..]).map(|at| {
                let start = from + at;
                vec![Some(start..start + finder.needle().len())]
            })),
            Kind::StreamRegex(regex) => Ok(regex.find(text)),
            Kind::Text(regex) => {
                let decoded = Decoded::whole(text, from);
                let found = regex.captures_at(decoded.text(), decoded.from());
                Ok(found.map(|captures| {
                    let group = |m: regex::Match<'_>| decoded.to_bytes(m.range());
                    captures.iter().map(|found| found.map(group)).collect()
                }))
            }
            Kind::Bytes(regex) => Ok(regex.captures_at(text, from).map(|captures| {
                let group = |m: regex::bytes::Match<'_>| m.range();
                captures.iter().map(|found| found.map(group)).collect()
            })),
            Kind::Function(function) => {
                let groups =
                    function(&text[from..], eof).map_err(|reason| PatternError::Needle {
                        pattern: self.to_string(),
                        reason,
                    })?;
                self.shifted(groups, from, text.len())
            }
        }
    }

    /// Returns true if the pattern is found in `text` from `from` on.
    ///
    /// A pattern for text ignores an unfinished character at the end.
    pub(crate) fn is_match_at(
        &self,
        text: &[u8],
        from: usize,
        eof: bool,
    ) -> Result<bool, PatternError> {
        match self.kind() {
            Kind::Text(regex) => {
                let decoded = Decoded::so_far(text, from);
                Ok(regex.is_match_at(decoded.text(), decoded.from()))
            }
            Kind::Bytes(regex) => Ok(regex.is_match_at(text, from)),
            _ => Ok(self.find_at(text, from, eof)?.is_some()),
        }
    }

    /// Checks the ranges that foreign code returned, and shifts them by `from`.
    fn shifted(
        &self,
        groups: Vec<Range<usize>>,
        from: usize,
        end: usize,
    ) -> Result<Option<Groups>, PatternError> {
        let length = end - from;
        for Range { start, end } in &groups {
            if start > end || *end > length {
                return Err(PatternError::Range {
                    pattern: self.to_string(),
                    start: *start,
                    end: *end,
                    length,
                });
            }
        }
        let shift = |range: Range<usize>| Some(from + range.start..from + range.end);
        let groups: Groups = groups.into_iter().map(shift).collect();
        Ok((!groups.is_empty()).then_some(groups))
    }
}

/// The pattern as written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.0.source).finish()
    }
}

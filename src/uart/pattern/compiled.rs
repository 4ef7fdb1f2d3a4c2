//! What an operation can look for, and what can be turned into it.
//!
//! A [`Pattern`] knows how to be found in one piece of text; finding it on a
//! stream, in bits as they arrive, is the business of `search`.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use expectrl::Needle;
use memchr::memmem::Finder;

use super::decode::Decoded;
use super::error::{MOST_BYTES, PatternError};
use super::stream_regex::{self, Groups, StreamRegex};
use crate::sync::lock;
use crate::uart::ansi::ESC;

/// What timestamps a string as a regular expression.
pub(crate) const REGEX_PREFIX: &str = "re:";

/// Something to look for in what a board puts out.
///
/// Every operation takes anything that is [`IntoPattern`], so that a `Pattern`
/// seldom needs to be named. Compile one ahead where the same regular
/// expression is looked for very often; clones share what was compiled.
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

pub(crate) enum Kind {
    Literal(Finder<'static>),
    StreamRegex(StreamRegex),
    Text(regex::Regex),
    Bytes(regex::bytes::Regex),
    Needle(Mutex<Box<dyn Needle + Send>>),
    Closure(Closure),
}

type Closure = Box<dyn Fn(&[u8]) -> Option<Range<usize>> + Send + Sync>;

/// What can be looked for.
///
/// * a string: its text, or a regular expression when it starts with `re:`
///   (the `regex` crate's syntax; `\b` is ASCII);
/// * bytes: exactly these;
/// * [`regex::Regex`], [`regex::bytes::Regex`];
/// * [`expectrl`] needles; any other [`Needle`] through [`Pattern::needle`];
/// * a closure from the text so far to the range of the match;
/// * a [`Pattern`].
///
/// Text that is looked at has one U+FFFD for each byte that is not UTF-8, which `.` and
/// negated classes match; a character of which the end has not arrived yet is not looked at.
/// A `re:` pattern that can match other bytes than UTF-8, such as `re:(?-u)\xff`, and a
/// [`regex::bytes::Regex`] see bytes; in the former, `.` and negated classes match any single
/// byte beyond ASCII, too.
///
/// ```
/// use virtual_target::uart::{IntoPattern, Pattern};
///
/// Pattern::new("Hello")?;
/// Pattern::new(r"re:(\d+) ms")?;
/// Pattern::new(b"\x06\x1f")?;
/// Pattern::new(regex::Regex::new("(?i)error").unwrap())?;
/// Pattern::new(expectrl::Regex("[0-9]+"))?;
/// Pattern::new(|text: &[u8]| text.iter().position(|b| *b == b'!').map(|at| at..at + 1))?;
/// # Ok::<(), virtual_target::uart::PatternError>(())
/// ```
pub trait IntoPattern {
    /// Compiles it.
    ///
    /// # Errors
    /// [`PatternError`] when it is none; operations return it when they are polled.
    fn into_pattern(self) -> Result<Pattern, PatternError>;
}

impl Pattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`PatternError::Syntax`] for a bad regular expression.
    pub fn new(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        pattern.into_pattern()
    }

    /// A pattern from any [`Needle`].
    ///
    /// The needle is given what has arrived, no more than the last 64 to 128 KiB of
    /// it, and once it has matched a text must match every longer text that begins
    /// with it: this is how the earliest match is found.
    pub fn needle(needle: impl Needle + Send + 'static) -> Self {
        Self::make("a needle", Kind::Needle(Mutex::new(Box::new(needle))))
    }

    /// A pattern from a closure, for where the compiler cannot tell that it is one.
    ///
    /// What is said at [`needle`](Self::needle) holds for closures too.
    pub fn closure<F>(closure: F) -> Self
    where
        F: Fn(&[u8]) -> Option<Range<usize>> + Send + Sync + 'static,
    {
        Self::make("a closure", Kind::Closure(Box::new(closure)))
    }

    /// Exactly these bytes.
    pub(crate) fn literal(bytes: &[u8]) -> Self {
        Self::make(
            &bytes.escape_ascii().to_string(),
            Kind::Literal(Finder::new(bytes).into_owned()),
        )
    }

    fn make(source: &str, kind: Kind) -> Self {
        Self(Arc::new(Inner {
            source: source.into(),
            kind,
        }))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// The pattern as written.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.0.source
    }

    /// The number of the group called `name`.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        let named = |known: Option<&str>| known == Some(name);
        match self.kind() {
            Kind::StreamRegex(dialect) => dialect.group(name),
            Kind::Text(regex) => regex.capture_names().position(named),
            Kind::Bytes(regex) => regex.capture_names().position(named),
            Kind::Literal(_) | Kind::Needle(_) | Kind::Closure(_) => None,
        }
    }

    /// Checks that it can be found in text from which the escape sequences are taken out.
    pub(crate) fn check_visible(&self) -> Result<(), PatternError> {
        let needs_escape = |source| {
            stream_regex::parsed(source, false).is_some_and(|hir| stream_regex::needs_escape(&hir))
        };
        let is_hidden = match self.kind() {
            Kind::Literal(finder) => finder.needle().contains(&ESC),
            Kind::StreamRegex(dialect) => dialect.needs_escape,
            Kind::Text(regex) => needs_escape(regex.as_str()),
            Kind::Bytes(regex) => needs_escape(regex.as_str()),
            Kind::Needle(_) | Kind::Closure(_) => false,
        };
        match is_hidden {
            true => Err(PatternError::EscapeSequence {
                pattern: self.to_string(),
            }),
            false => Ok(()),
        }
    }

    /// Finds it in a text that is complete, with the plain semantics of its engine.
    pub(crate) fn find(&self, text: &[u8]) -> Result<Option<Groups>, PatternError> {
        self.find_at(text, 0, false)
    }

    /// Finds it in `text` from `from` on; what is before is only context. Of a pattern for
    /// text the last character is complete.
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
            Kind::StreamRegex(dialect) => Ok(dialect.find(text)),
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
            Kind::Needle(needle) => {
                let found = lock(needle).check(&text[from..], eof);
                let found = found.map_err(|e| PatternError::Needle {
                    pattern: self.to_string(),
                    reason: e.to_string(),
                })?;
                let groups = found.into_iter().map(|m| m.start()..m.end());
                let groups: Vec<_> = groups.collect();
                self.shifted(groups, from, text.len())
            }
            Kind::Closure(closure) => {
                let groups = closure(&text[from..]).into_iter().collect();
                self.shifted(groups, from, text.len())
            }
        }
    }

    /// Whether it is found in `text` from `from` on; a pattern for text does not look at a
    /// last character that is not complete.
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

    /// Checks ranges that foreign code returned.
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

impl IntoPattern for Pattern {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(self)
    }
}

impl IntoPattern for &Pattern {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(self.clone())
    }
}

impl IntoPattern for &str {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        match self.strip_prefix(REGEX_PREFIX) {
            Some(regex) => recent(self, regex),
            None => Ok(Pattern::make(
                self,
                Kind::Literal(Finder::new(self).into_owned()),
            )),
        }
    }
}

/// Compiles `regex`, written as `source`, or finds it among those that were
/// compiled of late: in a test's loop it is always the same few.
fn recent(source: &str, regex: &str) -> Result<Pattern, PatternError> {
    static RECENT: Mutex<VecDeque<Pattern>> = Mutex::new(VecDeque::new());
    const KEPT: usize = 16;

    let known = |pattern: &&Pattern| **pattern.source() == *source;
    if let Some(pattern) = lock(&RECENT).iter().find(known) {
        return Ok(pattern.clone());
    }
    let pattern = Pattern::make(source, Kind::StreamRegex(StreamRegex::new(source, regex)?));
    let mut recent = lock(&RECENT);
    recent.truncate(KEPT - 1);
    recent.push_front(pattern.clone());
    Ok(pattern)
}

impl IntoPattern for String {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        self.as_str().into_pattern()
    }
}

impl IntoPattern for &String {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        self.as_str().into_pattern()
    }
}

impl IntoPattern for char {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        self.encode_utf8(&mut [0; 4]).into_pattern()
    }
}

impl IntoPattern for &[u8] {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::literal(self))
    }
}

impl<const N: usize> IntoPattern for &[u8; N] {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::literal(self))
    }
}

impl<const N: usize> IntoPattern for [u8; N] {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::literal(&self))
    }
}

impl IntoPattern for Vec<u8> {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::literal(&self))
    }
}

impl IntoPattern for &Vec<u8> {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::literal(self))
    }
}

impl IntoPattern for regex::Regex {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::make(&self.to_string(), Kind::Text(self)))
    }
}

impl IntoPattern for &regex::Regex {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        self.clone().into_pattern()
    }
}

impl IntoPattern for regex::bytes::Regex {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::make(&self.to_string(), Kind::Bytes(self)))
    }
}

impl IntoPattern for &regex::bytes::Regex {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        self.clone().into_pattern()
    }
}

/// Compiled once, not at every check as expectrl does.
impl<Re: AsRef<str>> IntoPattern for expectrl::Regex<Re> {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        let source = self.0.as_ref();
        let regex = regex::bytes::Regex::new(source).map_err(|e| PatternError::Syntax {
            pattern: source.to_owned(),
            reason: e.to_string(),
        })?;
        regex.into_pattern()
    }
}

impl IntoPattern for expectrl::NBytes {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        match self.0 {
            count if count > MOST_BYTES => Err(PatternError::TooManyBytes { count }),
            _ => Ok(Pattern::needle(self)),
        }
    }
}

impl IntoPattern for expectrl::Eof {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::needle(self))
    }
}

impl<I> IntoPattern for expectrl::Any<I>
where
    Self: Needle + Send + 'static,
{
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::needle(self))
    }
}

impl IntoPattern for Box<dyn Needle + Send> {
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::make("a needle", Kind::Needle(Mutex::new(self))))
    }
}

impl<F> IntoPattern for F
where
    F: Fn(&[u8]) -> Option<Range<usize>> + Send + Sync + 'static,
{
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::closure(self))
    }
}

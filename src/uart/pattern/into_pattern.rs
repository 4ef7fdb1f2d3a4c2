//! The types that can be turned into a pattern.
//!
//! Operations take anything that is [`IntoPattern`]. Recently compiled `re:` strings are
//! cached, so that a loop may pass the same string each time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Mutex;

use memchr::memmem::Finder;

use super::compiled::{Kind, Pattern};
use super::error::PatternError;
use super::stream_regex::StreamRegex;
use crate::sync::lock;

/// The prefix that marks a string as a regular expression.
pub(crate) const REGEX_PREFIX: &str = "re:";

/// A type that can be turned into a [`Pattern`].
///
/// * a string: its text, or a regular expression if it starts with `re:`
///   (the `regex` crate's syntax; `\b` is ASCII);
/// * bytes: exactly these;
/// * [`regex::Regex`], [`regex::bytes::Regex`];
/// * the needles of expectrl, with the feature `expectrl`; any other `Needle` through
///   `Pattern::needle`;
/// * a closure from the text so far to the range of the match;
/// * a [`Pattern`].
///
/// Patterns see text, in which each byte that is not UTF-8 is one U+FFFD; `.` and negated
/// classes match it. A character is seen once all of its bytes have arrived.
/// A [`regex::bytes::Regex`] sees bytes, and so does a `re:` pattern that can match bytes
/// other than UTF-8, such as `re:(?-u)\xff`; in the latter, `.` and negated classes also
/// match any single byte beyond ASCII.
///
/// ```
/// use virtual_target::uart::{IntoPattern, Pattern};
///
/// Pattern::new("Hello")?;
/// Pattern::new(r"re:(\d+) ms")?;
/// Pattern::new(b"\x06\x1f")?;
/// Pattern::new(regex::Regex::new("(?i)error").unwrap())?;
/// Pattern::new(|text: &[u8]| text.iter().position(|b| *b == b'!').map(|at| at..at + 1))?;
/// # Ok::<(), virtual_target::uart::PatternError>(())
/// ```
pub trait IntoPattern {
    /// Compiles the pattern.
    ///
    /// # Errors
    /// [`PatternError`] if it is invalid; operations return it when they are polled.
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

/// Compiles `regex`, written as `source`, or finds it among the recently compiled ones: a
/// test's loop uses the same few again and again.
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

impl<F> IntoPattern for F
where
    F: Fn(&[u8]) -> Option<Range<usize>> + Send + Sync + 'static,
{
    fn into_pattern(self) -> Result<Pattern, PatternError> {
        Ok(Pattern::closure(self))
    }
}

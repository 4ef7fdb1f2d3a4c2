//! Patterns from the needles of expectrl.

use std::sync::Mutex;

use expectrl::Needle;

use super::compiled::{Kind, Pattern};
use super::error::{MOST_BYTES, PatternError};
use super::into_pattern::IntoPattern;
use crate::sync::lock;

impl Pattern {
    /// Makes a pattern from any [`Needle`].
    ///
    /// The needle is given the text that has arrived, at most the last 64 to 128 KiB of it.
    /// If it matches a text, it must also match every longer text that begins with that one:
    /// this is how the earliest match is found.
    ///
    /// ```
    /// use virtual_target::uart::Pattern;
    ///
    /// Pattern::needle(expectrl::Any(["login:", "# "]));
    /// ```
    pub fn needle(needle: impl Needle + Send + 'static) -> Self {
        from_needle(Box::new(needle))
    }
}

fn from_needle(needle: Box<dyn Needle + Send>) -> Pattern {
    let needle = Mutex::new(needle);
    let function = move |text: &[u8], eof| {
        let found = lock(&needle).check(text, eof).map_err(|e| e.to_string())?;
        Ok(found.into_iter().map(|m| m.start()..m.end()).collect())
    };
    Pattern::make("a needle", Kind::Function(Box::new(function)))
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
        Ok(from_needle(self))
    }
}

//! [`Explanation`]: why something is not valid, and what to do.

use std::fmt;

use super::super::nearest::nearest;
use super::place::FieldPlace;

/// Why a value is not valid, and what to do.
///
/// Its `Debug` form is its text.
#[derive(Clone)]
pub struct Explanation {
    reason: String,
    /// The remedy, with the characters between the reason and the remedy.
    remedy: Option<(&'static str, String)>,
}

impl Explanation {
    /// Creates an explanation without a remedy.
    pub(super) fn of<R: Into<String>>(reason: R) -> Self {
        let reason = reason.into();
        Self {
            reason,
            remedy: None,
        }
    }

    /// Adds what to do.
    pub(super) fn fix(self, remedy: impl Into<String>) -> Self {
        self.fix_after(": ", remedy)
    }

    /// Adds what to do, after the characters `separator`.
    pub(super) fn fix_after(self, separator: &'static str, remedy: impl Into<String>) -> Self {
        let remedy = Some((separator, remedy.into()));
        Self { remedy, ..self }
    }

    /// Adds the word of `known` that `word` may stand for, and the known words.
    pub(super) fn suggest(self, word: &str, known: &[impl AsRef<str>]) -> Self {
        let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
        let list = format!("(known: {})", known.join(", "));
        match nearest(word, &known) {
            Some(best) => self.fix_after("; ", format!("did you mean `{best}`? {list}")),
            None => self.fix_after(" ", list),
        }
    }

    /// Returns the same explanation with the place before it.
    pub(super) fn at(self, place: &FieldPlace) -> Self {
        let reason = format!("{place}: {}", self.reason);
        Self { reason, ..self }
    }

    /// Returns the value and what is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns what to do: how to write it, or the known values.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_ref().map(|(_, remedy)| remedy.as_str())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match &self.remedy {
            Some((separator, remedy)) => write!(f, "{separator}{remedy}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error of another part about a value of the configuration.
impl<E: std::error::Error> From<E> for Explanation {
    fn from(error: E) -> Self {
        Self::of(error.to_string())
    }
}

//! [`Caller`]: the place in a test from which a call was made; [`Call`]: the call and its place.

use std::fmt;
use std::panic::Location;

/// The place in a test from which a call was made.
pub(crate) type Caller = &'static Location<'static>;

/// Formats the place for a message, such as `tests/boots.rs:12`.
pub(crate) fn place(at: Caller) -> String {
    format!("{}:{}", at.file(), at.line())
}

/// A call that a test made, and its place. Its `Display` form is `reset() at tests/boots.rs:12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    name: &'static str,
    at: Caller,
}

impl Call {
    pub(crate) fn new(name: &'static str, at: Caller) -> Self {
        Self { name, at }
    }

    /// The call of this name that is made by the caller.
    #[track_caller]
    pub(crate) fn here(name: &'static str) -> Self {
        Self::new(name, Location::caller())
    }

    /// Returns the name of the method, such as `reset`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Returns the place in the test.
    pub fn at(self) -> &'static Location<'static> {
        self.at
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}() at {}", self.name, place(self.at))
    }
}

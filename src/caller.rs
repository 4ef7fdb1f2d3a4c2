//! [`Caller`]: the place in a test from which a call was made.

use std::panic::Location;

/// The place in a test from which a call was made.
pub(crate) type Caller = &'static Location<'static>;

/// Formats the place for a message, such as `tests/boots.rs:12`.
pub(crate) fn place(at: Caller) -> String {
    format!("{}:{}", at.file(), at.line())
}

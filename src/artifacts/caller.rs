//! [`Caller`]: the place in a test from which an operation was called.

use std::panic::Location;

/// The place in a test from which an operation was called.
pub(crate) type Caller = &'static Location<'static>;

/// Formats the place for a message, such as `tests/boots.rs:12`.
pub(super) fn place(at: Caller) -> String {
    format!("{}:{}", at.file(), at.line())
}

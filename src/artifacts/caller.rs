//! Where in a test something was called.

use std::panic::Location;

/// Where in a test an operation was called.
pub(crate) type Caller = &'static Location<'static>;

/// `tests/boots.rs:12`
pub(super) fn place(at: Caller) -> String {
    format!("{}:{}", at.file(), at.line())
}

//! Firmware integration tests as easy as unit tests.

pub mod config;
mod backend;
mod custody;
mod error;
pub mod firmware;
mod runtime;
pub mod uart;

pub use error::{Error, Result};
pub use runtime::Operation;

use std::time::Duration;

/// `n` seconds.
///
/// ```
/// assert_eq!(virtual_target::secs(2), std::time::Duration::from_secs(2));
/// ```
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` milliseconds.
///
/// ```
/// assert_eq!(virtual_target::millis(250), std::time::Duration::from_millis(250));
/// ```
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

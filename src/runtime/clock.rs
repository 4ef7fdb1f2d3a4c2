//! A guest's own [`Clock`], and what a guest has had of a time limit.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A question for the clock that is being answered on the I/O thread; `None` when it cannot be.
pub(crate) type Reading = Pin<Box<dyn Future<Output = Option<Duration>> + Send>>;

/// A guest's own clock.
pub(crate) trait Clock: Send + Sync {
    /// Asks for the time the guest has run since it was powered on.
    fn read(&self) -> Reading;
}

/// What a guest that has not had its whole time has had of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutShort {
    Had(Duration),
    /// It has had at least this; its emulator was not asked.
    AtLeast(Duration),
    /// It has had at least this; its emulator was asked, and does not answer.
    NoAnswer(Duration),
    /// Its clock could not be read.
    Unknown,
}

/// `instant + wait`, or far away where that would overflow.
pub(super) fn after(instant: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(86400 * 365);
    instant + wait.min(FAR)
}

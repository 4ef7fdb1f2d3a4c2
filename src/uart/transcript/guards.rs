//! Standing guards: patterns that must never appear.
//!
//! An [`ActiveGuard`] sees the bytes on their way into the transcript, on the I/O thread. For
//! this reason it runs compiled patterns only, no code of the user's. It returns a
//! [`ForbiddenMatch`]; the operations that fail because of it read that from the transcript.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::uart::pattern::stream::Engine;
use crate::uart::transcript::chunk::Piece;

/// A match of a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForbiddenMatch {
    /// The id of the guard.
    pub(crate) guard: u64,
    /// The guard's pattern.
    pub(crate) pattern: Arc<str>,
    /// The offset behind the byte that completed the match; one more if the end of the
    /// output did.
    pub(crate) end: u64,
    /// The line of the emulator's log that has the pattern, if it is not in the output.
    pub(crate) log_line: Option<Arc<str>>,
}

/// Returns an id for a guard.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A guard that is set.
pub(crate) struct ActiveGuard {
    id: u64,
    pattern: Arc<str>,
    engine: Engine,
}

impl ActiveGuard {
    /// Makes a guard with an id of its own.
    pub(crate) fn new(pattern: &Arc<str>, engine: Engine) -> Self {
        Self {
            id: next_id(),
            pattern: Arc::clone(pattern),
            engine,
        }
    }

    /// Returns the guard's id and pattern.
    pub(crate) fn identity(&self) -> (u64, &Arc<str>) {
        (self.id, &self.pattern)
    }

    /// Drops a partial match, as a power cycle does.
    pub(crate) fn restart(&mut self) {
        self.engine.restart();
    }

    /// Feeds the guard the next bytes of the output.
    pub(crate) fn feed<'a>(
        &mut self,
        mut pieces: impl Iterator<Item = Piece<'a>>,
    ) -> Option<ForbiddenMatch> {
        let end = pieces.find_map(|piece| match self.engine.feed(piece.bytes) {
            Ok(found) => Some(piece.offset + found?.known as u64),
            // Only foreign code can fail, and the engines of guards run none.
            Err(_) => None,
        })?;
        // After a match an engine has to be restarted.
        self.restart();
        Some(self.forbidden(end))
    }

    /// Ends the output at `end`, and returns a match that only this completes.
    pub(crate) fn finish(&mut self, end: u64) -> Option<ForbiddenMatch> {
        let found = self.engine.finish().ok().flatten();
        self.restart();
        found.map(|_| self.forbidden(end + 1))
    }

    fn forbidden(&self, end: u64) -> ForbiddenMatch {
        ForbiddenMatch {
            guard: self.id,
            pattern: Arc::clone(&self.pattern),
            end,
            log_line: None,
        }
    }
}

/// All guards of a UART.
#[derive(Default)]
pub(crate) struct Guards(Vec<ActiveGuard>);

impl Guards {
    pub(crate) fn add(&mut self, guard: ActiveGuard) {
        self.0.push(guard);
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.0.retain(|guard| guard.id != id);
    }

    /// Feeds all guards the next bytes of the output.
    pub(crate) fn feed<'a>(
        &mut self,
        pieces: impl Iterator<Item = Piece<'a>> + Clone,
    ) -> Vec<ForbiddenMatch> {
        let guards = self.0.iter_mut();
        let matches = guards.filter_map(|guard| guard.feed(pieces.clone()));
        matches.collect()
    }

    /// Ends the output at `end` for all guards.
    pub(crate) fn finish(&mut self, end: u64) -> Vec<ForbiddenMatch> {
        let guards = self.0.iter_mut();
        guards.filter_map(|guard| guard.finish(end)).collect()
    }
}

//! Standing guards: patterns that must never appear.
//!
//! They look at the bytes on their way into the transcript, on the I/O side;
//! for this reason only compiled patterns can stand guard. Guards know nothing
//! of the operations that they make fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::uart::pattern::stream::Engine;
use crate::uart::transcript::chunk::Piece;

/// A guard found what it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForbiddenMatch {
    /// Whose it is.
    pub(crate) guard: u64,
    /// The guard's pattern.
    pub(crate) pattern: Arc<str>,
    /// Just behind the byte at which what was found is known; one more where that is the
    /// end of the output.
    pub(crate) end: u64,
}

/// A guard at its post.
pub(crate) struct ActiveGuard {
    id: u64,
    pattern: Arc<str>,
    engine: Engine,
}

impl ActiveGuard {
    pub(crate) fn new(pattern: &Arc<str>, engine: Engine) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            pattern: Arc::clone(pattern),
            engine,
        }
    }

    /// The guard's number and pattern.
    pub(crate) fn identity(&self) -> (u64, &Arc<str>) {
        (self.id, &self.pattern)
    }

    /// Forgets what was half found: a power cycle lies between.
    pub(crate) fn restart(&mut self) {
        self.engine.restart();
    }

    /// Looks at what arrived.
    pub(crate) fn look<'a>(
        &mut self,
        mut pieces: impl Iterator<Item = Piece<'a>>,
    ) -> Option<ForbiddenMatch> {
        let end = pieces.find_map(|piece| match self.engine.feed(piece.bytes) {
            Ok(found) => Some(piece.offset + found?.known as u64),
            // The engines of guards run no foreign code, which alone can fail.
            Err(_) => None,
        })?;
        // An engine that has found something is not fed on as if it had not.
        self.restart();
        Some(self.forbidden(end))
    }

    /// The output ends at `end`.
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

    /// Has all look at what arrived.
    pub(crate) fn look<'a>(
        &mut self,
        pieces: impl Iterator<Item = Piece<'a>> + Clone,
    ) -> Vec<ForbiddenMatch> {
        let guards = self.0.iter_mut();
        let matches = guards.filter_map(|guard| guard.look(pieces.clone()));
        matches.collect()
    }

    /// The output ends at `end`.
    pub(crate) fn finish(&mut self, end: u64) -> Vec<ForbiddenMatch> {
        let guards = self.0.iter_mut();
        guards.filter_map(|guard| guard.finish(end)).collect()
    }
}

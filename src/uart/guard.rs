//! Standing guards: patterns that must never appear.
//!
//! They look at the bytes on their way into the transcript, on the I/O side;
//! for this reason only compiled patterns can stand guard. Guards know nothing
//! of the operations that they make fail.

use std::sync::Arc;

use super::chunk::Piece;
use super::search::Engine;

/// A guard found what it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    /// The guard's pattern.
    pub(super) pattern: Arc<str>,
    /// Just behind the last byte of what was found.
    pub(super) end: u64,
}

#[derive(Default)]
pub(super) struct Guards {
    guards: Vec<(Arc<str>, Engine)>,
}

impl Guards {
    pub(super) fn add(&mut self, pattern: Arc<str>, engine: Engine) {
        self.guards.push((pattern, engine));
    }

    /// Forgets what was half found: a power cycle lies between.
    pub(super) fn restart(&mut self) {
        for (_, engine) in &mut self.guards {
            engine.restart();
        }
    }

    /// Looks at what arrived; the first alarm in the order of the bytes.
    pub(super) fn look<'a>(
        &mut self,
        pieces: impl Iterator<Item = Piece<'a>> + Clone,
    ) -> Option<Alarm> {
        let mut first: Option<Alarm> = None;
        for (pattern, engine) in &mut self.guards {
            let end = pieces
                .clone()
                .find_map(|piece| match engine.feed(piece.bytes) {
                    Ok(Some(end)) => Some(piece.offset + end as u64),
                    // Guards have engines that never give up.
                    Ok(None) | Err(_) => None,
                });
            if let Some(end) = end
                && first.as_ref().is_none_or(|alarm| end < alarm.end)
            {
                first = Some(Alarm {
                    pattern: Arc::clone(pattern),
                    end,
                });
            }
        }
        first
    }
}

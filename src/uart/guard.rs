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
    /// Just behind the byte at which what was found is known.
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
        let alarms = self
            .guards
            .iter_mut()
            .filter_map(|(pattern, engine)| look(pattern, engine, pieces.clone()));
        alarms.min_by_key(|alarm| alarm.end)
    }
}

/// Lets one guard look at what arrived.
pub(super) fn look<'a>(
    pattern: &Arc<str>,
    engine: &mut Engine,
    mut pieces: impl Iterator<Item = Piece<'a>>,
) -> Option<Alarm> {
    let end = pieces.find_map(|piece| match engine.feed(piece.bytes) {
        Ok(found) => Some(piece.offset + found?.known as u64),
        // The engines of guards run no foreign code, which alone can fail.
        Err(_) => None,
    })?;
    // An engine that has found something is not fed on as if it had not.
    engine.restart();
    Some(Alarm {
        pattern: Arc::clone(pattern),
        end,
    })
}

//! [`RunPool`]: the Renodes that the processes of a run share.
//!
//! When a target is dropped, its Renode is cleared, [left](super::leave) to its keeper with [`Notes`]
//! in its directory, and told to make the same board again. The next process that boots a board takes
//! a Renode that is ready, of several the one that was left first.

use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::give_back::PATIENCE;
use super::key::Key;
use super::notes::{NextBoard, Notes};
use crate::process::{Adopted, Parked, Run, Supervisor, unread};
use crate::sync::lock;

/// The time within which a board follows closely on the last one of its Renode.
const CLOSELY: Duration = Duration::from_secs(1);

/// A Renode of another process, or of an earlier board of this one.
pub(crate) struct Left {
    pub(crate) adopted: Adopted,
    pub(crate) notes: Notes,
    /// Set if it was left a moment ago.
    pub(crate) follows_closely: bool,
}

/// The Renodes of the run, as this process sees them.
pub(crate) struct RunPool {
    /// The process that made this: a forked child has none.
    owner: u32,
    pub(crate) run: Run,
    /// Owns the Renodes that are being cleared, or started.
    pub(super) supervisor: Supervisor,
    /// The number of Renodes that are being cleared.
    coming: Mutex<usize>,
    /// Notified when one has been cleared.
    came: Condvar,
    arrived: Notify,
}

/// Returns the pool of this process's run; `None` in a forked child, and if the run is not known.
pub(crate) fn run() -> Option<&'static RunPool> {
    static POOL: OnceLock<Option<RunPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let run = Run::current().inspect_err(|error| {
            tracing::warn!(%error, "Renodes are not shared: the run of this process is not known");
        });
        // Without the hook, a Renode that is being cleared is ended by the reaper.
        let _ = shutdown_hooks::add_shutdown_hook(finish);
        Some(RunPool {
            owner: std::process::id(),
            run: run.ok()?,
            supervisor: Supervisor::new(),
            coming: Mutex::new(0),
            came: Condvar::new(),
            arrived: Notify::new(),
        })
    });
    pool.as_ref().filter(|it| it.owner == std::process::id())
}

/// Waits until the Renodes of this process have been left to their keepers; ends the others.
extern "C" fn finish() {
    let Some(pool) = run() else { return };
    let coming = lock(&pool.coming);
    let waited = pool
        .came
        .wait_timeout_while(coming, PATIENCE, |coming| *coming > 0);
    drop(waited.unwrap_or_else(PoisonError::into_inner));
    pool.supervisor.release();
}

impl RunPool {
    /// Takes a Renode for a board with this key. Waits for those that this process clears.
    pub(crate) async fn take(&self, key: &Key, supervisor: &Supervisor) -> Option<Left> {
        loop {
            let arrived = self.arrived.notified();
            let coming = *lock(&self.coming);
            for parked in self.parked(key) {
                match supervisor.adopt(&parked.directory) {
                    Ok(Some(adopted)) => {
                        // Another process may have had it meanwhile.
                        let Some(notes) = Notes::read(&parked.directory) else {
                            adopted.process.kill();
                            continue;
                        };
                        return Some(Left {
                            adopted,
                            notes,
                            follows_closely: parked.since.elapsed().is_ok_and(|it| it < CLOSELY),
                        });
                    }
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "a Renode of the run is not used again"),
                }
            }
            if coming == 0 {
                return None;
            }
            arrived.await;
        }
    }

    /// Returns the parked Renodes that can run a board with this key. The first are those that make
    /// such a board, and of these those that have made it; the last are those that still start.
    fn parked(&self, key: &Key) -> Vec<Parked> {
        let parked = self.run.parked().into_iter();
        let noted = parked.filter_map(|it| {
            let notes = Notes::read(&it.directory)?;
            (*notes.process == *key.process).then_some((it, notes))
        });
        let mut usable: Vec<_> = noted.collect();
        usable.sort_by_cached_key(|(it, notes)| {
            let next = notes.next.as_ref();
            let is_other = next.is_none_or(|next| *next.board != *key.board);
            let has_made = |next: &NextBoard| {
                unread(&it.directory).is_ok_and(|output| next.commands.are_answered(&output))
            };
            let is_busy = !next.is_none_or(has_made);
            (is_busy && notes.version.is_none(), is_other, is_busy)
        });
        usable.into_iter().map(|(parked, _)| parked).collect()
    }

    /// Ends a Renode that waits for a board and cannot run one with this key: a new one takes its
    /// place.
    pub(crate) fn end_another(&self, key: &Key) {
        let is_other = |parked: &Parked| {
            Notes::read(&parked.directory).is_none_or(|notes| *notes.process != *key.process)
        };
        let supervisor = Supervisor::new();
        let mut others = self.run.parked().into_iter().filter(is_other);
        // The supervisor ends it.
        let _ = others.find(|it| matches!(supervisor.adopt(&it.directory), Ok(Some(_))));
    }

    /// Announces a Renode that this process clears.
    pub(super) fn expect(&self) {
        *lock(&self.coming) += 1;
    }

    /// Ends the wait for a Renode that was [expected](Self::expect).
    pub(super) fn arrive(&self) {
        *lock(&self.coming) -= 1;
        self.came.notify_all();
        self.arrived.notify_waiters();
    }
}

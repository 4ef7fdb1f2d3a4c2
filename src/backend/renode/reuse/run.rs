//! [`RunPool`]: the Renodes that the processes of a run share.
//!
//! When a target is dropped, its Renode is cleared and left to its keeper, with [`Notes`] in its
//! directory. The next process that boots a board takes the Renode and makes its own board in it.
//! To make the board before that would save no time where one test follows the other: the Renode
//! would still be busy with it.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::check::Portraits;
use super::give_back::{PATIENCE, Paused, give_up};
use super::key::Key;
use super::limits;
use super::pool::discard;
use crate::backend::EmulatorError;
use crate::backend::renode::context::KIND;
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::session::Session;
use crate::process::{Adopted, Run, Supervisor};
use crate::runtime;
use crate::sync::lock;

/// The file with the notes, in a Renode's directory.
const NOTES: &str = "notes";

/// What a process has to know of a Renode that another process has started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notes {
    /// The part of the [key](Key) that all boards of the Renode share.
    process: String,
    version: String,
    pub(crate) runtime: Option<String>,
    /// The number of boards that it has run.
    pub(crate) boards: u32,
    pub(crate) portraits: Portraits,
}

impl Notes {
    fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(directory.join(NOTES)).ok()?).ok()
    }

    pub(crate) fn version(&self) -> Option<Version> {
        Version::parse(&self.version)
    }
}

/// The Renodes of the run, as this process sees them.
pub(crate) struct RunPool {
    /// The process that made this: a forked child has none.
    owner: u32,
    pub(crate) run: Run,
    /// Owns the Renodes that are being cleared.
    supervisor: Supervisor,
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
    /// Takes a Renode for a board with this key, with its notes. Waits for those that this process
    /// clears.
    pub(crate) async fn take(
        &self,
        key: &Key,
        supervisor: &Supervisor,
    ) -> Option<(Adopted, Notes)> {
        loop {
            let arrived = self.arrived.notified();
            let coming = *lock(&self.coming);
            for directory in self.run.parked() {
                let Some(notes) = Notes::read(&directory) else {
                    continue;
                };
                if *notes.process != *key.process {
                    continue;
                }
                match supervisor.adopt(&directory) {
                    Ok(Some(adopted)) => return Some((adopted, notes)),
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

    /// Ends a Renode that waits for a board and cannot run one with this key: a new one takes its
    /// place.
    pub(crate) fn end_another(&self, key: &Key) {
        let is_other = |directory: &PathBuf| {
            Notes::read(directory).is_none_or(|notes| *notes.process != *key.process)
        };
        let supervisor = Supervisor::new();
        let mut others = self.run.parked().into_iter().filter(is_other);
        // The supervisor ends it.
        let _ = others.find(|it| matches!(supervisor.adopt(it), Ok(Some(_))));
    }
}

impl Paused {
    /// Clears the board and leaves the Renode to its keeper, in the background.
    pub(crate) fn leave(self, pool: &'static RunPool, portraits: Portraits) {
        if !self.hand_over(&pool.supervisor) {
            return;
        }
        *lock(&pool.coming) += 1;
        let leaving = runtime::spawn(async move {
            self.clear_and_leave(pool, portraits).await;
            *lock(&pool.coming) -= 1;
            pool.came.notify_all();
            pool.arrived.notify_waiters();
        });
        // Without an I/O thread there is no session.
        drop(leaving);
    }

    async fn clear_and_leave(mut self, pool: &RunPool, portraits: Portraits) {
        let left = match self.clear().await {
            Ok(()) => {
                let notes = Notes {
                    process: self.key.process.to_string(),
                    version: self.version.to_string(),
                    runtime: self.runtime,
                    boards: self.session.earlier_boards() + 1,
                    portraits,
                };
                leave_to_keeper(&self.session, &notes, pool).map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        match left {
            Ok(true) => {}
            Ok(false) => discard(self.session),
            Err(why) => give_up(self.session, &why),
        }
    }
}

/// Leaves a Renode without a board to its keeper; returns false if it is not to be used again.
fn leave_to_keeper(
    session: &Session,
    notes: &Notes,
    pool: &RunPool,
) -> Result<bool, EmulatorError> {
    // Another process must not get the answer to a command of this one.
    let is_silent = session.monitor().busy_with().is_none();
    if !is_silent || !limits::allow_another(pool.run.parked().len()) {
        return Ok(false);
    }
    session.stop_reading();
    let directory = session.private();
    let io = |source| EmulatorError::io(KIND, "leaving Renode to other tests", source);
    let notes = serde_json::to_vec(notes).map_err(|error| io(error.into()))?;
    std::fs::write(directory.path().join(NOTES), notes).map_err(io)?;
    let parked = pool
        .supervisor
        .park(&pool.run, &session.process(), directory);
    parked.map_err(|source| EmulatorError::process(KIND, source))
}

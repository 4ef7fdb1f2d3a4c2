//! [`Supervisor`]: the owner of processes and private directories, which kills and removes them.

use std::sync::{Arc, Mutex, MutexGuard};

use super::child::Process;
use super::error::ProcessError;
use super::private_dir::PrivateDir;
use super::spawn_spec::SpawnSpec;
use crate::sync::lock;

/// Processes and directories that are released together.
#[derive(Debug)]
pub(crate) struct Supervisor {
    owner: u32,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    released: bool,
    processes: Vec<Arc<Process>>,
    directories: Vec<Arc<PrivateDir>>,
}

impl Supervisor {
    pub(crate) fn new() -> Self {
        Self {
            owner: std::process::id(),
            held: Mutex::default(),
        }
    }

    /// Starts a process, which is killed at the latest when this supervisor is released.
    pub(crate) fn spawn(&self, launch: SpawnSpec) -> Result<Arc<Process>, ProcessError> {
        let mut held = self.open()?;
        let process = Arc::new(Process::spawn(launch)?);
        held.processes.retain(|process| process.exit().is_none());
        held.processes.push(Arc::clone(&process));
        Ok(process)
    }

    /// Creates a directory with a plain path, which is removed at the latest when this supervisor
    /// is released.
    pub(crate) fn private_dir(&self) -> Result<Arc<PrivateDir>, ProcessError> {
        let mut held = self.open()?;
        let directory = Arc::new(PrivateDir::create()?);
        held.directories.retain(|directory| !directory.is_removed());
        held.directories.push(Arc::clone(&directory));
        Ok(directory)
    }

    /// Hands a process and its directory over to `heir`, which then is their only owner; does nothing
    /// if either supervisor has been released.
    pub(crate) fn hand_over(
        &self,
        process: &Arc<Process>,
        directory: &Arc<PrivateDir>,
        heir: &Self,
    ) -> bool {
        let (Ok(mut held), Ok(mut heirs)) = (self.open(), heir.open()) else {
            return false;
        };
        held.processes.retain(|it| !Arc::ptr_eq(it, process));
        held.directories.retain(|it| !Arc::ptr_eq(it, directory));
        heirs.processes.retain(|process| process.exit().is_none());
        heirs.processes.push(Arc::clone(process));
        heirs.directories.retain(|it| !it.is_removed());
        heirs.directories.push(Arc::clone(directory));
        true
    }

    /// Kills and reaps the processes, removes the directories, and refuses new ones.
    ///
    /// Does nothing in a forked child: the processes and directories belong to the parent.
    pub(crate) fn release(&self) {
        if std::process::id() != self.owner {
            return;
        }
        let (processes, directories) = {
            let mut held = self.lock();
            held.released = true;
            (
                std::mem::take(&mut held.processes),
                std::mem::take(&mut held.directories),
            )
        };
        for process in &processes {
            process.kill();
        }
        for process in &processes {
            process.wait_reaped();
        }
        for directory in &directories {
            directory.remove();
        }
    }

    /// Kills the processes without waiting for their exit; new ones may be started.
    pub(crate) fn kill_processes(&self) {
        for process in &self.lock().processes {
            process.kill();
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, Held>, ProcessError> {
        let held = self.lock();
        if held.released {
            return Err(ProcessError::Released);
        }
        Ok(held)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.release();
    }
}

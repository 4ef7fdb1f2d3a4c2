//! [`Supervisor`]: the owner of processes and private directories, which kills and removes them.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::child::Process;
use super::error::ProcessError;
use super::keeper::{self, Keeper, KeptProgram, Streams, Taken};
use super::private_dir::PrivateDir;
use super::run::Run;
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

/// A process that this process has taken over from another one.
pub(crate) struct Adopted {
    pub(crate) process: Arc<Process>,
    pub(crate) directory: Arc<PrivateDir>,
    pub(crate) streams: Streams,
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

    /// Starts a process with a keeper, which may live as long as `run`.
    pub(crate) fn spawn_kept(
        &self,
        run: &Run,
        directory: &PrivateDir,
        kept: KeptProgram,
    ) -> Result<(Arc<Process>, Streams), ProcessError> {
        let mut held = self.open()?;
        let keeper = Keeper::new(run, directory.path(), kept);
        let keeper = keeper.map_err(ProcessError::Keeper)?;
        let process = Arc::new(Process::spawn_kept(keeper.launch, keeper.guard)?);
        held.processes.retain(|process| process.exit().is_none());
        held.processes.push(Arc::clone(&process));
        Ok((process, keeper.streams))
    }

    /// Creates a directory for a process with a keeper.
    pub(crate) fn kept_dir(&self, run: &Run) -> Result<Arc<PrivateDir>, ProcessError> {
        let mut held = self.open()?;
        let directory = PrivateDir::create_in(&run.parent, &run.prefix())?;
        let directory = Arc::new(directory);
        held.directories.push(Arc::clone(&directory));
        Ok(directory)
    }

    /// Takes a process over that is parked in `directory`; `None` if another process has it, or if
    /// it has ended.
    pub(crate) fn adopt(&self, directory: &Path) -> Result<Option<Adopted>, ProcessError> {
        let mut held = self.open()?;
        let Some(taken) = Taken::take(directory).map_err(ProcessError::Keeper)? else {
            return Ok(None);
        };
        // If the rest fails, the directory is removed, which ends the keeper.
        let directory = Arc::new(PrivateDir::adopt(directory)?);
        let (streams, status) = taken.open().map_err(ProcessError::Keeper)?;
        let Some(process) = Process::adopt(&taken, status)? else {
            return Ok(None);
        };
        let process = Arc::new(process);
        taken.own().map_err(ProcessError::Keeper)?;
        held.processes.push(Arc::clone(&process));
        held.directories.push(Arc::clone(&directory));
        Ok(Some(Adopted {
            process,
            directory,
            streams,
        }))
    }

    /// Leaves a process with its directory to its keeper, for other processes of `run`; the keeper
    /// ends it if it is not taken for `longest_idle` seconds. Returns false if it has no keeper any
    /// more, or if the run or this supervisor has ended.
    pub(crate) fn park(
        &self,
        run: &Run,
        process: &Arc<Process>,
        directory: &Arc<PrivateDir>,
        longest_idle: u32,
    ) -> Result<bool, ProcessError> {
        let mut held = self.open()?;
        let leave = || {
            held.processes.retain(|it| !Arc::ptr_eq(it, process));
            held.directories.retain(|it| !Arc::ptr_eq(it, directory));
            process.leave();
            directory.leave();
        };
        let parked = keeper::park(run, directory.path(), process.group(), longest_idle, leave);
        parked.map_err(ProcessError::Keeper)
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

//! What must not outlive its owner: emulator processes and private directories.
//!
//! A [`Custody`] belongs to one target. [`Custody::release`] ends everything in
//! it at once, in the calling thread; should this process die before that, the
//! [reaper](reaper) does the same. Nothing here knows what the processes are
//! for.

mod child;
mod private_dir;
mod reaper;
mod spawn_spec;
#[cfg(test)]
mod tests;

pub(crate) use child::{Exit, Process, largest_child};
pub(crate) use private_dir::PrivateDir;
pub(crate) use spawn_spec::Launch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the host refused while a process or directory was being set up.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// The helper that cleans up after a killed test process could not be started.
    #[error(
        "cannot start the cleanup helper /bin/sh: {0}; nothing was started, because nothing would clean up after a kill -9"
    )]
    Reaper(#[source] std::io::Error),
    /// The private directory could not be made.
    #[error(
        "cannot make the private directory {path:?}: {source}; set TMPDIR to a directory that this user can write to"
    )]
    Directory {
        /// The directory that was to be made.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name of the temporary directory cannot be handed to the cleanup helper.
    #[error(
        "the temporary directory {path:?} has a newline in its name; set TMPDIR to another one"
    )]
    DirectoryName {
        /// The offending path.
        path: PathBuf,
    },
    /// A process could not be started.
    #[error("cannot start {program:?}: {source}")]
    Spawn {
        /// The program that was to run.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The thread that waits for a process's end could not be started.
    #[error(
        "cannot start a thread that watches the emulator: {0}; raise the limit on threads or processes (ulimit -u)"
    )]
    Watcher(#[source] std::io::Error),
    /// The owner was dropped meanwhile.
    #[error("the operation was dropped before it was done; nothing was left running")]
    Released,
}

/// Processes and directories that end together.
#[derive(Debug)]
pub(crate) struct Custody {
    owner: u32,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    released: bool,
    processes: Vec<Arc<Process>>,
    directories: Vec<Arc<PrivateDir>>,
}

impl Custody {
    pub(crate) fn new() -> Self {
        Self {
            owner: std::process::id(),
            held: Mutex::default(),
        }
    }

    /// Starts a process that ends with this custody at the latest.
    pub(crate) fn spawn(&self, launch: Launch) -> Result<Arc<Process>, CustodyError> {
        let mut held = self.open()?;
        let process = Arc::new(Process::spawn(launch)?);
        held.processes.retain(|process| process.exit().is_none());
        held.processes.push(Arc::clone(&process));
        Ok(process)
    }

    /// Makes a directory with a plain name that is removed with this custody at the latest.
    pub(crate) fn private_dir(&self) -> Result<Arc<PrivateDir>, CustodyError> {
        let mut held = self.open()?;
        let directory = Arc::new(PrivateDir::create()?);
        held.directories.retain(|directory| !directory.is_removed());
        held.directories.push(Arc::clone(&directory));
        Ok(directory)
    }

    /// Kills and reaps the processes, removes the directories, and refuses new ones.
    ///
    /// Returns when they are gone. In a forked child it does nothing: they are
    /// the parent's.
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
            process.wait_gone();
        }
        for directory in &directories {
            directory.remove();
        }
    }

    /// Kills the processes, without waiting for their end; new ones may be started.
    pub(crate) fn kill_processes(&self) {
        for process in &self.lock().processes {
            process.kill();
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, Held>, CustodyError> {
        let held = self.lock();
        if held.released {
            return Err(CustodyError::Released);
        }
        Ok(held)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        self.release();
    }
}

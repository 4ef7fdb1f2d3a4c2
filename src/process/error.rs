//! [`ProcessError`]: the failures of processes and private directories.

use std::io;
use std::path::PathBuf;

/// A failure of the host to set up a process or a private directory.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The helper that cleans up after a killed test process could not be started.
    #[error(
        "cannot start the cleanup helper /bin/sh: {0}; nothing was started, because nothing would clean up after a kill -9"
    )]
    Reaper(#[source] std::io::Error),
    /// The private directory could not be created.
    #[error(
        "cannot make the private directory {path:?}: {source}; set TMPDIR to a directory that this user can write to"
    )]
    Directory {
        /// The path of the directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The name of the temporary directory cannot be sent to the cleanup helper.
    #[error(
        "the temporary directory {path:?} has a newline in its name; set TMPDIR to another one"
    )]
    DirectoryName {
        /// The path with the newline.
        path: PathBuf,
    },
    /// A process could not be started.
    #[error("cannot start {program:?}: {source}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The thread that waits for a process's exit could not be started.
    #[error(
        "cannot start a thread that watches the emulator: {0}; raise the limit on threads or processes (ulimit -u)"
    )]
    Watcher(#[source] std::io::Error),
    /// The process that keeps an emulator for the tests of a run could not be started or replaced.
    #[error(
        "cannot keep the emulator for other tests of this run: {0}; VTARGET_REUSE=off needs no keeper"
    )]
    Keeper(#[source] std::io::Error),
    /// The owner was dropped during the operation.
    #[error("the operation was dropped before it was done; nothing was left running")]
    Released,
}

/// What a helper process lacks, beside what the system says.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    #[error("the thread that starts it is gone")]
    Thread,
    #[error("no pipe to it")]
    Pipe,
    #[error(
        "it removes directories with the program `rm`, which is in none of {}; install it, or add its directory \
         to PATH",
        .path.display()
    )]
    Rm { path: PathBuf },
    #[error("/proc does not show its parent")]
    Parent,
}

impl From<Missing> for io::Error {
    fn from(problem: Missing) -> Self {
        Self::other(problem)
    }
}

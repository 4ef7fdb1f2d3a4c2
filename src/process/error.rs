//! What can go wrong with processes and private directories.

use std::path::PathBuf;

/// What the host refused while a process or directory was being set up.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
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

//! [`DirLock`]: a directory that no other process takes or removes.
//!
//! The lock is on the directory itself and ends with the process, so no lock file remains.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::Contended;

/// The number of times that another process may remove the directory before it is locked.
const MAX_TRIES: u32 = 100;

/// A lock on a directory, released on drop; none if the file system has no locks.
#[derive(Debug)]
pub(crate) struct DirLock(Option<Flock<File>>);

impl DirLock {
    /// Creates a directory and locks it; returns `None` if another process holds the lock.
    pub(crate) fn create(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..MAX_TRIES {
            fs::create_dir_all(path)?;
            match Self::lock(path) {
                Ok(Some(lock)) if !lock.is_at(path) => {}
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                outcome => return outcome,
            }
        }
        Err(Contended::Removed.into())
    }

    /// Locks an existing directory as soon as no other process holds the lock.
    pub(crate) fn wait(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusive) {
                Ok(lock) => return Ok(Self(Some(lock))),
                Err((again, Errno::EINTR)) => file = again,
                Err(_) => return Ok(Self(None)),
            }
        }
    }

    /// Locks an existing directory; returns `None` if another process holds the lock.
    fn lock(path: &Path) -> io::Result<Option<Self>> {
        match Flock::lock(File::open(path)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self(Some(lock)))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err(_) => Ok(Some(Self(None))),
        }
    }

    /// Returns true if no process holds the lock; false as well if the file system has no locks.
    pub(crate) fn is_free(path: &Path) -> bool {
        matches!(Self::lock(path), Ok(Some(Self(Some(_)))))
    }

    /// Returns false if the directory was removed, and perhaps created again, before it was locked.
    fn is_at(&self, path: &Path) -> bool {
        let Some(lock) = &self.0 else {
            return path.is_dir();
        };
        let identity = |data: fs::Metadata| (data.dev(), data.ino());
        let there = fs::metadata(path).map(identity).ok();
        there.is_some() && there == lock.metadata().map(identity).ok()
    }
}

/// Removes a directory, except for directories in it that a running process has locked.
pub(crate) fn clear(directory: &Path) {
    let Ok(Some(_lock)) = DirLock::lock(directory) else {
        return;
    };
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => clear(&entry.path()),
            _ => drop(fs::remove_file(entry.path())),
        }
    }
    let _ = fs::remove_dir(directory);
}

/// Removes a directory if it is empty and no running process has locked it.
pub(crate) fn remove_empty(directory: &Path) {
    if let Ok(Some(_lock)) = DirLock::lock(directory) {
        let _ = fs::remove_dir(directory);
    }
}

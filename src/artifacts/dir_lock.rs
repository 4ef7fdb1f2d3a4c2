//! Directories that a living process holds, so that no other takes or removes them.
//! The lock is on the directory itself and ends with the process: nothing is left of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// So often another process may remove the directory before it is held.
const TRIES: u32 = 100;

/// A directory is held until this is dropped; where the file system has no locks, it is not.
#[derive(Debug)]
pub(crate) struct Held(Option<Flock<File>>);

impl Held {
    /// Makes a directory and holds it; nothing if another process does.
    pub(crate) fn make(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            fs::create_dir_all(path)?;
            match Self::of(path) {
                Ok(Some(held)) if !held.is_at(path) => {}
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                held => return held,
            }
        }
        Err(io::Error::other("other processes remove it all the time"))
    }

    fn of(path: &Path) -> io::Result<Option<Self>> {
        match Flock::lock(File::open(path)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self(Some(lock)))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err(_) => Ok(Some(Self(None))),
        }
    }

    /// Whether it was not removed, and perhaps made anew, before it was held.
    fn is_at(&self, path: &Path) -> bool {
        let Some(lock) = &self.0 else {
            return path.is_dir();
        };
        let identity = |data: fs::Metadata| (data.dev(), data.ino());
        let there = fs::metadata(path).map(identity).ok();
        there.is_some() && there == lock.metadata().map(identity).ok()
    }
}

/// Removes a directory, except for what in it is held by a living process.
pub(crate) fn clear(directory: &Path) {
    let Ok(Some(_held)) = Held::of(directory) else {
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

/// Removes a directory that is empty and that no living process holds.
pub(crate) fn remove_empty(directory: &Path) {
    if let Ok(Some(_held)) = Held::of(directory) {
        let _ = fs::remove_dir(directory);
    }
}

//! A directory of our own (mode 0700) that disappears with its owner, or with
//! this process, however it ends.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CustodyError, reaper};

/// A private directory below the system's temporary directory.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    path: PathBuf,
    owner: u32,
    removed: AtomicBool,
}

impl PrivateDir {
    pub(super) fn create() -> Result<Self, CustodyError> {
        loop {
            let path = std::env::temp_dir().join(fresh_name());
            if path.as_os_str().as_encoded_bytes().contains(&b'\n') {
                return Err(CustodyError::DirectoryName { path });
            }
            let path = std::path::absolute(&path)
                .map_err(|source| CustodyError::Directory { path, source })?;
            // Registered first: a kill in between leaves a name too many, not a directory.
            reaper::register(reaper::Ward::Directory(path.clone()))?;
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        owner: std::process::id(),
                        removed: AtomicBool::new(false),
                    });
                }
                Err(source) => {
                    let taken = source.kind() == io::ErrorKind::AlreadyExists;
                    reaper::forget(reaper::Ward::Directory(path.clone()));
                    if !taken {
                        return Err(CustodyError::Directory { path, source });
                    }
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the directory with all that is in it; a no-op the second time.
    pub(crate) fn remove(&self) {
        if std::process::id() != self.owner || self.removed.swap(true, Ordering::SeqCst) {
            return;
        }
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // Still registered: the reaper tries again when this process ends.
                tracing::warn!(path = %self.path.display(), %error, "cannot remove the private directory");
            }
            _ => reaper::forget(reaper::Ward::Directory(self.path.clone())),
        }
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A name that nobody can guess, so that nobody can wait for it.
fn fresh_name() -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("virtual-target-{}-{random:016x}", std::process::id())
}

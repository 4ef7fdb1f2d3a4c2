//! [`PrivateDir`]: a directory (mode 0700) that is removed with its owner, or at any end of this
//! process.
//!
//! The emulators' command languages cannot express every path. If TMPDIR has such a path, the
//! directory gets a second, plain path: a link in `/tmp`.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::{ProcessError, reaper};
use crate::sync::lock;

/// The directory of the links to directories without a plain path.
pub(super) const PLAIN: &str = "/tmp";

/// A private directory below the system's temporary directory.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    directory: PathBuf,
    /// The link with a plain path, if `directory` has none.
    link: Option<PathBuf>,
    owner: u32,
    /// True once the directory is removed, or another process's. Locked during the removal, so that a second call returns
    /// only when the directory is removed.
    removed: Mutex<bool>,
}

impl PrivateDir {
    pub(super) fn create() -> Result<Self, ProcessError> {
        let parent = std::env::temp_dir();
        let parent = std::path::absolute(&parent).map_err(|source| ProcessError::Directory {
            path: parent,
            source,
        })?;
        let prefix = prefix();
        let mut private = Self::create_in(&parent, &prefix)?;
        if !is_plain(&parent) {
            let link = create_registered(Path::new(PLAIN), &prefix, |link| {
                symlink(&private.directory, link)
            })?;
            private.link = Some(link);
        }
        Ok(private)
    }

    /// Creates a directory in `parent`, whose name begins with `prefix`.
    pub(super) fn create_in(parent: &Path, prefix: &str) -> Result<Self, ProcessError> {
        let create = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        let directory = create_registered(parent, prefix, create)?;
        Ok(Self::at(directory))
    }

    /// Takes a directory over from another process.
    pub(super) fn adopt(directory: &Path) -> Result<Self, ProcessError> {
        reaper::register(reaper::Cleanup::Path(directory.to_owned()))?;
        Ok(Self::at(directory.to_owned()))
    }

    fn at(directory: PathBuf) -> Self {
        Self {
            directory,
            link: None,
            owner: std::process::id(),
            removed: Mutex::new(false),
        }
    }

    /// Leaves the directory to another process.
    pub(super) fn leave(&self) {
        let mut removed = self.removed();
        if !std::mem::replace(&mut *removed, true) {
            reaper::forget(reaper::Cleanup::Path(self.directory.clone()));
        }
    }

    /// Returns the plain path: ASCII letters, digits, and `/ . _ -` only.
    pub(crate) fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.directory)
    }

    /// Removes the directory with its content. A second call does nothing.
    pub(crate) fn remove(&self) {
        if std::process::id() != self.owner {
            return;
        }
        let mut removed = self.removed();
        if std::mem::replace(&mut *removed, true) {
            return;
        }
        if let Some(link) = &self.link {
            forget_removed(link, std::fs::remove_file(link));
        }
        forget_removed(&self.directory, remove_all(&self.directory));
    }

    pub(super) fn is_removed(&self) -> bool {
        *self.removed()
    }

    fn removed(&self) -> MutexGuard<'_, bool> {
        lock(&self.removed)
    }
}

/// Creates a new entry in `parent` that the reaper removes if this process dies.
fn create_registered(
    parent: &Path,
    prefix: &str,
    create: impl Fn(&Path) -> io::Result<()>,
) -> Result<PathBuf, ProcessError> {
    loop {
        let path = parent.join(fresh_name(prefix));
        if path.as_os_str().as_encoded_bytes().contains(&b'\n') {
            return Err(ProcessError::DirectoryName { path });
        }
        // The path is registered first: a kill in between leaves a surplus registration, not a
        // file.
        reaper::register(reaper::Cleanup::Path(path.clone()))?;
        match create(&path) {
            Ok(()) => return Ok(path),
            Err(source) => {
                let taken = source.kind() == io::ErrorKind::AlreadyExists;
                reaper::forget(reaper::Cleanup::Path(path.clone()));
                if !taken {
                    return Err(ProcessError::Directory { path, source });
                }
            }
        }
    }
}

/// Removes a directory. Tries again if it is not empty: a boot that has just been dropped may still
/// add its last file, on the I/O thread.
fn remove_all(directory: &Path) -> io::Result<()> {
    const RETRIES: usize = 100;
    for _ in 0..RETRIES {
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => return removed,
        }
    }
    std::fs::remove_dir_all(directory)
}

/// Ends the registration of a removed `path`. A path that could not be removed stays registered:
/// the reaper tries again when this process ends.
fn forget_removed(path: &Path, removed: io::Result<()>) {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a private directory");
        }
        _ => reaper::forget(reaper::Cleanup::Path(path.to_owned())),
    }
}

/// Returns true if the emulators' command languages can express the path.
pub(super) fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Returns a random name: another user cannot guess it and create the path first.
fn fresh_name(prefix: &str) -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("{prefix}-{random:016x}")
}

/// Returns the beginning of the names of this process's directories.
fn prefix() -> String {
    format!("virtual-target-{}", std::process::id())
}

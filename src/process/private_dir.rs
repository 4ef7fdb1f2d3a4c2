//! A directory of our own (mode 0700) that disappears with its owner, or with
//! this process, however it ends.
//!
//! Emulators' command languages cannot write every name. Where TMPDIR has such a
//! one, the directory gets a second, plain name: a link in `/tmp`.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::{ProcessError, reaper};
use crate::sync::lock;

/// Where the links of directories without a plain name are.
const PLAIN: &str = "/tmp";

/// A private directory below the system's temporary directory.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    directory: PathBuf,
    /// Its plain name, where that is not its own.
    link: Option<PathBuf>,
    owner: u32,
    /// Held while it is removed: who comes second returns when it is gone.
    removed: Mutex<bool>,
}

impl PrivateDir {
    pub(super) fn create() -> Result<Self, ProcessError> {
        let parent = std::env::temp_dir();
        let parent = std::path::absolute(&parent).map_err(|source| ProcessError::Directory {
            path: parent,
            source,
        })?;
        let directory = make(&parent, |path| DirBuilder::new().mode(0o700).create(path))?;
        let mut private = Self {
            directory,
            link: None,
            owner: std::process::id(),
            removed: Mutex::new(false),
        };
        if !is_plain(&parent) {
            let link = make(Path::new(PLAIN), |link| symlink(&private.directory, link))?;
            private.link = Some(link);
        }
        Ok(private)
    }

    /// Its path: ASCII letters, digits, and `/ . _ -` only.
    pub(crate) fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.directory)
    }

    /// Removes the directory with all that is in it; a no-op the second time.
    pub(crate) fn remove(&self) {
        if std::process::id() != self.owner {
            return;
        }
        let mut removed = self.removed();
        if std::mem::replace(&mut *removed, true) {
            return;
        }
        if let Some(link) = &self.link {
            gone(link, std::fs::remove_file(link));
        }
        gone(&self.directory, remove_all(&self.directory));
    }

    pub(super) fn is_removed(&self) -> bool {
        *self.removed()
    }

    fn removed(&self) -> MutexGuard<'_, bool> {
        lock(&self.removed)
    }
}

/// Makes something new in `parent` that the reaper removes should this process die.
fn make(parent: &Path, create: impl Fn(&Path) -> io::Result<()>) -> Result<PathBuf, ProcessError> {
    loop {
        let path = parent.join(fresh_name());
        if path.as_os_str().as_encoded_bytes().contains(&b'\n') {
            return Err(ProcessError::DirectoryName { path });
        }
        // Registered first: a kill in between leaves a name too many, not a file.
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

/// Removes a directory to which a boot that has just been dropped may still be
/// adding its last file, on the I/O thread.
fn remove_all(directory: &Path) -> io::Result<()> {
    const LATECOMERS: usize = 100;
    for _ in 0..LATECOMERS {
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => return removed,
        }
    }
    std::fs::remove_dir_all(directory)
}

/// What could not be removed stays registered: the reaper tries again when this process ends.
fn gone(path: &Path, removed: io::Result<()>) {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a private directory");
        }
        _ => reaper::forget(reaper::Cleanup::Path(path.to_owned())),
    }
}

fn is_plain(path: &Path) -> bool {
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

/// A name that nobody can guess, so that nobody can wait for it.
fn fresh_name() -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("virtual-target-{}-{random:016x}", std::process::id())
}

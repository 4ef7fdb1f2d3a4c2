//! The files that a Renode keeps from one start to the next, below the user's cache.
//!
//! Each program has its own files: another version may be unable to read the index of
//! downloads or the unpacked files. No directory is created before there is something to keep.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::downloads::Downloads;
use super::environment::UNPACK_INTO;
use super::program;
use super::unpacked_files::Unpacked;

/// The files that one program keeps; none if no directory can be written.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The files that it has unpacked, unless the user has set another place for them.
    pub(crate) unpacked: Option<Unpacked>,
    pub(crate) downloads: Option<Downloads>,
}

impl Kept {
    pub(crate) fn of(program: &Path) -> Self {
        let directory = directory(program);
        let directory = directory.as_deref();
        let users = std::env::var_os(UNPACK_INTO).is_some_and(|place| !place.is_empty());
        Self {
            unpacked: directory.filter(|_| !users).map(Unpacked::below),
            downloads: directory.map(Downloads::below),
        }
    }

    /// Removes the unpacked files if they are damaged; returns true if it removed them.
    pub(crate) fn remove_if_damaged(&self) -> bool {
        let unpacked = self.unpacked.as_ref();
        unpacked.is_some_and(Unpacked::remove_if_damaged)
    }

    /// Keeps the downloads of the Renode whose directory is `private`.
    pub(crate) fn downloads_of(&self, private: &Path) {
        let kept = self.downloads.as_ref().map(|it| it.keep(private));
        if let Some(Err(error)) = kept {
            tracing::debug!(%error, "cannot keep what Renode has downloaded");
        }
    }

    /// Notes that the unpacked files are good.
    pub(crate) fn has_started(&self) {
        let noted = self.unpacked.as_ref().map(Unpacked::is_good);
        if let Some(Err(error)) = noted {
            tracing::debug!(%error, "cannot note what Renode has unpacked");
        }
    }
}

/// Returns the directory of the files that `program` keeps: in the user's cache, else next to
/// the program; `None` if it cannot be created in either.
fn directory(program: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(program).ok()?;
    let name = format!("kept-{:016x}", identity(&program).ok()?);
    let cache = program::cache().map(|cache| cache.join("virtual-target"));
    let beside = program.parent().map(Path::to_owned);
    let places = [cache, beside].into_iter().flatten();
    places.map(|place| place.join(&name)).find(|it| usable(it))
}

/// Returns a number that differs between programs, and between versions at the same path.
pub(crate) fn identity(program: &Path) -> io::Result<u64> {
    let meta = fs::metadata(program)?;
    let mut hasher = DefaultHasher::new();
    (program, meta.len(), meta.mtime(), meta.mtime_nsec()).hash(&mut hasher);
    Ok(hasher.finish())
}

/// Returns true if files can be created in `directory`, or `directory` in its nearest parent.
fn usable(directory: &Path) -> bool {
    let there = directory.ancestors().find(|it| it.exists());
    let flags = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    there.is_some_and(|it| it.is_dir() && access(it, flags).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_creates_no_directory() {
        let place = tempfile::tempdir().unwrap();
        assert!(usable(&place.path().join("a/b")));
        assert!(!place.path().join("a").exists());
        fs::write(place.path().join("a"), "").unwrap();
        assert!(!usable(&place.path().join("a/b")), "a is a file");
        assert!(!usable(Path::new("/proc/self/a")));
    }

    #[test]
    fn each_version_of_a_program_has_its_own_directory() {
        let place = tempfile::tempdir().unwrap();
        let named =
            |name: &str| fs::canonicalize(place.path().join(name)).and_then(|it| identity(&it));
        for name in ["a", "b"] {
            fs::write(place.path().join(name), "1").unwrap();
        }
        std::os::unix::fs::symlink("a", place.path().join("link")).unwrap();
        let a = named("a").unwrap();
        assert_eq!(named("link").unwrap(), a);
        assert_ne!(named("b").unwrap(), a);
        fs::write(place.path().join("a"), "12").unwrap();
        assert_ne!(named("a").unwrap(), a);
    }
}

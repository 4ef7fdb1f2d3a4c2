//! Opens files that users name: regular ones only, and none larger than a limit; replaces our own.
//!
//! A pipe or a device may never end, and opening one may block for ever. So a file is opened
//! without blocking and its type is read from the open file, not from its path, which may
//! name something else a moment later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// The largest description of a target, a platform or a script, in bytes.
pub(crate) const LARGEST_TEXT: u64 = 1 << 20;

/// The largest image that is loaded into a board, in bytes.
pub(crate) const LARGEST_IMAGE: u64 = 1 << 30;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is a directory")]
    Directory,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it has {size} bytes, and at most {limit} are allowed")]
    TooLarge { size: u64, limit: u64 },
}

/// Opens `path` if it is a regular file of at most `limit` bytes.
pub(crate) fn open(path: &Path, limit: u64) -> Result<File, Unusable> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            // A socket, or a device that nothing drives.
            Some(code) if [Errno::ENXIO as i32, Errno::ENODEV as i32].contains(&code) => {
                Unusable::NotAFile
            }
            _ => Unusable::Io(error),
        })?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(Unusable::Directory);
    }
    if !metadata.is_file() {
        return Err(Unusable::NotAFile);
    }
    match metadata.len() {
        size if size > limit => Err(Unusable::TooLarge { size, limit }),
        _ => Ok(file),
    }
}

/// Reads the whole file at `path`, of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Unusable> {
    let mut content = Vec::new();
    // Some files are larger than they say, and any may grow.
    open(path, limit)?
        .take(limit + 1)
        .read_to_end(&mut content)?;
    match content.len() as u64 {
        size if size > limit => Err(Unusable::TooLarge { size, limit }),
        _ => Ok(content),
    }
}

/// Tells whether there is a file at `path`, or why it cannot be used.
pub(crate) fn check(path: &Path, limit: u64) -> Result<bool, Unusable> {
    match open(path, limit) {
        Ok(_) => Ok(true),
        Err(Unusable::Io(error)) if is_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `path` without its `..`, but for those behind a symbolic link: for these lead elsewhere.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        let is_named = matches!(tidy.components().next_back(), Some(Component::Normal(_)));
        match component {
            Component::ParentDir if is_named && !tidy.is_symlink() => drop(tidy.pop()),
            component => tidy.push(component),
        }
    }
    tidy
}

/// Writes our own file at `path` at once: readers, also after a kill, find the old or the new
/// content.
pub(crate) fn replace(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    // Always the same name: what a killed process has left is replaced by the next one.
    let new = path.with_extension("new");
    std::fs::write(&new, content)?;
    std::fs::rename(&new, path)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_without_detours() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("real/deep")).unwrap();
        std::os::unix::fs::symlink("real/deep", at("link")).unwrap();
        assert_eq!(
            tidy(&at("boards/broken/../../firmware/x.elf")),
            at("firmware/x.elf")
        );
        assert_eq!(tidy(&at("./real/deep/./../y")), at("real/y"));
        assert_eq!(tidy(&at("link/../y")), at("link/../y"));
        assert_eq!(tidy(Path::new("../a/../b")), Path::new("../b"));
        assert_eq!(tidy(Path::new("/a")), Path::new("/a"));
    }
}

//! The directory into which a Renode that is a single file unpacks itself at its first start.
//!
//! .NET unpacks next to the directory and then moves all files into it: several first starts
//! at the same time are safe. If the default, `.net` in the home directory, cannot be written,
//! each start would unpack again. .NET does not notice a damaged file: every later start
//! fails. So [`Unpacked`] notes the names and lengths of the files once Renode has started,
//! and compares them when a start fails.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::environment::UNPACK_INTO;

/// The directory of one Renode's unpacked files.
#[derive(Debug)]
pub(crate) struct Unpacked {
    directory: PathBuf,
    /// The list of the files and their lengths.
    list: PathBuf,
}

impl Unpacked {
    /// Returns the directory in `kept`. .NET creates it, and its parents.
    pub(crate) fn below(kept: &Path) -> Self {
        Self {
            directory: kept.join("unpacked"),
            list: kept.join("unpacked.list"),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Notes the files, once, because Renode has started from them.
    pub(crate) fn is_good(&self) -> io::Result<()> {
        // As a rule Renode has not unpacked itself, or did so long ago.
        if self.list.exists() || !self.directory.exists() {
            return Ok(());
        }
        let files = files(&self.directory)?;
        if files.is_empty() {
            return Ok(());
        }
        let parent = self.list.parent().unwrap_or(Path::new("/"));
        let mut list = tempfile::NamedTempFile::new_in(parent)?;
        for (file, length) in files {
            writeln!(list, "{length} {}", file.display())?;
        }
        list.persist(&self.list)?;
        Ok(())
    }

    /// Removes the files if they differ from those that Renode once started from; returns
    /// true if it removed them.
    pub(crate) fn remove_if_damaged(&self) -> bool {
        let damaged = match fs::read_to_string(&self.list) {
            Ok(list) => list.lines().any(|line| self.lacks(line)),
            // No Renode has ever started from them.
            Err(_) => fs::read_dir(&self.directory).is_ok_and(|mut there| there.next().is_some()),
        };
        if !damaged {
            return false;
        }
        let aside = self
            .directory
            .with_extension(std::process::id().to_string());
        // Another process may have moved it before.
        let moved = fs::rename(&self.directory, &aside).is_ok();
        let _ = fs::remove_file(&self.list);
        if moved && let Err(error) = remove(&aside) {
            tracing::warn!(directory = %aside.display(), %error, "cannot remove what Renode had unpacked");
        }
        true
    }

    /// Returns true if the file in this line of the list has changed. If its whole directory is
    /// missing, .NET has removed the directory, or will unpack it again.
    fn lacks(&self, line: &str) -> bool {
        let Some((length, file)) = line.split_once(' ') else {
            return true;
        };
        let top: PathBuf = Path::new(file).components().take(2).collect();
        if !self.directory.join(top).exists() {
            return false;
        }
        let file = self.directory.join(file);
        let same = fs::metadata(&file).is_ok_and(|meta| meta.len().to_string() == length);
        !same || fs::File::open(&file).is_err()
    }
}

/// Returns the place where Renode unpacks itself: as decided here, else as the user has set
/// it, else below the home directory.
pub(crate) fn place(decided: Option<&Unpacked>) -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let place = var(UNPACK_INTO).map(PathBuf::from);
    let place = place.or_else(|| decided.map(|it| it.directory.clone()));
    place.or_else(|| Some(PathBuf::from(var("HOME")?).join(".net")))
}

/// Returns the relative paths and lengths of the files below `directory`.
fn files(directory: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let (mut files, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            match entry.metadata()? {
                meta if meta.is_dir() => left.push(entry.path()),
                meta => {
                    let path = entry.path();
                    let name = path.strip_prefix(directory).unwrap_or(&path);
                    files.push((name.to_owned(), meta.len()));
                }
            }
        }
    }
    Ok(files)
}

/// Removes `directory`, even if its directories are not writable.
fn remove(directory: &Path) -> io::Result<()> {
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        fs::set_permissions(&next, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked() -> (tempfile::TempDir, Unpacked) {
        let kept = tempfile::tempdir().unwrap();
        let unpacked = Unpacked::below(kept.path());
        (kept, unpacked)
    }

    fn fill(unpacked: &Unpacked) {
        let directory = unpacked.directory().join("renode/a-b_c=");
        fs::create_dir_all(directory.join("lib")).unwrap();
        fs::write(directory.join("renode.dll"), "12345").unwrap();
        fs::write(directory.join("lib/with space.so"), "123").unwrap();
    }

    #[test]
    fn complete_unpacked_files_are_kept() {
        let (_kept, unpacked) = unpacked();
        assert!(!unpacked.remove_if_damaged(), "nothing is there");
        fill(&unpacked);
        let late = unpacked.directory().join("renode/1a2b/renode.dll");
        fs::create_dir_all(late.parent().unwrap()).unwrap();
        fs::write(&late, "1").unwrap();
        unpacked.is_good().unwrap();
        assert!(!unpacked.remove_if_damaged());
        fs::remove_dir_all(late.parent().unwrap()).unwrap();
        assert!(
            !unpacked.remove_if_damaged(),
            "another start has taken it back"
        );
    }

    #[test]
    fn incomplete_unpacked_files_are_removed() {
        type Damage = fn(&Path);
        let damages: [Damage; 3] = [
            |dir| fs::write(dir.join("renode.dll"), "1234").unwrap(),
            |dir| fs::remove_file(dir.join("lib/with space.so")).unwrap(),
            |dir| fs::set_permissions(dir.join("lib"), Permissions::from_mode(0o000)).unwrap(),
        ];
        // Root can read everything.
        let root = nix::unistd::geteuid().is_root();
        for damage in &damages[..if root { 2 } else { 3 }] {
            let (_kept, unpacked) = unpacked();
            fill(&unpacked);
            unpacked.is_good().unwrap();
            damage(&unpacked.directory().join("renode/a-b_c="));
            assert!(unpacked.remove_if_damaged());
            assert!(!unpacked.directory().exists());
            assert!(!unpacked.remove_if_damaged(), "it is gone");
        }
        let (kept, unpacked) = unpacked();
        fill(&unpacked);
        assert!(unpacked.remove_if_damaged(), "nothing has started from it");
        assert_eq!(fs::read_dir(kept.path()).unwrap().count(), 0);
    }
}

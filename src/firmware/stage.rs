//! Copies a file to a safe name in a private directory.
//!
//! Emulators are only given paths of our own making, because theirs may not
//! contain what users' paths do: spaces, quotes, `;`, `$`, letters beyond ASCII.
//!
//! A copy and not a link: a board that resets itself loads its image again, and
//! that has to be the one it was flashed with, even if it was rebuilt since.
//! Where the file system can, the copy shares its blocks with the original.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const LONGEST_EXTENSION: usize = 8;

/// Copies `src` to `name` in `dir`, with the extension of `src` if that is a
/// plain one, and gives the new path. `name` and `dir` have to be safe.
///
/// A file that is there already is replaced at one stroke: who reads it
/// meanwhile sees the old one or the new one, nothing in between.
pub(crate) fn stage(src: &Path, dir: &Path, name: &str) -> io::Result<PathBuf> {
    let staged = dir.join(match plain_extension(src) {
        Some(extension) => format!("{name}.{extension}"),
        None => name.to_owned(),
    });
    let unfinished = dir.join(format!("{name}.unfinished"));
    io::copy(&mut File::open(src)?, &mut File::create(&unfinished)?)?;
    fs::rename(&unfinished, &staged)?;
    Ok(staged)
}

fn plain_extension(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?;
    let plain = extension.len() <= LONGEST_EXTENSION
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| extension.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged_name(src: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let src = dir.path().join(src);
        fs::write(&src, b"image").unwrap();
        let private = dir.path().join("private");
        fs::create_dir(&private).unwrap();

        let staged = stage(&src, &private, "firmware").unwrap();

        assert_eq!(fs::read(&staged).unwrap(), b"image");
        assert_eq!(fs::read_dir(&private).unwrap().count(), 1);
        let name = staged.strip_prefix(&private).unwrap();
        name.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_staged_name_is_safe_and_keeps_the_kind() {
        assert_eq!(staged_name("a b;\"c'$é`.ELF"), "firmware.elf");
        assert_eq!(staged_name("fw.s19"), "firmware.s19");
        assert_eq!(staged_name("fw"), "firmware");
        assert_eq!(staged_name("fw.é;"), "firmware");
        assert_eq!(staged_name(&"x".repeat(200)), "firmware");
    }

    #[test]
    fn a_staged_file_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let src = dir.path().join("fw.elf");
        fs::write(&src, b"old").unwrap();
        let staged = stage(&src, dir.path(), "staged").unwrap();
        fs::write(&src, b"new, and longer").unwrap();
        assert_eq!(fs::read(&staged).unwrap(), b"old");

        let again = stage(&src, dir.path(), "staged").unwrap();
        assert_eq!(again, staged);
        assert_eq!(fs::read(&staged).unwrap(), b"new, and longer");
    }
}

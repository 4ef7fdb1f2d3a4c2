//! Copies a file to a safe name in a private directory.
//!
//! Emulators receive only such paths, because a user's path may contain characters that
//! emulators do not accept, such as spaces, quotes, `;`, `$` and letters beyond ASCII.
//!
//! The file is copied, not linked: a board that resets itself loads its image again, and must
//! get the image that was flashed, even if the original has been rebuilt since. If the file
//! system supports it, the copy shares its blocks with the original.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::elf;
use super::error::{FirmwareError, Flaw};
use super::format::Format;
use super::probe::Firmware;
use super::records::{self, Record};
use crate::files::{self, LARGEST_IMAGE, Unusable};

const LONGEST_EXTENSION: usize = 8;

/// Copies `src` to `name` in `dir`, with the extension of `src` if it is short
/// and alphanumeric, and returns the new path. `name` and `dir` must be safe.
///
/// An existing file is replaced atomically: a reader sees the old file or the new one.
pub(crate) fn stage(src: &Path, dir: &Path, name: &str) -> io::Result<PathBuf> {
    let mut original = open(src)?;
    let staged = staged_path(src, dir, name);
    replace(&staged, |copy| io::copy(&mut original, copy).map(drop))?;
    Ok(staged)
}

impl Firmware {
    /// Copies the image to `name` in `dir`, as [`stage`] does.
    ///
    /// An ELF copy leaves memory without content in the file unchanged, because a reset keeps
    /// that memory. A copy of text records contains only the records that an emulator needs, one
    /// per line: some emulators reject empty lines, blanks, and text after the last record.
    pub(crate) fn stage(&self, dir: &Path, name: &str) -> Result<PathBuf, FirmwareError> {
        let flawed = |flaw: Flaw| flaw.of(self.path(), self.format());
        let staged = staged_path(self.path(), dir, name);
        let mut original = open(self.path()).map_err(|error| flawed(error.into()))?;
        let copied = replace(&staged, |copy| match self.format() {
            Format::IntelHex | Format::SRecord => {
                let (original, mut copy) = (BufReader::new(original), BufWriter::new(copy));
                match self.format() {
                    Format::IntelHex => write_hex(original, &mut copy),
                    _ => write_s_record(original, &mut copy),
                }?;
                Ok(copy.flush()?)
            }
            Format::Elf => {
                io::copy(&mut original, copy)?;
                elf::leave_out_nobits(copy)
            }
            Format::Binary => Ok(io::copy(&mut original, copy).map(drop)?),
        });
        copied.map_err(flawed)?;
        Ok(staged)
    }
}

fn write_s_record(original: impl BufRead, copy: &mut impl Write) -> Result<(), Flaw> {
    records::s_record(original, |line, _| {
        copy.write_all(line)?;
        Ok(copy.write_all(b"\n")?)
    })
}

/// Writes the data of `original` with linear addresses, because not every emulator supports the
/// segment addresses that older programs write.
fn write_hex(original: impl BufRead, copy: &mut impl Write) -> Result<(), Flaw> {
    let mut record = |kind: u8, address: u16, data: &[u8]| -> io::Result<()> {
        let mut bytes = vec![u8::try_from(data.len()).map_err(io::Error::other)?];
        bytes.extend(address.to_be_bytes());
        bytes.push(kind);
        bytes.extend(data);
        let sum = bytes.iter().fold(0, |sum: u8, &it| sum.wrapping_add(it));
        bytes.push(sum.wrapping_neg());
        let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        writeln!(copy, ":{digits}")
    };
    let mut page = None;
    records::intel_hex(original, |_, read| {
        let (mut address, mut data) = match &read {
            Record::Data(address, data) => (*address, &data[..]),
            Record::End(_) => return Ok(record(1, 0, &[])?),
            Record::Other => return Ok(()),
        };
        while !data.is_empty() {
            // A written record must not cross the end of its page of 64 KiB.
            let [.., p1, p0, a1, a0] = address.to_be_bytes();
            if page.replace([p1, p0]) != Some([p1, p0]) {
                record(4, 0, &[p1, p0])?;
            }
            let start = u16::from_be_bytes([a1, a0]);
            let room = (1 << 16) - usize::from(start);
            let (first, rest) = data.split_at(data.len().min(room));
            record(0, start, first)?;
            address += first.len() as u64;
            data = rest;
        }
        Ok(())
    })
}

fn open(src: &Path) -> io::Result<File> {
    files::open(src, LARGEST_IMAGE).map_err(|why| match why {
        Unusable::Io(error) => error,
        why => io::Error::new(io::ErrorKind::InvalidInput, why),
    })
}

fn staged_path(src: &Path, dir: &Path, name: &str) -> PathBuf {
    dir.join(match plain_extension(src) {
        Some(extension) => format!("{name}.{extension}"),
        None => name.to_owned(),
    })
}

/// Replaces `staged` atomically by a file whose content `write` writes.
fn replace<E: From<io::Error>>(
    staged: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let unfinished = staged.with_extension("unfinished");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&unfinished)?;
    write(&mut file)?;
    Ok(fs::rename(&unfinished, staged)?)
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
    fn a_staged_file_does_not_change_with_its_source() {
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

//! Copies a file to a safe name in a private directory.
//!
//! Emulators are given such paths only: a user's path may contain what theirs may not,
//! such as spaces, quotes, `;`, `$` and letters beyond ASCII.
//!
//! It is a copy and not a link: a board that resets itself loads its image again, and that
//! is the one it was flashed with, even if it has been rebuilt since. Where the file system
//! can, the copy shares its blocks with the original.

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

/// Copies `src` to `name` in `dir`, with the extension of `src` if that is a
/// plain one, and returns the new path. `name` and `dir` have to be safe.
///
/// An existing file is replaced atomically: a reader sees the old one or the new one.
pub(crate) fn stage(src: &Path, dir: &Path, name: &str) -> io::Result<PathBuf> {
    let mut original = open(src)?;
    let staged = staged(src, dir, name);
    replace(&staged, |copy| {
        io::copy(&mut original, copy).map(drop).map_err(Flaw::Io)
    })
    .map_err(|flaw| match flaw {
        Flaw::Io(error) => error,
        Flaw::Content(problem) => io::Error::new(io::ErrorKind::InvalidData, problem),
    })?;
    Ok(staged)
}

impl Firmware {
    /// Copies the image to `name` in `dir`, as [`stage`] does.
    ///
    /// Of an ELF file, memory that has no content in it is left as it is, for a reset keeps it.
    /// Of text records, only those that an emulator needs are in the copy, one a line: some take
    /// offence at empty lines, blanks, and whatever stands behind the last record.
    pub(crate) fn stage(&self, dir: &Path, name: &str) -> Result<PathBuf, FirmwareError> {
        let flawed = |flaw: Flaw| flaw.of(self.path(), self.format());
        let staged = staged(self.path(), dir, name);
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

/// Writes the data of `original` with plain addresses: those of segments, with which some programs
/// came before, are not understood everywhere.
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
            // A record that begins in a page of 64 KiB ends in it.
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

fn staged(src: &Path, dir: &Path, name: &str) -> PathBuf {
    dir.join(match plain_extension(src) {
        Some(extension) => format!("{name}.{extension}"),
        None => name.to_owned(),
    })
}

/// Writes the content of `staged` by `write`.
fn replace(staged: &Path, write: impl FnOnce(&mut File) -> Result<(), Flaw>) -> Result<(), Flaw> {
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

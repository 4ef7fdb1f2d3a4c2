//! [`Firmware`]: a complete image of a known format.
//!
//! The content decides the format; the file's name decides only if the content does not.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{self, Path, PathBuf};

use super::architecture::Architecture;
use super::error::{FirmwareError, FirmwareErrorKind, Flaw, ForeignFile};
use super::format::Format;
use super::{elf, records};
use crate::files::{self, LARGEST_IMAGE};

/// A firmware image that has been checked.
#[derive(Debug, Clone)]
pub struct Firmware {
    path: PathBuf,
    format: Format,
    architecture: Option<Architecture>,
}

impl Firmware {
    /// Opens and checks the image in `path`, which is relative to the current directory.
    ///
    /// An ELF file must be a linked program and not truncated. In Intel HEX and
    /// S-record files, every line and checksum is checked.
    ///
    /// # Errors
    ///
    /// The file does not exist, is not a regular file, cannot be read, is
    /// empty, or is not a complete image of its format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FirmwareError> {
        let given = path.as_ref();
        let path = path::absolute(given)
            .map_err(|source| FirmwareError::new(given, FirmwareErrorKind::Read { source }))?;
        let path = files::tidy(&path);
        let unreadable = |source| FirmwareError::unreadable(&path, source);

        let mut file =
            files::open(&path, LARGEST_IMAGE).map_err(|why| FirmwareError::unusable(&path, why))?;
        let head = head(&mut file).map_err(unreadable)?;
        if head.is_empty() {
            return Err(FirmwareError::new(&path, FirmwareErrorKind::Empty));
        }
        if let Some(file) = foreign(&head) {
            let kind = FirmwareErrorKind::Foreign { file };
            return Err(FirmwareError::new(&path, kind));
        }
        let format = format(&head, &path);
        let architecture = inspect(file, format).map_err(|flaw| flaw.of(&path, format))?;
        Ok(Self {
            path,
            format,
            architecture,
        })
    }

    /// Returns the image's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the image's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the architecture for which the image is built, which only ELF files contain.
    pub fn architecture(&self) -> Option<Architecture> {
        self.architecture
    }

    /// Checks that the image can run on `board`, whose processor is an `expected`.
    ///
    /// # Errors
    ///
    /// The image is built for another architecture. An image of unknown architecture passes.
    pub fn check_architecture(
        &self,
        expected: Architecture,
        board: &str,
    ) -> Result<(), FirmwareError> {
        match self.architecture {
            Some(found) if found != expected => Err(FirmwareError::new(
                &self.path,
                FirmwareErrorKind::WrongArchitecture {
                    found,
                    expected,
                    board: board.to_owned(),
                },
            )),
            _ => Ok(()),
        }
    }

    /// Checks that the image's address in memory is known.
    ///
    /// # Errors
    ///
    /// The image is a raw binary, and there is no `load_address`.
    pub fn check_load_address(&self, load_address: Option<u64>) -> Result<(), FirmwareError> {
        if self.format == Format::Binary && load_address.is_none() {
            let kind = FirmwareErrorKind::NoLoadAddress;
            return Err(FirmwareError::new(&self.path, kind));
        }
        Ok(())
    }
}

fn inspect(file: File, format: Format) -> Result<Option<Architecture>, Flaw> {
    match format {
        Format::Elf => elf::inspect(file).map(Some),
        Format::IntelHex => records::intel_hex(BufReader::new(file), |_, _| Ok(())).map(|()| None),
        Format::SRecord => records::s_record(BufReader::new(file), |_, _| Ok(())).map(|()| None),
        Format::Binary => Ok(None),
    }
}

/// The number of bytes that are examined for the format: more than the longest record has.
const HEAD: u64 = 1024;

/// Reads the first bytes of `file` and rewinds it.
fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

/// Returns the kind of a file that cannot be loaded, by its first bytes.
fn foreign(head: &[u8]) -> Option<ForeignFile> {
    const KINDS: [(&[u8], ForeignFile); 8] = [
        (b"UF2\n\x57\x51\x5d\x9e", ForeignFile::Uf2),
        (b"DfuSe", ForeignFile::DfuSe),
        (b"PK\x03\x04", ForeignFile::Zip),
        (b"\x1f\x8b\x08", ForeignFile::Gzip),
        (b"\xfd7zXZ\0", ForeignFile::Xz),
        (b"\x28\xb5\x2f\xfd", ForeignFile::Zstd),
        (b"!<arch>\n", ForeignFile::Library),
        (b"version https://git-lfs", ForeignFile::GitLfs),
    ];
    let (_, kind) = KINDS.iter().find(|(magic, _)| head.starts_with(magic))?;
    Some(*kind)
}

/// Returns the format of the file in `path`, which begins with `head`.
fn format(head: &[u8], path: &Path) -> Format {
    if head.starts_with(&elf::MAGIC) {
        return Format::Elf;
    }
    if records::is_intel_hex(head) {
        return Format::IntelHex;
    }
    if records::is_s_record(head) {
        return Format::SRecord;
    }
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        // The content may not match the name: the check that follows reports that.
        Some("elf" | "axf") => Format::Elf,
        Some("hex" | "ihex" | "ihx" | "mcs" | "h86") => Format::IntelHex,
        Some("srec" | "s19" | "s28" | "s37" | "mot" | "s1" | "s2" | "s3") => Format::SRecord,
        _ => Format::Binary,
    }
}

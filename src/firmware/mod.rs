//! Firmware images: what kind of file one is, what it is built for, and
//! whether it is whole. A bad image is an error before anything starts.
//!
//! This module knows files; it knows nothing of emulators and how they load them.
//!
//! ```no_run
//! use virtual_target::firmware::{Architecture, Firmware, Format};
//!
//! let firmware = Firmware::open("build/shell.elf")?;
//! assert_eq!(firmware.format(), Format::Elf);
//! firmware.check_architecture(Architecture::Arm, "netduinoplus2")?;
//! # Ok::<(), virtual_target::firmware::FirmwareError>(())
//! ```

mod architecture;
mod contents;
mod elf;
mod error;
mod kind;
mod records;
mod stage;

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{self, Path, PathBuf};

use crate::files::{self, LARGEST_IMAGE};
use error::Flaw;

pub use architecture::Architecture;
pub(crate) use contents::{Contents, Entry};
pub use error::FirmwareError;
pub(crate) use stage::stage;

/// A firmware image that has been looked at and found good.
#[derive(Debug, Clone)]
pub struct Firmware {
    path: PathBuf,
    format: Format,
    architecture: Option<Architecture>,
}

/// The kind of an image's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ELF, known by its first four bytes whatever the file is called.
    Elf,
    /// Intel HEX, known by its first record: `.hex`, `.ihex`, `.mcs`, `.h86` and others.
    IntelHex,
    /// Motorola S-record, known by its first record: `.srec`, `.s19`, `.s37`, `.mot` and others.
    SRecord,
    /// Anything else: bytes as they go into memory, without an address.
    Binary,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::IntelHex => "Intel HEX",
            Self::SRecord => "S-record",
            Self::Binary => "raw binary",
        })
    }
}

impl Firmware {
    /// Looks at the image in `path`, which is relative to the current directory.
    ///
    /// An ELF file is checked to be a linked program and not cut off; of Intel
    /// HEX and S-record files every line and checksum is.
    ///
    /// # Errors
    ///
    /// There is no such file, it is not a regular file, cannot be read, is
    /// empty, or is not a whole image of its format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FirmwareError> {
        let given = path.as_ref();
        let path = path::absolute(given).map_err(|source| FirmwareError::Read {
            path: given.to_path_buf(),
            source,
        })?;
        let path = files::tidy(&path);
        let unreadable = |source| FirmwareError::unreadable(&path, source);

        let mut file =
            files::open(&path, LARGEST_IMAGE).map_err(|why| FirmwareError::unusable(&path, why))?;
        let head = kind::head(&mut file).map_err(unreadable)?;
        if head.is_empty() {
            return Err(FirmwareError::Empty { path });
        }
        if let Some((kind, advice)) = kind::foreign(&head) {
            return Err(FirmwareError::Foreign { path, kind, advice });
        }
        let format = kind::format(&head, &path);
        let architecture = inspect(file, format).map_err(|flaw| flaw.of(&path, format))?;
        Ok(Self {
            path,
            format,
            architecture,
        })
    }

    /// Where the image is: an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of file it is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What it is built for. Only ELF files tell.
    pub fn architecture(&self) -> Option<Architecture> {
        self.architecture
    }

    /// Checks that the image can run on `board`, whose processor is an `expected`.
    ///
    /// # Errors
    ///
    /// The image is built for something else. One that does not tell passes.
    pub fn check_architecture(
        &self,
        expected: Architecture,
        board: &str,
    ) -> Result<(), FirmwareError> {
        match self.architecture {
            Some(found) if found != expected => Err(FirmwareError::WrongArchitecture {
                path: self.path.clone(),
                found,
                expected,
                board: board.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks that it is known where in memory the image belongs.
    ///
    /// # Errors
    ///
    /// The image is a raw binary, and there is no `load_address`.
    pub fn check_load_address(&self, load_address: Option<u64>) -> Result<(), FirmwareError> {
        if self.format == Format::Binary && load_address.is_none() {
            return Err(FirmwareError::NoLoadAddress {
                path: self.path.clone(),
            });
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

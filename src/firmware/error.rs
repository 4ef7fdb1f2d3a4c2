//! [`FirmwareError`]: the errors of a firmware image.

use std::io;
use std::path::{Path, PathBuf};

use super::architecture::Architecture;
use super::format::Format;
use crate::files::Unusable;

/// An error in a firmware image: the file is missing, broken, or not for this board.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FirmwareError {
    /// There is no such file.
    #[error("there is no firmware `{}`: build it, or correct the path", path.display())]
    NotFound {
        /// The image's absolute path.
        path: PathBuf,
    },
    /// The path names a directory.
    #[error("firmware `{}` is a directory: name the image in it", path.display())]
    Directory {
        /// The image's absolute path.
        path: PathBuf,
    },
    /// The path names a pipe, a device or the like.
    #[error("firmware `{}` is not a regular file: copy it into one", path.display())]
    NotAFile {
        /// The image's absolute path.
        path: PathBuf,
    },
    /// The file is larger than any image.
    #[error(
        "firmware `{}` has {size} bytes, and at most {limit} are loaded: is it the right file?",
        path.display()
    )]
    TooLarge {
        /// The image's absolute path.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The largest size that is loaded.
        limit: u64,
    },
    /// The file is of a kind that cannot be loaded.
    #[error("firmware `{}` is {kind}: {advice}", path.display())]
    Foreign {
        /// The image's absolute path.
        path: PathBuf,
        /// The kind, such as `a UF2 file`.
        kind: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The file has no content.
    #[error("firmware `{}` is empty: build it again", path.display())]
    Empty {
        /// The image's absolute path.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("cannot read the firmware `{}`: {source}", path.display())]
    Read {
        /// The image's path.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The content is not a complete image of its format.
    #[error("firmware `{}` is not a usable {format} file: {problem}", path.display())]
    Invalid {
        /// The image's absolute path.
        path: PathBuf,
        /// The expected format.
        format: Format,
        /// The problem, its place, and the remedy.
        problem: String,
    },
    /// The image is built for another processor than the board has.
    #[error(
        "firmware `{}` is built for {found}, but {board} is {expected}{}",
        path.display(), advice(*expected)
    )]
    WrongArchitecture {
        /// The image's absolute path.
        path: PathBuf,
        /// The architecture for which the image is built.
        found: Architecture,
        /// The architecture of the board's processor.
        expected: Architecture,
        /// The board's name.
        board: String,
    },
    /// The image's address in memory is not known.
    #[error(
        "firmware `{}` is a raw binary, which does not say where it belongs: \
         set `load_address`, such as 0x08000000, or use the ELF file",
        path.display()
    )]
    NoLoadAddress {
        /// The image's absolute path.
        path: PathBuf,
    },
}

impl FirmwareError {
    pub(super) fn unusable(path: &Path, why: Unusable) -> Self {
        let owned = path.to_path_buf();
        match why {
            Unusable::Io(source) => Self::unreadable(path, source),
            Unusable::Directory => Self::Directory { path: owned },
            Unusable::NotAFile => Self::NotAFile { path: owned },
            Unusable::TooLarge { size, limit } => Self::TooLarge {
                path: owned,
                size,
                limit,
            },
        }
    }

    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            _ => Self::Read { path, source },
        }
    }
}

fn advice(expected: Architecture) -> String {
    expected.examples().map_or(String::new(), |(c, rust)| {
        format!(": build it with {c}, or in Rust for {rust}, or the like")
    })
}

/// The reason why an image is rejected, without the image's path.
#[derive(Debug)]
pub(super) enum Flaw {
    Io(io::Error),
    Content(String),
}

impl Flaw {
    pub(super) fn of(self, path: &Path, format: Format) -> FirmwareError {
        match self {
            Self::Io(source) => FirmwareError::unreadable(path, source),
            Self::Content(problem) => FirmwareError::Invalid {
                path: path.to_path_buf(),
                format,
                problem,
            },
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for Flaw {
    fn from(problem: String) -> Self {
        Self::Content(problem)
    }
}

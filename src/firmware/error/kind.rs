//! [`FirmwareErrorKind`]: what can be wrong with an image, and the texts.

use std::fmt;
use std::io;

use super::super::architecture::Architecture;
use super::super::format::Format;
use super::problem::ImageProblem;

/// The kinds of errors of a firmware image.
#[derive(Debug)]
#[non_exhaustive]
pub enum FirmwareErrorKind {
    /// There is no such file.
    NotFound,
    /// The path names a directory.
    Directory,
    /// The path names a pipe, a device or the like.
    NotAFile,
    /// The file is larger than any image.
    #[non_exhaustive]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The largest size that is loaded.
        limit: u64,
    },
    /// The file is of a kind that cannot be loaded.
    #[non_exhaustive]
    Foreign {
        /// What the file is.
        file: ForeignFile,
    },
    /// The file has no content.
    Empty,
    /// The file could not be read.
    #[non_exhaustive]
    Read {
        /// The operating system's error.
        source: io::Error,
    },
    /// The content is not a complete image of its format.
    #[non_exhaustive]
    Invalid {
        /// The expected format.
        format: Format,
        /// The problem.
        problem: ImageProblem,
    },
    /// The image is built for another processor than the board has.
    #[non_exhaustive]
    WrongArchitecture {
        /// The architecture for which the image is built.
        found: Architecture,
        /// The architecture of the board's processor.
        expected: Architecture,
        /// The board's name.
        board: String,
    },
    /// The image's address in memory is not known.
    NoLoadAddress,
    /// The file was given for its symbols, and has none.
    #[non_exhaustive]
    NoSymbols {
        /// The file's format; an ELF file is stripped.
        format: Format,
    },
}

impl FirmwareErrorKind {
    /// Writes what is wrong with the image in `path`.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        path: &impl fmt::Display,
    ) -> fmt::Result {
        match self {
            Self::NotFound => return write!(f, "there is no firmware `{path}`"),
            Self::Read { source } => {
                return write!(f, "cannot read the firmware `{path}`: {source}");
            }
            _ => write!(f, "firmware `{path}` ")?,
        }
        match self {
            Self::NotFound | Self::Read { .. } => Ok(()),
            Self::Directory => f.write_str("is a directory"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::TooLarge { size, limit } => {
                write!(f, "has {size} bytes, and at most {limit} are loaded")
            }
            Self::Foreign { file } => write!(f, "is {file}"),
            Self::Empty => f.write_str("is empty"),
            Self::Invalid { format, problem } => {
                write!(f, "is not a usable {format} file: {problem}")
            }
            Self::WrongArchitecture {
                found,
                expected,
                board,
            } => write!(f, "is built for {found}, but {board} is {expected}"),
            Self::NoLoadAddress => {
                f.write_str("is a raw binary, which does not say where it belongs")
            }
            Self::NoSymbols {
                format: Format::Elf,
            } => f.write_str("is stripped: it has no symbols"),
            Self::NoSymbols { format } => {
                write!(f, "is a file of the format {format}, which has no symbols")
            }
        }
    }

    /// Returns what to do.
    pub(super) fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::NotFound => "build it, or correct the path",
            Self::Directory => "name the image in it",
            Self::NotAFile => "copy it into one",
            Self::TooLarge { .. } => "is it the right file?",
            Self::Foreign { file } => file.remedy(),
            Self::Empty => "build it again",
            Self::Read { .. } => return None,
            Self::Invalid { problem, .. } => problem.remedy()?,
            Self::WrongArchitecture { expected, .. } => {
                let (c, rust) = expected.examples()?;
                return Some(format!(
                    "is it the right file, and the right board? Or build it with {c}, in Rust for {rust}, or \
                     the like"
                ));
            }
            Self::NoSymbols { .. } => "name the ELF file that the linker wrote",
            Self::NoLoadAddress => "set `load_address`, such as 0x08000000, or use the ELF file",
        };
        Some(remedy.to_owned())
    }
}

/// A kind of file that is no image, though it may contain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignFile {
    /// A UF2 file, for a bootloader with a USB drive.
    Uf2,
    /// A DfuSe file, for ST's bootloader.
    DfuSe,
    /// A zip archive.
    Zip,
    /// A file compressed by gzip.
    Gzip,
    /// A file compressed by xz.
    Xz,
    /// A file compressed by zstd.
    Zstd,
    /// A static library.
    Library,
    /// A placeholder of Git LFS.
    GitLfs,
}

impl ForeignFile {
    fn remedy(self) -> &'static str {
        match self {
            Self::Uf2 | Self::DfuSe => {
                "flash the ELF, HEX or raw binary file that it was made from"
            }
            Self::Zip | Self::Gzip | Self::Xz | Self::Zstd => "unpack it and name the image in it",
            Self::Library => "name what the linker wrote",
            Self::GitLfs => "fetch the file (git lfs pull)",
        }
    }
}

impl fmt::Display for ForeignFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uf2 => "a UF2 file",
            Self::DfuSe => "a DfuSe file",
            Self::Zip => "a zip archive",
            Self::Gzip => "compressed by gzip",
            Self::Xz => "compressed by xz",
            Self::Zstd => "compressed by zstd",
            Self::Library => "a library",
            Self::GitLfs => "a placeholder of Git LFS",
        })
    }
}

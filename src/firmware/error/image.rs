//! [`FirmwareError`]: an image's path, and the kind of its error.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::super::format::Format;
use super::kind::FirmwareErrorKind;
use super::problem::ImageProblem;
use crate::files::Unusable;

/// An error in a firmware image: the file is missing, broken, or not for this board.
///
/// A program reads the parts of the message:
///
/// ```
/// use virtual_target::firmware::{Firmware, FirmwareErrorKind, ImageProblem, RecordProblem};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("blinky.hex");
/// # std::fs::write(&path, ":0400000001020304F2\n:0400040001020304FF\n:00000001FF\n").unwrap();
/// let error = Firmware::open(&path).unwrap_err();
/// assert_eq!(error.path(), path);
/// assert_eq!(error.line(), Some(2));
/// let FirmwareErrorKind::Invalid { problem, .. } = error.kind() else {
///     return println!("{error}"); // no such file, say
/// };
/// let ImageProblem::Record { problem, .. } = problem else {
///     return println!("cut off? {}", error.remedy().unwrap_or_default());
/// };
/// assert!(matches!(problem, RecordProblem::Checksum { found: 0xFF, right: 0xEE, .. }));
/// ```
///
/// Its `Debug` form is its message.
pub struct FirmwareError(Box<Details>);

struct Details {
    path: PathBuf,
    kind: FirmwareErrorKind,
}

impl FirmwareError {
    pub(in super::super) fn new(path: &Path, kind: FirmwareErrorKind) -> Self {
        let path = path.to_path_buf();
        Self(Box::new(Details { path, kind }))
    }

    pub(in super::super) fn unusable(path: &Path, why: Unusable) -> Self {
        let kind = match why {
            Unusable::Io(source) => return Self::unreadable(path, source),
            Unusable::Directory => FirmwareErrorKind::Directory,
            Unusable::NotAFile => FirmwareErrorKind::NotAFile,
            Unusable::TooLarge { size, limit } => FirmwareErrorKind::TooLarge { size, limit },
        };
        Self::new(path, kind)
    }

    pub(in super::super) fn unreadable(path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => FirmwareErrorKind::NotFound,
            _ => FirmwareErrorKind::Read { source },
        };
        Self::new(path, kind)
    }

    /// Returns the image's path, which is absolute if the current directory is known.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the kind of the error, with its data.
    pub fn kind(&self) -> &FirmwareErrorKind {
        &self.0.kind
    }

    /// Returns the number of the line with the bad record, counted from 1, in a file of text records.
    pub fn line(&self) -> Option<u64> {
        match self.kind() {
            FirmwareErrorKind::Invalid {
                problem: ImageProblem::Record { line, .. },
                ..
            } => Some(*line),
            _ => None,
        }
    }

    /// Returns what to do, if the message says so.
    pub fn remedy(&self) -> Option<String> {
        self.kind().remedy()
    }
}

impl fmt::Display for FirmwareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().write(f, &self.path().display())?;
        match self.remedy() {
            Some(remedy) => write!(f, ": {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FirmwareError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            FirmwareErrorKind::Read { source } => Some(source),
            _ => None,
        }
    }
}

/// The reason why an image is rejected, without the image's path.
#[derive(Debug)]
pub(in super::super) enum Flaw {
    Io(io::Error),
    Content(ImageProblem),
}

impl Flaw {
    pub(in super::super) fn of(self, path: &Path, format: Format) -> FirmwareError {
        match self {
            Self::Io(source) => FirmwareError::unreadable(path, source),
            Self::Content(problem) => {
                FirmwareError::new(path, FirmwareErrorKind::Invalid { format, problem })
            }
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ImageProblem> for Flaw {
    fn from(problem: ImageProblem) -> Self {
        Self::Content(problem)
    }
}

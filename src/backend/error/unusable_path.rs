//! [`UnusablePath`]: a path that cannot be written into a platform description.

use std::io;
use std::path::PathBuf;

/// A path that cannot be written into a platform description.
#[derive(Debug, thiserror::Error)]
#[error("the path {path:?} {flaw}; move the platform to another directory")]
pub(crate) struct UnusablePath {
    pub(crate) path: PathBuf,
    pub(crate) flaw: PathFlaw,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PathFlaw {
    #[error("is not UTF-8")]
    NotUtf8,
    #[error("has a line end in it")]
    LineEnd,
}

impl From<UnusablePath> for io::Error {
    fn from(error: UnusablePath) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

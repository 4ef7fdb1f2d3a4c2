//! The reasons why a directory for artifacts is not to be had, beside the system's own.

use std::io;

/// A directory that other processes keep from this one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Contended {
    #[error("{0} processes have run this test at the same time")]
    InUse(u32),
    #[error("other processes remove it all the time")]
    Removed,
}

impl From<Contended> for io::Error {
    fn from(error: Contended) -> Self {
        Self::other(error)
    }
}

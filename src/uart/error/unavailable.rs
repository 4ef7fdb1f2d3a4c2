//! [`Unavailable`]: output that has arrived and is no longer kept.

use std::path::PathBuf;

/// The error that requested output is no longer available.
#[derive(Clone, thiserror::Error)]
#[error("the output from byte {from} to byte {to} is no longer available: {why}")]
pub struct Unavailable {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) why: Loss,
}

impl Unavailable {
    /// Returns the offset from which output is available again.
    pub(crate) fn until(&self) -> u64 {
        self.to
    }
}

/// The reason why output is no longer kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Loss {
    #[error("it was dropped")]
    Dropped,
    #[error(
        "of a UART's output {} MiB are kept, in a file in {}; raise `kept_output` in the target's description \
         to keep more",
        .limit >> 20,
        .directory.display()
    )]
    OverLimit { limit: u64, directory: PathBuf },
    #[error(
        "it could not be written to a file in {}: {error}; make room there, or set TMPDIR to a directory that \
         has room",
        .directory.display()
    )]
    NotWritten { error: String, directory: PathBuf },
    #[error("it cannot be read back from the temporary file: {error}")]
    NotRead { error: String },
}

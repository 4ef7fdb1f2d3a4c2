//! [`Notes`]: what a process has to know of a Renode that another process has left.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::check::Portraits;
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::monitor::unanswered::Unanswered;

/// The file with the notes, in a Renode's directory.
const NOTES: &str = "notes";

/// What a process has to know of a Renode that another process has started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notes {
    /// The part of the [key](super::key::Key) that all boards of the Renode share.
    pub(super) process: String,
    /// The version; `None` if nobody has read its greeting.
    pub(super) version: Option<String>,
    pub(crate) runtime: Option<String>,
    /// The number of boards that it has run.
    pub(crate) boards: u32,
    pub(crate) portraits: Portraits,
    /// The board that it has been told to make.
    pub(crate) next: Option<NextBoard>,
}

/// A board that a Renode makes between two processes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NextBoard {
    /// The part of the key that the board decides.
    pub(crate) board: String,
    /// The first commands that make it.
    pub(crate) commands: Unanswered,
}

impl Notes {
    pub(super) fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(directory.join(NOTES)).ok()?).ok()
    }

    pub(super) fn write(&self, directory: &Path) -> std::io::Result<()> {
        std::fs::write(directory.join(NOTES), serde_json::to_vec(self)?)
    }

    pub(crate) fn version(&self) -> Option<Version> {
        Version::parse(self.version.as_ref()?)
    }
}

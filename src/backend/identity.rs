//! Which emulator plays a board, as far as it is known by now.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::config::BackendKind;
use crate::sync::lock;

/// Which emulator runs a target, if it is a virtual one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmulatorInfo {
    /// The kind of emulator.
    pub kind: BackendKind,
    /// Its program; the serial port of a physical board.
    pub program: PathBuf,
    /// Its version as it names itself, known once it has been started.
    pub version: Option<String>,
    /// What Renode runs on, `Mono` or such as `.NET 8.0.14`; known as its version is.
    /// Others run on nothing.
    pub runtime: Option<String>,
}

/// As in `Renode 1.16.1 (Mono)`.
impl fmt::Display for EmulatorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        if let Some(runtime) = &self.runtime {
            write!(f, " ({runtime})")?;
        }
        Ok(())
    }
}

/// What is known of an emulator; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<Mutex<EmulatorInfo>>);

impl Identity {
    /// The emulator's program, of which nothing else is known yet.
    pub(crate) fn of(kind: BackendKind, program: PathBuf) -> Self {
        Self(Arc::new(Mutex::new(EmulatorInfo {
            kind,
            program,
            version: None,
            runtime: None,
        })))
    }

    pub(crate) fn engine(&self) -> EmulatorInfo {
        self.lock().clone()
    }

    pub(crate) fn set_version(&self, version: Option<String>) {
        self.lock().version = version;
    }

    pub(crate) fn set_runtime(&self, runtime: Option<String>) {
        self.lock().runtime = runtime;
    }

    fn lock(&self) -> MutexGuard<'_, EmulatorInfo> {
        lock(&self.0)
    }
}

//! [`EmulatorInfo`]: the emulator that runs a board. [`Identity`]: its shared copy, which a backend
//! completes once the emulator has been started.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::config::BackendKind;
use crate::sync::lock;

/// The emulator that runs a target, or the serial port of a physical board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmulatorInfo {
    /// The kind of emulator.
    pub kind: BackendKind,
    /// The path of the emulator's program, or of a physical board's serial port.
    pub program: PathBuf,
    /// The version that the emulator reports; `None` until it has been started.
    pub version: Option<String>,
    /// The runtime that Renode runs on, such as `Mono` or `.NET 8.0.14`; known together with
    /// `version`. `None` for other emulators.
    pub runtime: Option<String>,
    /// The number of boards that the same process has run before, with
    /// [`reuse`](crate::config::Reuse).
    pub earlier_boards: u32,
}

/// Formats the emulator as in `Renode 1.16.1 (Mono)`.
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

/// The information about a board's emulator; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<Mutex<EmulatorInfo>>);

impl Identity {
    /// Returns the identity of an emulator of which only the kind and the program are known yet.
    pub(crate) fn of(kind: BackendKind, program: PathBuf) -> Self {
        Self(Arc::new(Mutex::new(EmulatorInfo {
            kind,
            program,
            version: None,
            runtime: None,
            earlier_boards: 0,
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

    pub(crate) fn set_earlier_boards(&self, number: u32) {
        self.lock().earlier_boards = number;
    }

    fn lock(&self) -> MutexGuard<'_, EmulatorInfo> {
        lock(&self.0)
    }
}

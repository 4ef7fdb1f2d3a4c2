//! [`Error`], the one public error type: an enum over the error enums of the domains.
//!
//! Every message names the value, the place and the remedy. Each domain defines its own enum next
//! to the code that returns it; this file only collects the enums.
//!
//! `Debug` shows the message, not the fields: a test that returns or unwraps an error prints the
//! `Debug` form, and the message must be enough.

use std::fmt;

use crate::backend::EmulatorError;
use crate::board::PowerError;
use crate::config::ConfigError;
use crate::firmware::FirmwareError;
use crate::process::ProcessError;
use crate::runtime::HostError;
use crate::uart::{ExpectError, PatternError, Unavailable};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this crate, by domain.
///
/// Its `Debug` form is its message, because a failed test prints the `Debug` form:
///
/// ```
/// use virtual_target::VirtualTarget;
///
/// let error = VirtualTarget::from_yaml("no/such.yaml").boot().wait().unwrap_err();
/// assert_eq!(format!("{error:?}"), error.to_string());
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The host refused something that the crate needs: a thread, a process, a directory.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A target's configuration cannot be read or is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A firmware image is missing, damaged, or not for this board.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// The emulator is missing, exited, or refused something.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The board is not in the state that the operation needs.
    #[error(transparent)]
    Power(#[from] PowerError),

    /// An operation on a UART failed.
    #[error(transparent)]
    Expect(Box<ExpectError>),
}

impl Error {
    /// Adds a note, such as the path of the artifacts, if the error is one of a UART operation.
    pub(crate) fn add_note(&mut self, note: &str) {
        if let Self::Expect(error) = self {
            error.add_note(note);
        }
    }
}

impl From<ExpectError> for Error {
    fn from(error: ExpectError) -> Self {
        Self::Expect(Box::new(error))
    }
}

impl From<PatternError> for Error {
    fn from(error: PatternError) -> Self {
        ExpectError::from(error).into()
    }
}

macro_rules! debug_is_the_message {
    ($($error:ty),+) => {$(
        impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

debug_is_the_message!(
    Error,
    ConfigError,
    ProcessError,
    EmulatorError,
    ExpectError,
    FirmwareError,
    HostError,
    PatternError,
    PowerError,
    Unavailable
);

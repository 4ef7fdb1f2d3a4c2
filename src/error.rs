//! [`Error`], the one public error type: an [`ErrorKind`], the place in the test and the artifacts.
//!
//! Every message names the value, the place and the remedy. Each domain defines its own errors next
//! to the code that returns them; this file only collects them.
//!
//! `Debug` shows the message, not the fields: a test that returns or unwraps an error prints the
//! `Debug` form, and the message must be enough.

use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::backend::EmulatorError;
use crate::board::PowerError;
use crate::caller::{Caller, place};
use crate::config::ConfigError;
use crate::coverage::CoverageError;
use crate::debug::DebugError;
use crate::firmware::FirmwareError;
use crate::process::ProcessError;
use crate::runtime::HostError;
use crate::uart::{PatternError, UartError, Unavailable};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this crate: its kind, and where in the test it happened.
///
/// Its `Debug` form is its message, because a failed test prints the `Debug` form:
///
/// ```
/// use virtual_target::VirtualTarget;
///
/// let error = VirtualTarget::from_yaml("no/such.yaml").boot().wait().unwrap_err();
/// assert_eq!(format!("{error:?}"), error.to_string());
/// ```
///
/// A program reads the parts of the message:
///
/// ```
/// use virtual_target::uart::{Uart, UartErrorKind};
/// use virtual_target::{ErrorKind, millis};
///
/// # fn main() -> virtual_target::Result<()> {
/// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
/// # std::io::Write::write_all(&mut board, b"Ready\n").unwrap();
/// let uart = Uart::over_fd(ours)?;
/// let error = uart.expect("ready").within(millis(50)).wait().unwrap_err();
/// assert!(error.at().is_some_and(|at| at.line() > 0));
/// assert_eq!(error.artifacts(), None); // only a target has artifacts
/// let ErrorKind::Uart(failure) = error.kind() else {
///     return Err(error); // a failure of the host, say
/// };
/// assert_eq!(failure.operation(), Some("expect(\"ready\")"));
/// match failure.kind() {
///     UartErrorKind::Timeout { waited, .. } => assert!(*waited >= millis(50)),
///     UartErrorKind::Ended { ending, .. } => println!("no more output: {ending}"),
///     _ => return Err(error),
/// }
/// assert!(failure.excerpt().is_some_and(|output| output.contains("Ready")));
/// assert!(failure.hint().is_some_and(|hint| hint.contains("differs only in case")));
/// # Ok(()) }
/// ```
pub struct Error {
    kind: Box<ErrorKind>,
    place: Option<Place>,
    /// The engine that was selected for the board.
    engine: Option<String>,
    /// The state of the board, if the kind does not have it.
    post_mortem: Option<String>,
    artifacts: Option<Artifacts>,
    earlier_boards: u32,
}

/// The kinds of errors, by domain.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
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
    /// What the test cannot look at, or has not seen inside of the board.
    #[error(transparent)]
    Debug(#[from] DebugError),
    /// The coverage of the firmware cannot be recorded or read.
    #[error(transparent)]
    Coverage(#[from] CoverageError),
    /// The board is not in the state that the operation needs.
    #[error(transparent)]
    Power(#[from] PowerError),
    /// An operation on a UART failed.
    #[error(transparent)]
    Uart(#[from] UartError),
}

/// The place in a test that an error names.
enum Place {
    /// The call that failed.
    Call(Caller),
    /// The call that made the target, for an error that no other call returned.
    Target(Caller),
}

/// The artifacts of the test that an error fails.
pub(crate) enum Artifacts {
    /// The directory with the artifacts.
    In(PathBuf),
    /// There are none, for this reason.
    Missing(String),
}

impl Error {
    /// Returns the kind of the error, with its data.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Returns the kind of the error as a value of its own.
    pub fn into_kind(self) -> ErrorKind {
        *self.kind
    }

    /// Returns the place in the test of the call that failed. For an error of the configuration this is the
    /// call that made the builder; for a [forbidden](crate::uart::Uart::forbid) pattern that no operation
    /// has reported, the call that made the target.
    pub fn at(&self) -> Option<&'static Location<'static>> {
        match self.place {
            Some(Place::Call(at) | Place::Target(at)) => Some(at),
            None => None,
        }
    }

    /// Returns the state of the board when a wait for it failed, as
    /// [`UartError::post_mortem`](crate::uart::UartError::post_mortem).
    pub fn post_mortem(&self) -> Option<&str> {
        match &*self.kind {
            ErrorKind::Uart(error) => error.post_mortem(),
            _ => self.post_mortem.as_deref(),
        }
    }

    /// Returns the directory with the artifacts of the test, if there is one.
    pub fn artifacts(&self) -> Option<&Path> {
        match &self.artifacts {
            Some(Artifacts::In(directory)) => Some(directory),
            Some(Artifacts::Missing(_)) | None => None,
        }
    }

    /// Returns the number of boards that the board's emulator had run before, with
    /// [`reuse`](crate::config::Reuse); 0 for an emulator of its own.
    pub fn earlier_boards(&self) -> u32 {
        self.earlier_boards
    }

    /// Sets the place of the call that failed, unless a place is known already.
    pub(crate) fn set_place(&mut self, at: Caller) {
        self.place.get_or_insert(Place::Call(at));
    }

    /// Sets the place of the call that made the target.
    pub(crate) fn set_target_place(&mut self, at: Caller) {
        self.place = Some(Place::Target(at));
    }

    /// Sets the text about the engine that was selected for the board.
    pub(crate) fn set_engine(&mut self, engine: String) {
        self.engine = Some(engine);
    }

    /// Adds the state of the board at the failure.
    pub(crate) fn set_post_mortem(&mut self, text: String) {
        match &mut *self.kind {
            ErrorKind::Uart(error) => error.set_post_mortem(text),
            _ => self.post_mortem = Some(text),
        }
    }

    /// Adds lines below the output of the board in the message.
    pub(crate) fn add_to_excerpt(&mut self, lines: &[String]) {
        if let ErrorKind::Uart(error) = &mut *self.kind {
            error.add_to_excerpt(lines);
        }
    }

    pub(crate) fn set_artifacts(&mut self, artifacts: Artifacts) {
        self.artifacts = Some(artifacts);
    }

    pub(crate) fn set_earlier_boards(&mut self, number: u32) {
        self.earlier_boards = number;
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        for line in self.post_mortem.iter().flat_map(|text| text.lines()) {
            write!(f, "\n  {line}")?;
        }
        match self.place {
            Some(Place::Call(at)) => write!(f, "\n  at {}", place(at))?,
            Some(Place::Target(at)) => write!(f, "\n  target made at {}", place(at))?,
            None => {}
        }
        if let Some(engine) = &self.engine {
            write!(f, "\n  on {engine}")?;
        }
        if self.earlier_boards > 0 {
            let number = self.earlier_boards;
            let boards = if number == 1 { "board" } else { "boards" };
            write!(
                f,
                "\n  its emulator has run {number} {boards} before; \
                 VTARGET_REUSE=off starts one for each board"
            )?;
        }
        match &self.artifacts {
            Some(Artifacts::In(directory)) => write!(f, "\n  artifacts: {}", directory.display()),
            Some(Artifacts::Missing(why)) => write!(f, "\n  no artifacts: {why}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    /// Returns the kind, whose message has no place and no artifacts.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.kind)
    }
}

impl<K> From<K> for Error
where
    ErrorKind: From<K>,
{
    fn from(kind: K) -> Self {
        Self {
            kind: Box::new(kind.into()),
            place: None,
            engine: None,
            post_mortem: None,
            artifacts: None,
            earlier_boards: 0,
        }
    }
}

impl From<PatternError> for ErrorKind {
    fn from(error: PatternError) -> Self {
        UartError::from(error).into()
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
    ErrorKind,
    ConfigError,
    CoverageError,
    DebugError,
    ProcessError,
    EmulatorError,
    UartError,
    FirmwareError,
    HostError,
    PatternError,
    PowerError,
    Unavailable
);

//! [`EmulatorError`]: the engine, the places and the kind of an error.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::exit::EmulatorExit;
use super::kind::EmulatorErrorKind;
use super::place::ErrorPlace;
use super::refusal::RefusalReason;
use super::unsupported::Unsupported;
use crate::config::{BackendKind, FieldPlace};
use crate::process::ProcessError;

/// A failure of an emulator or of a physical board.
///
/// A program reads the parts of the message:
///
/// ```
/// use virtual_target::{EmulatorErrorKind, ErrorKind, Result, VirtualTarget};
///
/// /// Returns what the monitor has printed, or why the engine has not done the command.
/// fn ask(board: &VirtualTarget, command: &str) -> Result<String> {
///     let error = match board.monitor(command).wait() {
///         Ok(printed) => return Ok(printed),
///         Err(error) => error,
///     };
///     let ErrorKind::Emulator(failure) = error.kind() else {
///         return Err(error); // the board is off, say
///     };
///     match failure.kind() {
///         EmulatorErrorKind::Refused { reason, .. } => Ok(format!("refused: {reason}")),
///         EmulatorErrorKind::Unanswered { limit, .. } => Ok(format!("no answer in {limit:?}")),
///         EmulatorErrorKind::Unsupported { request, .. } => {
///             let remedy = failure.remedy().unwrap_or_default();
///             Ok(format!("{} cannot {request}: {remedy}", failure.engine()))
///         }
///         _ => Err(error),
///     }
/// }
/// ```
///
/// Its `Debug` form is its message.
pub struct EmulatorError(Box<Details>);

struct Details {
    engine: BackendKind,
    /// The places, the innermost first.
    places: Vec<ErrorPlace>,
    kind: EmulatorErrorKind,
}

impl EmulatorError {
    pub(crate) fn new(engine: BackendKind, kind: EmulatorErrorKind) -> Self {
        Self(Box::new(Details {
            engine,
            places: Vec::new(),
            kind,
        }))
    }

    /// Creates the error of an operation of the host's system.
    pub(crate) fn io(engine: BackendKind, step: &'static str, source: io::Error) -> Self {
        Self::new(engine, EmulatorErrorKind::Io { step, source })
    }

    pub(crate) fn process(engine: BackendKind, source: ProcessError) -> Self {
        Self::new(engine, EmulatorErrorKind::Process { source })
    }

    /// Creates the error of an emulator that has exited by itself.
    pub(crate) fn exited(step: &'static str, exit: Arc<EmulatorExit>) -> Self {
        Self::new(exit.kind, EmulatorErrorKind::Exited { step, exit })
    }

    /// Creates the error of a step that has taken longer than `limit`, of `timeouts: command:`.
    pub(crate) fn too_slow(engine: BackendKind, step: &'static str, limit: Duration) -> Self {
        let kind = EmulatorErrorKind::TooSlow {
            step,
            unfinished: None,
            limit,
            field: "command",
        };
        Self::new(engine, kind)
    }

    /// Creates the error of a `request` that the engine does not support.
    pub(crate) fn unsupported(engine: BackendKind, request: Unsupported) -> Self {
        Self::new(engine, EmulatorErrorKind::Unsupported { request })
    }

    /// Adds a place, around those that the error has.
    pub(crate) fn at(mut self, place: ErrorPlace) -> Self {
        self.0.places.push(place);
        self
    }

    /// Returns the engine that runs the board.
    pub fn engine(&self) -> BackendKind {
        self.0.engine
    }

    /// Returns the kind of the error, with its data.
    pub fn kind(&self) -> &EmulatorErrorKind {
        &self.0.kind
    }

    /// Returns the emulator's own reason, if it has refused a command.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self.kind() {
            EmulatorErrorKind::Refused {
                reason: RefusalReason::Refused(reason),
                ..
            } => Some(reason),
            _ => None,
        }
    }

    /// Returns the places that the message names, from the outermost to the innermost.
    pub fn places(&self) -> impl Iterator<Item = &ErrorPlace> {
        self.0.places.iter().rev()
    }

    /// Returns the field of the configuration that causes the error, if one does.
    pub fn field(&self) -> Option<&FieldPlace> {
        self.places().find_map(ErrorPlace::field)
    }

    /// Returns the step that failed, such as `setting up the board`, if the message names it.
    pub fn step(&self) -> Option<&'static str> {
        self.kind().step()
    }

    /// Returns what to do, if the message says so.
    pub fn remedy(&self) -> Option<String> {
        self.kind().remedy(self.engine())
    }
}

impl fmt::Display for EmulatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.places() {
            write!(f, "{place}: ")?;
        }
        self.kind().write(f, self.engine())?;
        if let Some(remedy) = self.remedy() {
            write!(f, "; {remedy}")?;
        }
        self.kind().write_output(f)
    }
}

impl std::error::Error for EmulatorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            EmulatorErrorKind::Io { source, .. } => Some(source),
            EmulatorErrorKind::Process { source } => std::error::Error::source(source),
            _ => None,
        }
    }
}

//! [`PowerError`]: an operation that the board's present state does not allow.

use std::io;
use std::sync::Arc;

use crate::backend::EmulatorExit;
use crate::config::BackendKind;
use crate::uart::OffReason;

/// An operation that the target's present state does not allow.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PowerError {
    /// The board is off.
    #[error("cannot {operation} `{machine}`: {why}; call power_on() first")]
    Off {
        /// The requested operation.
        operation: &'static str,
        /// The machine's name.
        machine: String,
        /// The reason.
        why: OffReason,
    },
    /// The board's emulator exited by itself, or its serial port disappeared.
    #[error("cannot {operation} `{machine}`: {}{exit}", exit_prefix(exit))]
    Exited {
        /// The requested operation.
        operation: &'static str,
        /// The machine's name.
        machine: String,
        /// The exit of the emulator, or the loss of the serial port.
        exit: Arc<EmulatorExit>,
    },
}

/// Returns the words before the description of an exit.
fn exit_prefix(exit: &EmulatorExit) -> &'static str {
    match exit.kind {
        BackendKind::Serial => "",
        _ => "its emulator is gone: ",
    }
}

/// The standard input is no terminal.
#[derive(Debug, thiserror::Error)]
#[error(
    "the standard input is none; run the program, or the test alone with `cargo test NAME -- --nocapture`, in a \
     terminal"
)]
pub(super) struct NoTerminal;

impl From<NoTerminal> for io::Error {
    fn from(error: NoTerminal) -> Self {
        Self::other(error)
    }
}

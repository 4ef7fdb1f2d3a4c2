//! [`PowerError`]: an operation that the board's present state does not allow.

use std::sync::Arc;

use crate::backend::EmulatorExit;
use crate::config::BackendKind;

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
        /// The statement that the target is off, with the reason if it is not obvious.
        why: &'static str,
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

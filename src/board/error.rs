//! What a board in its present state cannot do.

use std::sync::Arc;

use crate::backend::EmulatorExit;
use crate::config::BackendKind;

/// What a target in its present state cannot do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PowerError {
    /// The board is off.
    #[error("cannot {operation} `{machine}`: {why}; call power_on() first")]
    Off {
        /// What was asked for.
        operation: &'static str,
        /// The machine's name.
        machine: String,
        /// That it is off, and why where that is not plain.
        why: &'static str,
    },
    /// The board's emulator ended by itself, or its serial port went away.
    #[error("cannot {operation} `{machine}`: {}{exit}", whose(exit))]
    Exited {
        /// What was asked for.
        operation: &'static str,
        /// The machine's name.
        machine: String,
        /// How the emulator ended.
        exit: Arc<EmulatorExit>,
    },
}

/// What comes before the story of a death.
fn whose(exit: &EmulatorExit) -> &'static str {
    match exit.kind {
        BackendKind::Serial => "",
        _ => "its emulator is gone: ",
    }
}

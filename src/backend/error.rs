//! [`EmulatorError`]: the failures of an emulator or a physical board. [`EmulatorExit`]: an exit
//! that nobody asked for.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::BackendKind;
use crate::process::ProcessError;

/// An exit of an emulator, or the loss of a serial port, that nobody asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EmulatorExit {
    /// The kind of emulator.
    pub kind: BackendKind,
    /// A description such as `QEMU exited with status 1`.
    pub(crate) what: String,
    /// The last output on its standard error. For Renode also the last output on its console,
    /// without the complete answers to commands.
    pub output: String,
}

impl fmt::Display for EmulatorExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.output.trim().is_empty() {
            true if self.kind != BackendKind::Serial => f.write_str("; it said nothing"),
            _ => f.write_str(&last_output(&self.output)),
        }
    }
}

impl std::error::Error for EmulatorExit {}

/// A failure of an emulator or of a physical board.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// The emulator's program was not found on this machine.
    #[error("cannot find {kind}: {looked}; {advice}")]
    NotFound {
        /// The kind of emulator.
        kind: BackendKind,
        /// The places that were searched.
        looked: String,
        /// Advice how to install it.
        advice: &'static str,
    },
    /// A process or directory could not be set up.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// An operation of the host's system failed.
    #[error("{step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// The emulator exited by itself.
    #[error("while {step}: {exit}")]
    Exited {
        /// The step that failed.
        step: &'static str,
        /// The exit of the emulator.
        exit: Arc<EmulatorExit>,
    },
    /// A step of the emulator took longer than its time limit.
    #[error(
        "{kind} took longer than {limit:?} while {step}{}; raise `timeouts: {field}:` if this host is slow",
        because_it(unfinished.as_deref())
    )]
    TooSlow {
        /// The kind of emulator.
        kind: BackendKind,
        /// The step that failed.
        step: &'static str,
        /// The unfinished part of the step, if that is known, such as ``has not done `start` ``.
        unfinished: Option<String>,
        /// The time limit.
        limit: Duration,
        /// The field of the configuration that sets the limit.
        field: &'static str,
    },
    /// The emulator did not answer a command within the time limit.
    #[error(
        "{kind} has not done `{command}` after {limit:?}{}; raise `timeouts: command:` if it needs longer",
        still_busy(busy_with.as_deref())
    )]
    Unanswered {
        /// The kind of emulator.
        kind: BackendKind,
        /// The command as it was sent.
        command: String,
        /// The earlier command that the emulator is still busy with.
        busy_with: Option<String>,
        /// The time limit.
        limit: Duration,
    },
    /// Another process uses the TCP port of the emulator's monitor.
    #[error(
        "{kind} cannot have port {port} for its monitor, because another process has it; {advice}"
    )]
    PortTaken {
        /// The kind of emulator.
        kind: BackendKind,
        /// The port.
        port: u16,
        /// Advice what to do.
        advice: &'static str,
    },
    /// The emulator's monitor cannot be reached over TCP, though it listens.
    #[error(
        "{kind} listens on port {port} for its monitor, but cannot be reached there: {why}; \
         use `control: console` if this goes on"
    )]
    Unreachable {
        /// The kind of emulator.
        kind: BackendKind,
        /// The port.
        port: u16,
        /// The failure of the connection.
        why: String,
    },
    /// The version of the emulator is too old.
    #[error("{program:?} is {kind} {version}, which is too old; {advice}")]
    TooOld {
        /// The kind of emulator.
        kind: BackendKind,
        /// Its version.
        version: String,
        /// The program that was started.
        program: PathBuf,
        /// Advice how to get a newer version.
        advice: &'static str,
    },
    /// An error with the place in the configuration that caused it.
    #[error("{place}: {source}")]
    At {
        /// The cause, such as `extra_commands[2]`.
        place: String,
        /// The error.
        source: Box<EmulatorError>,
    },
    /// The emulator refused a command.
    #[error("{kind} refused `{command}`: {reason}")]
    Refused {
        /// The kind of emulator.
        kind: BackendKind,
        /// The command as it was sent.
        command: String,
        /// The emulator's reason.
        reason: String,
    },
    /// The program sent something that is not in the emulator's protocol.
    #[error("{kind} sent something unexpected while {step}: {got}; is {program:?} really {kind}?")]
    Protocol {
        /// The kind of emulator.
        kind: BackendKind,
        /// The step that failed.
        step: &'static str,
        /// The unexpected input.
        got: String,
        /// The program that was started.
        program: PathBuf,
    },
    /// A command of a physical board failed.
    #[error(
        "`serial: {field}:` failed: `{command}` {outcome}{}",
        last_output(output)
    )]
    Command {
        /// The command's field below `serial:`, such as `flash`.
        field: &'static str,
        /// The command with its arguments.
        command: String,
        /// The exit of the command.
        outcome: String,
        /// The last output of the command.
        output: String,
    },
    /// A serial port cannot be used.
    #[error("cannot open the serial port {port:?}: {reason}")]
    Port {
        /// The port's path.
        port: PathBuf,
        /// The system's error, and advice what to do.
        reason: String,
    },
    /// The engine does not support what the target's configuration or the test asks for.
    #[error("{kind} cannot {what}; {advice}")]
    Unsupported {
        /// The kind of emulator.
        kind: BackendKind,
        /// The unsupported request.
        what: String,
        /// Advice what to do instead.
        advice: &'static str,
    },
}

fn last_output(output: &str) -> String {
    if output.trim().is_empty() {
        return String::new();
    }
    let lines = output.trim_end().lines();
    lines.fold("; its last words:".to_owned(), |text, line| {
        text + "\n    " + line
    })
}

fn because_it(unfinished: Option<&str>) -> String {
    unfinished.map_or(String::new(), |unfinished| format!(": it {unfinished}"))
}

fn still_busy(command: Option<&str>) -> String {
    command.map_or(String::new(), |command| {
        format!(" because it is still busy with `{command}`")
    })
}

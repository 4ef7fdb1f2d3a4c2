//! [`EmulatorErrorKind`]: what can fail in an engine, and the texts.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::exit::{EmulatorExit, last_output};
use super::no_peripheral::NoPeripheral;
use super::not_there::NotThere;
use super::refusal::RefusalReason;
use super::serial::{CommandEnd, PortFlaw};
use super::unexpected::Unexpected;
use super::unsupported::Unsupported;
use crate::config::BackendKind;
use crate::process::ProcessError;

/// The kinds of failures of an emulator or of a physical board.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmulatorErrorKind {
    /// The emulator's program was not found on this machine.
    #[non_exhaustive]
    NotFound {
        /// The program's name, such as `qemu-system-arm`.
        program: String,
        /// The places that were searched.
        looked: NotThere,
    },
    /// A process or directory could not be set up.
    #[non_exhaustive]
    Process {
        /// The failure.
        source: ProcessError,
    },
    /// An operation of the host's system failed.
    #[non_exhaustive]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The emulator exited by itself.
    #[non_exhaustive]
    Exited {
        /// The step that failed.
        step: &'static str,
        /// The exit of the emulator.
        exit: Arc<EmulatorExit>,
    },
    /// A step of the emulator took longer than its time limit.
    #[non_exhaustive]
    TooSlow {
        /// The step that failed.
        step: &'static str,
        /// The unfinished part of the step, if that is known.
        unfinished: Option<Unfinished>,
        /// The time limit.
        limit: Duration,
        /// The field below `timeouts:` that sets the limit.
        field: &'static str,
    },
    /// The emulator did not answer a command within the time limit.
    #[non_exhaustive]
    Unanswered {
        /// The command as it was sent.
        command: String,
        /// The earlier command that the emulator is still busy with.
        busy_with: Option<String>,
        /// The time limit.
        limit: Duration,
    },
    /// Another process uses the TCP port of the emulator's monitor.
    #[non_exhaustive]
    PortTaken {
        /// The port.
        port: u16,
        /// True if the port was chosen, and so were others before, which were taken too.
        was_chosen: bool,
    },
    /// The emulator's monitor cannot be reached over TCP, though it listens.
    #[non_exhaustive]
    Unreachable {
        /// The port.
        port: u16,
        /// The reason.
        why: Unreached,
    },
    /// The version of the emulator is too old.
    #[non_exhaustive]
    TooOld {
        /// Its version.
        version: String,
        /// The program that was started.
        program: PathBuf,
    },
    /// The emulator refused a command.
    #[non_exhaustive]
    Refused {
        /// The command as it was sent.
        command: String,
        /// The emulator's reason.
        reason: RefusalReason,
    },
    /// The program sent something that is not in the emulator's protocol.
    #[non_exhaustive]
    Protocol {
        /// The step that failed.
        step: &'static str,
        /// The unexpected input.
        got: Unexpected,
        /// The program that was started.
        program: PathBuf,
    },
    /// A command of a physical board failed.
    #[non_exhaustive]
    Command {
        /// The command's field below `serial:`, such as `flash`.
        field: &'static str,
        /// The command with its arguments.
        command: String,
        /// The end of the command.
        end: CommandEnd,
        /// The last output of the command.
        output: String,
    },
    /// A serial port cannot be used.
    #[non_exhaustive]
    Port {
        /// The port's path.
        port: PathBuf,
        /// The reason.
        why: PortFlaw,
    },
    /// The board does not have what the test names.
    #[non_exhaustive]
    NoPeripheral {
        /// The name, and what there is.
        why: NoPeripheral,
    },
    /// The engine does not support what the target's configuration or the test asks for.
    #[non_exhaustive]
    Unsupported {
        /// The request.
        request: Unsupported,
    },
}

impl EmulatorErrorKind {
    /// Writes what happened, without the remedy.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, engine: BackendKind) -> fmt::Result {
        match self {
            Self::NotFound { looked, .. } => write!(f, "cannot find {engine}: {looked}"),
            Self::Process { source } => write!(f, "{source}"),
            Self::Io { step, source } => write!(f, "{step}: {source}"),
            Self::Exited { step, exit } => write!(f, "while {step}: {exit}"),
            Self::TooSlow {
                step,
                unfinished,
                limit,
                ..
            } => {
                write!(f, "{engine} took longer than {limit:?} while {step}")?;
                match unfinished {
                    Some(unfinished) => write!(f, ": it {unfinished}"),
                    None => Ok(()),
                }
            }
            Self::Unanswered {
                command,
                busy_with,
                limit,
            } => {
                write!(f, "{engine} has not done `{command}` after {limit:?}")?;
                match busy_with {
                    Some(other) => write!(f, " because it is still busy with `{other}`"),
                    None => Ok(()),
                }
            }
            Self::PortTaken { port, .. } => write!(
                f,
                "{engine} cannot have port {port} for its monitor, because another process has it"
            ),
            Self::Unreachable { port, why } => write!(
                f,
                "{engine} listens on port {port} for its monitor, but cannot be reached there: {why}"
            ),
            Self::TooOld { version, program } => {
                write!(f, "{program:?} is {engine} {version}, which is too old")
            }
            Self::Refused { command, reason } => {
                write!(f, "{engine} refused `{command}`: {reason}")
            }
            Self::Protocol { step, got, .. } => {
                write!(f, "{engine} sent something unexpected while {step}: {got}")
            }
            Self::Command {
                field,
                command,
                end,
                ..
            } => write!(f, "`serial: {field}:` failed: `{command}` {end}"),
            Self::Port { port, why } => {
                write!(
                    f,
                    "cannot open the serial port {port:?} (`serial: port:`): {why}"
                )
            }
            Self::NoPeripheral { why } => write!(f, "{why}"),
            Self::Unsupported { request } => write!(f, "{engine} cannot {request}"),
        }
    }

    /// Writes the output that follows the message.
    pub(super) fn write_output(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { output, .. } => f.write_str(&last_output(output)),
            _ => Ok(()),
        }
    }

    pub(super) fn step(&self) -> Option<&'static str> {
        match self {
            Self::Io { step, .. }
            | Self::Exited { step, .. }
            | Self::TooSlow { step, .. }
            | Self::Protocol { step, .. } => Some(step),
            _ => None,
        }
    }

    /// Returns what to do.
    pub(super) fn remedy(&self, engine: BackendKind) -> Option<String> {
        let fixed = match self {
            Self::Process { .. }
            | Self::Io { .. }
            | Self::Exited { .. }
            | Self::Refused { .. }
            | Self::NoPeripheral { .. } => {
                return None;
            }
            Self::NotFound { program, .. } => match engine {
                BackendKind::Renode => {
                    "run `vtarget install` or scripts/install-renode, or set VTARGET_RENODE to its program"
                }
                _ if program == "qemu-system-arm" || program == "qemu-system-aarch64" => {
                    "install it (Debian, Ubuntu: apt-get install qemu-system-arm; macOS: brew install qemu)"
                }
                _ => {
                    "install it (Debian, Ubuntu: apt-get install qemu-system-misc; macOS: brew install qemu)"
                }
            },
            Self::TooSlow { field, .. } => {
                return Some(format!("raise `timeouts: {field}:` if this host is slow"));
            }
            Self::Unanswered { .. } => "raise `timeouts: command:` if it needs longer",
            Self::PortTaken { was_chosen, .. } => match was_chosen {
                true => {
                    "so it went with those chosen before: name one in `monitor_port`, or use \
                     `control: console`, which needs none"
                }
                false => {
                    "give `monitor_port` another value, or leave it out to have a free one chosen"
                }
            },
            Self::Unreachable { .. } => "use `control: console` if this goes on",
            Self::TooOld { .. } => "use 1.14 or newer (scripts/install-renode installs one)",
            Self::Protocol { program, .. } => {
                return Some(format!("is {program:?} really {engine}?"));
            }
            Self::Command { end, .. } => end.remedy()?,
            Self::Port { why, .. } => why.remedy()?,
            Self::Unsupported { request } => request.remedy(),
        };
        Some(fixed.to_owned())
    }
}

/// The part of a step that the emulator has not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfinished {
    /// It has not done this command.
    #[error("has not done `{0}`")]
    Command(String),
    /// It has not shown its first prompt.
    #[error("has not shown its first prompt")]
    Prompt,
}

/// The reason why the emulator's monitor cannot be reached over TCP.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreached {
    /// The connection failed.
    #[error("{0}")]
    Io(io::Error),
    /// Nothing that was sent has reached it.
    #[error(
        "nothing that was sent there has reached it in {limit:?}: another client holds the port, or \
         another process has it"
    )]
    #[non_exhaustive]
    Silent {
        /// The time limit.
        limit: Duration,
    },
}

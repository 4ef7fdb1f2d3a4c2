//! [`Command`]: a program of the host that flashes, resets or powers the board.
//!
//! It runs under a [`Supervisor`], with a time limit, and its output is logged.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe;

use super::port::KIND;
use crate::backend::emulator::OUTPUT_DRAIN_TIMEOUT;
use crate::backend::error::CommandEnd;
use crate::backend::{EmulatorError, EmulatorErrorKind, OutputTail, executable};
use crate::config::{BoardCommand, FIRMWARE};
use crate::process::{Process, SpawnSpec, Supervisor};

/// A program that exists, and its arguments.
pub(super) struct Command {
    /// The field below `serial:` that describes the command.
    field: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Command {
    pub(super) fn new(field: &'static str, command: &BoardCommand) -> Result<Self, EmulatorError> {
        let located = executable::locate(&command.program);
        let program = located.map_err(|looked| {
            let kind = EmulatorErrorKind::Command {
                field,
                command: command.program.display().to_string(),
                end: CommandEnd::NotThere(looked),
                output: String::new(),
            };
            EmulatorError::new(KIND, kind)
        })?;
        Ok(Self {
            field,
            program,
            arguments: command.arguments.clone(),
        })
    }

    /// Runs the command until it exits, for `limit` at most, and adds its output to `log`.
    ///
    /// Dropping the future kills the program.
    pub(super) async fn run(
        &self,
        firmware: Option<&Path>,
        supervisor: &Supervisor,
        limit: Duration,
        log: &OutputTail,
    ) -> Result<(), EmulatorError> {
        let io = |source| EmulatorError::io(KIND, "starting a command of the board's", source);
        let (stdin, gate) = std::io::pipe().map_err(io)?;
        let (output, stdout) = std::io::pipe().map_err(io)?;
        let launch = SpawnSpec {
            program: self.program.clone(),
            args: self.arguments(firmware),
            env: std::env::vars_os().collect(),
            gate: gate.into(),
            stdin: stdin.into(),
            stderr: stdout.try_clone().map_err(io)?.into(),
            stdout: stdout.into(),
            inherited: Vec::new(),
            directory: None,
        };
        let shown = DisplayCommand(&launch).to_string();
        let output = pipe::Receiver::from_owned_fd(output.into()).map_err(io)?;
        log.push(format!("$ {shown}\n").as_bytes());
        let process = KillOnDrop(
            supervisor
                .spawn(launch)
                .map_err(|source| EmulatorError::process(KIND, source))?,
        );
        let own = OutputTail::default();
        let drained = tokio::spawn(drain(output, [log.clone(), own.clone()]));

        let exit = tokio::time::timeout(limit, process.0.exited()).await;
        if exit.is_err() {
            process.0.kill();
            process.0.exited().await;
        }
        let _ = tokio::time::timeout(OUTPUT_DRAIN_TIMEOUT, drained).await;
        let end = match exit {
            Ok(exit) if exit.is_success() => {
                log.push(b"(done)\n");
                return Ok(());
            }
            Ok(exit) => CommandEnd::Exited(exit.0),
            Err(_) => CommandEnd::TooSlow { limit },
        };
        log.push(format!("({end})\n").as_bytes());
        let kind = EmulatorErrorKind::Command {
            field: self.field,
            command: shown,
            end,
            output: own.text(),
        };
        Err(EmulatorError::new(KIND, kind))
    }

    /// Returns the arguments, with the image's path in place of its placeholder.
    fn arguments(&self, firmware: Option<&Path>) -> Vec<OsString> {
        let firmware = firmware.unwrap_or(Path::new(""));
        let filled = |argument: &String| {
            let mut pieces = argument.split(FIRMWARE);
            let mut filled = OsString::from(pieces.next().unwrap_or_default());
            for piece in pieces {
                filled.push(firmware);
                filled.push(piece);
            }
            filled
        };
        self.arguments.iter().map(filled).collect()
    }
}

/// A process that is killed when this is dropped.
struct KillOnDrop(Arc<Process>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The text of a command in a message.
struct DisplayCommand<'a>(&'a SpawnSpec);

impl fmt::Display for DisplayCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.program.display())?;
        for argument in &self.0.args {
            let text = argument.to_string_lossy();
            let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
            match !text.is_empty() && text.chars().all(is_plain) {
                true => write!(f, " {text}")?,
                false => write!(f, " {text:?}")?,
            }
        }
        Ok(())
    }
}

/// Reads `from` to its end, and adds its output to `into`.
async fn drain(mut from: impl AsyncRead + Unpin, into: [OutputTail; 2]) {
    let mut buffer = [0; 4096];
    // An error is an end as well: there is no more output.
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        for tail in &into {
            tail.push(&buffer[..n]);
        }
    }
}

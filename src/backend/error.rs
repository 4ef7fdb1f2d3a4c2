//! What can go wrong with an emulator, and how one ended.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::BackendKind;
use crate::process::ProcessError;

/// How an emulator ended, or a serial port went away, that nobody had asked to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EmulatorExit {
    /// The kind of emulator.
    pub kind: BackendKind,
    /// Such as `QEMU exited with status 1`.
    pub(crate) what: String,
    /// The last it wrote to its standard error (and, for Renode, to its console, but for complete
    /// answers to what it was asked).
    pub output: String,
}

impl fmt::Display for EmulatorExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.output.trim().is_empty() {
            true if self.kind != BackendKind::Serial => f.write_str("; it said nothing"),
            _ => f.write_str(&last_words(&self.output)),
        }
    }
}

impl std::error::Error for EmulatorExit {}

/// What can go wrong with an emulator.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// No such emulator on this machine.
    #[error("cannot find {kind}: {looked}; {advice}")]
    NotFound {
        /// The kind of emulator.
        kind: BackendKind,
        /// Where it was looked for.
        looked: String,
        /// How to get it.
        advice: &'static str,
    },
    /// A process or directory could not be set up.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The host failed the harness.
    #[error("{step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The emulator ended by itself.
    #[error("while {step}: {exit}")]
    Exited {
        /// What was being done.
        step: &'static str,
        /// How it ended.
        exit: Arc<EmulatorExit>,
    },
    /// The emulator did not do in time what it was asked to.
    #[error(
        "{kind} took longer than {limit:?} while {step}{}; raise `timeouts: {field}:` if this host is slow",
        because_it(unfinished.as_deref())
    )]
    TooSlow {
        /// The kind of emulator.
        kind: BackendKind,
        /// What was being done.
        step: &'static str,
        /// What it has not done, if that is known, such as ``has not done `start` ``.
        unfinished: Option<String>,
        /// The time it had.
        limit: Duration,
        /// The field of the configuration that sets the limit.
        field: &'static str,
    },
    /// The emulator has not answered a command.
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
        /// The time it had.
        limit: Duration,
    },
    /// Another process has the TCP port of the emulator's monitor.
    #[error(
        "{kind} cannot have port {port} for its monitor, because another process has it; {advice}"
    )]
    PortTaken {
        /// The kind of emulator.
        kind: BackendKind,
        /// The port.
        port: u16,
        /// What to do.
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
        /// What was seen.
        why: String,
    },
    /// This version of the emulator cannot be used.
    #[error("{program:?} is {kind} {version}, which is too old; {advice}")]
    TooOld {
        /// The kind of emulator.
        kind: BackendKind,
        /// Its version.
        version: String,
        /// The program that was started.
        program: PathBuf,
        /// How to get a newer one.
        advice: &'static str,
    },
    /// An error that something in the configuration has led to.
    #[error("{place}: {source}")]
    At {
        /// What has led to it, such as `extra_commands[2]`.
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
        /// What the emulator said.
        reason: String,
    },
    /// The emulator does not speak its own protocol.
    #[error("{kind} sent something unexpected while {step}: {got}; is {program:?} really {kind}?")]
    Protocol {
        /// The kind of emulator.
        kind: BackendKind,
        /// What was being done.
        step: &'static str,
        /// What came.
        got: String,
        /// The program that was started.
        program: PathBuf,
    },
    /// A command of a physical board's failed.
    #[error(
        "`serial: {field}:` failed: `{command}` {outcome}{}",
        last_words(output)
    )]
    Command {
        /// The command's field below `serial:`, such as `flash`.
        field: &'static str,
        /// The command with its arguments.
        command: String,
        /// How it ended.
        outcome: String,
        /// The last it wrote.
        output: String,
    },
    /// A serial port cannot be used.
    #[error("cannot open the serial port {port:?}: {reason}")]
    Port {
        /// The port's path.
        port: PathBuf,
        /// What the system said, and what to do.
        reason: String,
    },
    /// The engine cannot do what the target's configuration asks for.
    #[error("{kind} cannot {what}; {advice}")]
    Unsupported {
        /// The kind of emulator.
        kind: BackendKind,
        /// What was asked for.
        what: String,
        /// What to do instead.
        advice: &'static str,
    },
}

fn last_words(output: &str) -> String {
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

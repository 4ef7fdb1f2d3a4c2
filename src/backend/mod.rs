//! What an engine does for a target: start, stop, load, reset, connect the UART.
//!
//! A [`Backend`] plays one board, or works a physical one. It is driven from the I/O thread by the
//! target, one call at a time, and knows nothing of tests, expectations or
//! handles.

mod emulator;
mod executable;
mod exit;
mod identity;
mod image;
mod metrics;
mod output;
pub(crate) mod qemu;
pub(crate) mod renode;
pub(crate) mod serial;

pub use identity::Engine;
pub(crate) use identity::Identity;
pub(crate) use image::Image;
pub use metrics::Metrics;
pub(crate) use output::OutputTail;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::process::CustodyError;
use crate::runtime::Clock;

/// A boxed future, as `dyn Backend` needs them.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outcome of a backend's calls.
pub(crate) type Outcome<'a> = BoxFuture<'a, Result<(), EmulatorError>>;

/// Reads the present content of a log.
pub(crate) type LogText = Box<dyn Fn() -> String + Send>;

/// One board, on one engine: a single machine, or several that belong together.
///
/// A call that fails or is dropped midway leaves the board in an undefined
/// state; the target then powers it off.
pub(crate) trait Backend: Send {
    /// Which engine plays the board, for notices and reports; known better by and by.
    fn identity(&self) -> &Identity;

    /// Waits until all is known of the engine that can be known now.
    fn identified(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// What it writes down of its emulator from each power-on on, by the names of files.
    fn logs(&self) -> Vec<(&'static str, LogText)>;

    /// Whether the machine of that number can be given the image; asked before anything is started.
    fn accepts(&self, machine: usize, image: &Image) -> crate::Result<()>;

    /// Starts the emulator with the image of each machine in its memory and lets the board run;
    /// QEMU's stands still without one.
    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a>;

    /// Ends the emulator at once; returns when it is gone. Does nothing when it is not there.
    ///
    /// Only the power switch of a physical board can fail; it is let go all the same.
    fn power_off(&mut self) -> Outcome<'_>;

    /// Replaces the firmware of a machine of a running board, which starts anew with it.
    fn reload<'a>(&'a mut self, machine: usize, image: &'a Image) -> Outcome<'a>;

    /// Whether the board can be reset at all; asked before it is.
    fn can_reset(&self) -> Result<(), EmulatorError> {
        Ok(())
    }

    /// Resets one machine of a running board, or all, as the reset pin does.
    fn reset(&mut self, machine: Option<usize>) -> Outcome<'_>;

    /// Has the emulator do a command of the user's own; what it said.
    fn monitor<'a>(&'a mut self, command: &'a str) -> BoxFuture<'a, Result<String, EmulatorError>> {
        let error = self.only_renode(format!("do the monitor command `{command}`"));
        Box::pin(async { Err(error) })
    }

    /// What one machine of the board has done since power-on, or all.
    fn metrics(
        &mut self,
        _machine: Option<usize>,
    ) -> BoxFuture<'_, Result<Metrics, EmulatorError>> {
        let error = self.only_renode("measure what the board has done".to_owned());
        Box::pin(async { Err(error) })
    }

    /// The error of what the other engines cannot do.
    fn only_renode(&self, what: String) -> EmulatorError {
        EmulatorError::Unsupported {
            kind: self.identity().engine().kind,
            what,
            advice: "only Renode can: run the target there (VTARGET_BACKEND=renode)",
        }
    }

    /// What it has not finished yet, as in ``it has not done `start` ``, if that is known.
    fn unfinished(&self) -> Option<String> {
        None
    }

    /// How the emulator ended, if it was started and has ended by itself.
    fn ended(&self) -> Option<Arc<EmulatorDeath>>;

    /// The guest's own clock, where it can run slower than the host's.
    fn clock(&self) -> Option<Arc<dyn Clock>>;
}

/// The kind of emulator, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineKind {
    /// Antmicro Renode.
    Renode,
    /// QEMU's system emulation.
    Qemu,
    /// No emulator: a physical board on a serial port.
    Serial,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Renode => "Renode",
            Self::Qemu => "QEMU",
            Self::Serial => "the physical board",
        })
    }
}

/// How an emulator ended, or a serial port went away, that nobody had asked to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EmulatorDeath {
    /// The kind of emulator.
    pub kind: EngineKind,
    /// Such as `QEMU exited with status 1`.
    pub(crate) what: String,
    /// The last it wrote to its standard error (and, for Renode, to its console, but for complete
    /// answers to what it was asked).
    pub output: String,
}

impl fmt::Display for EmulatorDeath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.output.trim().is_empty() {
            true if self.kind != EngineKind::Serial => f.write_str("; it said nothing"),
            _ => f.write_str(&last_words(&self.output)),
        }
    }
}

impl std::error::Error for EmulatorDeath {}

/// What can go wrong with an emulator.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// No such emulator on this machine.
    #[error("cannot find {kind}: {looked}; {advice}")]
    NotFound {
        /// The kind of emulator.
        kind: EngineKind,
        /// Where it was looked for.
        looked: String,
        /// How to get it.
        advice: &'static str,
    },
    /// A process or directory could not be set up.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The host failed the harness.
    #[error("{step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The emulator ended by itself.
    #[error("while {step}: {death}")]
    Died {
        /// What was being done.
        step: &'static str,
        /// How it ended.
        death: Arc<EmulatorDeath>,
    },
    /// The emulator did not do in time what it was asked to.
    #[error(
        "{kind} took longer than {limit:?} while {step}{}; raise `timeouts: {field}:` if this host is slow",
        because_it(unfinished.as_deref())
    )]
    TooSlow {
        /// The kind of emulator.
        kind: EngineKind,
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
        kind: EngineKind,
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
        kind: EngineKind,
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
        kind: EngineKind,
        /// The port.
        port: u16,
        /// What was seen.
        why: String,
    },
    /// This version of the emulator cannot be used.
    #[error("{program:?} is {kind} {version}, which is too old; {advice}")]
    TooOld {
        /// The kind of emulator.
        kind: EngineKind,
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
        kind: EngineKind,
        /// The command as it was sent.
        command: String,
        /// What the emulator said.
        reason: String,
    },
    /// The emulator does not speak its own protocol.
    #[error("{kind} sent something unexpected while {step}: {got}; is {program:?} really {kind}?")]
    Protocol {
        /// The kind of emulator.
        kind: EngineKind,
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
        kind: EngineKind,
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

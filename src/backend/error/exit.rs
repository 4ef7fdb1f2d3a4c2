//! [`EmulatorExit`]: an exit that nobody asked for, with its [`ExitReason`] and [`StartHint`]s.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::refusal::RefusalReason;
use crate::config::BackendKind;
use crate::process::Exit;

/// An exit of an emulator, or the loss of a serial port, that nobody asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EmulatorExit {
    /// The kind of emulator.
    pub kind: BackendKind,
    /// The reason.
    pub reason: ExitReason,
    /// What the host shows about a failed start.
    pub hints: Vec<StartHint>,
    /// The last output on its standard error. For Renode also the last output on its console,
    /// without the complete answers to commands.
    pub output: String,
}

impl fmt::Display for EmulatorExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.write(f, self.kind)?;
        if !self.hints.is_empty() {
            let hints: Vec<String> = self.hints.iter().map(StartHint::to_string).collect();
            write!(f, " ({})", hints.join("; "))?;
        }
        match self.output.trim().is_empty() {
            true if self.kind != BackendKind::Serial => {
                write!(f, "; {} itself has printed no message", self.kind)
            }
            _ => f.write_str(&last_output(&self.output)),
        }
    }
}

impl std::error::Error for EmulatorExit {}

/// The reason of an exit that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// The process has ended.
    #[non_exhaustive]
    Ended {
        /// Its status; `None` if other code has taken it.
        status: Option<ExitStatus>,
        /// The largest memory use of a child process of this one, in bytes, if that is the suspected
        /// reason.
        memory: Option<u64>,
    },
    /// A processor of the board has locked up, and the emulator has given up.
    #[non_exhaustive]
    LockedUp {
        /// The program counter, in hexadecimal digits.
        pc: String,
        /// The emulator's reason.
        fault: String,
    },
    /// A command that the board needs has failed, and the emulator was killed.
    #[non_exhaustive]
    Command {
        /// The command.
        command: String,
        /// The emulator's reason; `None` if it has not answered.
        why: Option<RefusalReason>,
    },
    /// A part of the harness that the board needs has failed, and the emulator was killed.
    #[non_exhaustive]
    Driver {
        /// The part's task, such as `driving its clock`.
        task: &'static str,
        /// The host's or the script's reason.
        why: String,
    },
    /// The serial port is gone.
    #[non_exhaustive]
    PortGone {
        /// The port's path.
        port: PathBuf,
    },
}

impl ExitReason {
    fn write(&self, f: &mut fmt::Formatter<'_>, kind: BackendKind) -> fmt::Result {
        match self {
            Self::Ended { status, memory } => {
                write!(f, "{kind} {}", Exit(*status))?;
                let Some(memory) = memory else {
                    return Ok(());
                };
                write!(
                    f,
                    ", perhaps because memory ran out (the largest process that this test has started had \
                     {:.1} GiB; the kernel's log says more: `dmesg`)",
                    *memory as f64 / f64::from(1 << 30)
                )
            }
            Self::LockedUp { pc, fault } => write!(
                f,
                "{kind} gave up, because the processor locked up at PC=0x{pc}: {fault}"
            ),
            Self::Command { command, why } => {
                write!(f, "{kind} was ended: `{command}` failed: ")?;
                match why {
                    Some(why) => write!(f, "{why}"),
                    None => f.write_str("it never came back"),
                }
            }
            Self::Driver { task, why } => write!(f, "{kind} was ended: {task} failed: {why}"),
            Self::PortGone { port } => write!(
                f,
                "the serial port {} is gone: the board was unplugged, or the port's other end closed",
                port.display()
            ),
        }
    }
}

/// What the host shows about a failed start of Renode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartHint {
    /// It cannot write to the directory into which it unpacks itself.
    #[error(
        "it cannot unpack itself into {place}: make that a directory that can be written to, or set \
         DOTNET_BUNDLE_EXTRACT_BASE_DIR to one",
        place = directory(.0.as_ref())
    )]
    NotUnpacked(Option<PathBuf>),
    /// The directory into which it unpacks itself has no room.
    #[error(
        "it cannot write all of itself to {place}: free some 300 MB there, or set \
         DOTNET_BUNDLE_EXTRACT_BASE_DIR to a directory that has room",
        place = directory(.0.as_ref())
    )]
    NoRoom(Option<PathBuf>),
    /// Its .NET could not start; what it has unpacked into this directory may be damaged.
    #[error(
        "its .NET could not start: if the reason is none of the below, remove {place}, where it has \
         unpacked itself",
        place = directory(.0.as_ref())
    )]
    NoRuntime(Option<PathBuf>),
    /// It may have only a few files open.
    #[error("it may have only {limit} files open: raise `ulimit -n` to {needed} or more")]
    #[non_exhaustive]
    Files {
        /// The limit.
        limit: u64,
        /// The number that it needs.
        needed: u64,
    },
    /// It may have only this many bytes of addresses.
    #[error(
        "it may have only {} MiB of addresses, and .NET reserves 256 GiB: `ulimit -v unlimited`, or set \
         DOTNET_GCHeapHardLimit",
        .0 >> 20
    )]
    Addresses(u64),
    /// There is no `/proc`.
    #[error("there is no /proc, which .NET needs: mount it")]
    NoProc,
    /// It may have only this many bytes of memory.
    #[error("it may have only {} MiB of memory: raise `ulimit -d`", .0 >> 20)]
    Memory(u64),
}

fn directory(place: Option<&PathBuf>) -> String {
    place.map_or("a directory".to_owned(), |it| it.display().to_string())
}

/// Returns the last lines of `output`, as they follow a message.
pub(super) fn last_output(output: &str) -> String {
    if output.trim().is_empty() {
        return String::new();
    }
    let lines = output.trim_end().lines();
    lines.fold("; its last words:".to_owned(), |text, line| {
        text + "\n    " + line
    })
}

//! The failures of a physical board: [`CommandEnd`] and [`PortFlaw`].

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use nix::errno::Errno;

use super::not_there::NotThere;
use crate::process::Exit;

/// The end of a command of a physical board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandEnd {
    /// There is no such program.
    NotThere(NotThere),
    /// The command exited with another status than 0; `None` if its status was taken by other code.
    Exited(Option<ExitStatus>),
    /// The command has not ended, and was killed.
    #[non_exhaustive]
    TooSlow {
        /// The time limit.
        limit: Duration,
    },
}

impl CommandEnd {
    pub(super) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NotThere(_) => Some("install it, or correct the command"),
            Self::Exited(_) => None,
            Self::TooSlow { .. } => Some("raise `timeouts: command:` if it needs longer"),
        }
    }
}

impl fmt::Display for CommandEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(looked) => write!(f, "cannot be started: {looked}"),
            Self::Exited(status) => Exit(*status).fmt(f),
            Self::TooSlow { limit } => write!(f, "has not ended after {limit:?} and was killed"),
        }
    }
}

/// The reason why a serial port cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum PortFlaw {
    /// It cannot be opened.
    Open(io::Error),
    /// Another target or a terminal program has it.
    InUse,
    /// It cannot be locked.
    Lock(Errno),
    /// It refuses the settings.
    #[non_exhaustive]
    Settings {
        /// The speed.
        baud: u32,
        /// The system's error.
        source: io::Error,
    },
}

impl PortFlaw {
    pub(super) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => match error.kind() {
                io::ErrorKind::NotFound => Some("is the board plugged in?"),
                io::ErrorKind::PermissionDenied => {
                    Some("this user may not use it (on many systems the group `dialout` may)")
                }
                io::ErrorKind::ResourceBusy => {
                    Some("another program has it for itself; let that go first")
                }
                _ => None,
            },
            Self::InUse => Some("let that go first"),
            Self::Lock(_) | Self::Settings { .. } => None,
        }
    }
}

impl fmt::Display for PortFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) if error.raw_os_error() == Some(Errno::ENOTTY as i32) => {
                write!(f, "{error}; it is not a serial port")
            }
            Self::Open(error) => error.fmt(f),
            Self::InUse => f.write_str("it is in use, by another target or by a terminal program"),
            Self::Lock(error) => write!(f, "it cannot be locked: {error}"),
            Self::Settings { baud, source } => {
                write!(f, "it does not do {baud} baud, 8N1: {source}")
            }
        }
    }
}

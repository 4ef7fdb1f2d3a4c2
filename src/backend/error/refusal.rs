//! [`RefusalReason`]: why an emulator has not done a command.

use std::fmt;

/// The reason why an emulator has not done a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The emulator's own reason.
    Refused(String),
    /// The emulator neither ran the command nor complained: it read the command as a comment, or as
    /// part of a longer text.
    Ignored,
    /// The emulator read this instead of the command that was sent.
    Garbled(String),
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => f.write_str(reason),
            Self::Ignored => {
                f.write_str("it took it for a comment or for part of an unfinished text")
            }
            Self::Garbled(got) => write!(f, "it read {got:?}"),
        }
    }
}

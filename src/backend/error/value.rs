//! Values that cannot be part of an emulator's command: [`ValueRole`] and [`ValueFlaw`].

/// The part of a command that a value would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueRole {
    /// A path.
    #[error("a path")]
    Path,
    /// The name of a machine.
    #[error("a machine's name")]
    Machine,
    /// The name of a hub or a switch.
    #[error("the name of a hub or a switch")]
    Hub,
    /// The name of a peripheral.
    #[error("a peripheral's name")]
    Peripheral,
    /// The name of a variable.
    #[error("a variable's name")]
    VariableName,
    /// The value of a variable.
    #[error("a variable's value")]
    VariableValue,
    /// The name of a script of the emulator's own.
    #[error("a script's name")]
    Script,
    /// The name of a platform of the emulator's own.
    #[error("a platform's name")]
    Platform,
    /// A whole command.
    #[error("a command")]
    Command,
}

impl ValueRole {
    pub(super) fn remedy(self, value: &str) -> &'static str {
        match self {
            Self::Path => "set TMPDIR to a directory whose path is of plain ASCII",
            Self::Command if value.contains(['\n', '\r']) => {
                "newlines are refused: send each line as a command of its own"
            }
            Self::Command => "a command is one line of printable ASCII",
            _ => "use plain ASCII names",
        }
    }
}

/// The reason why a value cannot be part of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueFlaw {
    /// It contains this character.
    #[error("it contains {0:?}")]
    Contains(char),
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is a relative path.
    #[error("it is not absolute")]
    NotAbsolute,
}

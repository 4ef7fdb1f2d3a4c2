//! [`ErrorPlace`]: what causes an error, such as a field of the configuration.

use std::fmt;
use std::path::PathBuf;

use crate::config::FieldPlace;

/// What causes an error of an emulator: a field of the configuration, a file, a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorPlace {
    /// A field of the configuration.
    Field(FieldPlace),
    /// A name in a field of the configuration, which the emulator does not know.
    #[non_exhaustive]
    Name {
        /// The field.
        field: FieldPlace,
        /// The name.
        name: String,
        /// The known name that is meant, perhaps.
        similar: Option<String>,
    },
    /// A value of a field of the configuration, which the emulator does not accept.
    #[non_exhaustive]
    Value {
        /// The field.
        field: FieldPlace,
        /// The value.
        value: String,
    },
    /// A firmware image.
    #[non_exhaustive]
    Firmware {
        /// The image's path.
        path: PathBuf,
    },
    /// A script.
    #[non_exhaustive]
    Script {
        /// The script's path.
        path: PathBuf,
        /// True for a script that is part of Renode.
        is_built_in: bool,
    },
    /// A platform that is no file of the project's.
    #[non_exhaustive]
    Platform {
        /// The platform's name.
        name: String,
        /// True if Renode has none of this name either.
        is_unknown: bool,
        /// The platform of Renode's that is meant, perhaps.
        similar: Option<String>,
    },
    /// A UART that the machine does not have.
    Uart(NoUart),
    /// The program that was started as the emulator.
    #[non_exhaustive]
    Program {
        /// The program's path.
        path: PathBuf,
    },
}

impl ErrorPlace {
    pub(super) fn field(&self) -> Option<&FieldPlace> {
        match self {
            Self::Field(field) | Self::Name { field, .. } | Self::Value { field, .. } => {
                Some(field)
            }
            _ => None,
        }
    }
}

impl fmt::Display for ErrorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Name {
                field,
                name,
                similar,
            } => {
                write!(f, "{field}: {name:?}")?;
                did_you_mean(f, similar.as_deref())
            }
            Self::Value { field, value } => write!(f, "{field}: {value:?}"),
            Self::Firmware { path } => write!(f, "firmware {path:?}"),
            Self::Script { path, is_built_in } => {
                let whose = if *is_built_in { "Renode's " } else { "" };
                write!(f, "{whose}script {path:?}")
            }
            Self::Platform {
                name,
                is_unknown,
                similar,
            } => {
                write!(f, "{name:?} is no file of the project's, and ")?;
                match is_unknown {
                    true => f.write_str("Renode has none of this name either")?,
                    false => f.write_str("as one of Renode's own")?,
                }
                did_you_mean(f, similar.as_deref())
            }
            Self::Uart(uart) => uart.fmt(f),
            Self::Program { path } => write!(f, "{path:?}, which is run as QEMU"),
        }
    }
}

fn did_you_mean(f: &mut fmt::Formatter<'_>, similar: Option<&str>) -> fmt::Result {
    match similar {
        Some(similar) => write!(f, " (did you mean `{similar}`?)"),
        None => Ok(()),
    }
}

/// A UART that the machine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoUart {
    /// The path, such as `sysbus.usart2`.
    pub path: String,
    /// The type of the peripheral at that path, if there is one.
    pub found: Option<String>,
    /// The paths of the machine's UARTs.
    pub uarts: Vec<String>,
}

impl fmt::Display for NoUart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, uarts } = self;
        match found {
            Some(kind) => write!(f, "{path} is of the type {kind}")?,
            None => write!(f, "the machine has no {path}")?,
        }
        match uarts.is_empty() {
            true => f.write_str(", and nothing that is called a UART"),
            false => write!(f, "; its UARTs are {}", uarts.join(", ")),
        }
    }
}

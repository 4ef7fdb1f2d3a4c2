//! [`ConfigError`]: the errors of a configuration.

use std::io;
use std::path::{Path, PathBuf};

use super::{locate, values};
use crate::files::Unusable;

/// An error in a target's configuration: the file cannot be read, or a value is not valid.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such file.
    #[error(
        "there is no target file `{}`{}", path.display(), tried_in(path)
    )]
    NotFound {
        /// The path as given by the caller.
        path: PathBuf,
    },
    /// The path names a directory.
    #[error("`{}` is a directory: name the YAML file in it", path.display())]
    Directory {
        /// The path as given by the caller.
        path: PathBuf,
    },
    /// The path names a pipe, a device or the like.
    #[error("the target file `{}` is not a regular file: copy it into one", path.display())]
    NotAFile {
        /// The path as given by the caller.
        path: PathBuf,
    },
    /// The file is far larger than any description.
    #[error(
        "`{}` has {size} bytes, and a target file has at most {limit}: is it the right one?",
        path.display()
    )]
    TooLarge {
        /// The path as given by the caller.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The file could not be read.
    #[error("cannot read the target file `{}`: {source}", path.display())]
    Read {
        /// The path as given by the caller.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Something in the file is not valid.
    #[error("{}:{line}:{column}: {}{message}", file.display(), prefix(field))]
    Invalid {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// The line of the field, counted from 1.
        line: usize,
        /// The column of the field, counted from 1.
        column: usize,
        /// The field's path, such as `qemu.serial`; empty for the whole file.
        field: String,
        /// The problem, and the allowed values.
        message: String,
    },
    /// A test sends a monitor command, but the target's description does not allow it.
    #[error(
        "{}: the monitor command `{command}` is not allowed, because such commands can read and write \
         files of this host; add `allow_raw_monitor: true` if the test may do that",
        file.display()
    )]
    RawMonitor {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// The command.
        command: String,
    },
    /// An environment variable that overrides the file has an unknown value.
    #[error("{variable} is `{value}`; it must be {allowed}, or not set")]
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// The allowed values.
        allowed: &'static str,
    },
    /// A test asks for a UART that the target's description does not name.
    #[error("{}: there is no UART {name:?}{}", file.display(), values::suggest(name, known))]
    NoSuchUart {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// The name that the test asks for.
        name: String,
        /// The names of the UARTs.
        known: Vec<String>,
    },
    /// A test asks for a machine that the target's description does not name.
    #[error("{}: there is no machine {name:?}{}", file.display(), values::suggest(name, known))]
    NoSuchMachine {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// The name that the test asks for.
        name: String,
        /// The machines' names.
        known: Vec<String>,
    },
    /// A test gives firmware to a target of several machines without naming a machine.
    #[error(
        "{}: the target has several machines: flash each by `target.machine(name)?.flash(…)`, \
         or name their firmware in `machines` (known: {})",
        file.display(),
        known.join(", ")
    )]
    WhichMachine {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// The machines' names.
        known: Vec<String>,
    },
    /// QEMU is to run a target that does not name one of QEMU's boards.
    #[error(
        "{}: QEMU cannot run this target, because it has no `qemu` section: \
         add `qemu: {{machine: …}}`, or run it on another engine ({advice})",
        file.display()
    )]
    NoQemu {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// How to run the target on another engine.
        advice: &'static str,
    },
    /// QEMU is to run a target with several machines or UARTs.
    #[error(
        "{}: only Renode can run this target, because it has several `{what}`: {advice}",
        file.display()
    )]
    SeveralOnQemu {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
        /// `machines` or `uarts`.
        what: &'static str,
        /// How to run the target on Renode.
        advice: &'static str,
    },
    /// Renode is to run a target whose board is not described.
    #[error(
        "{}: Renode cannot run this target, because it has no `platform` (or `script`) and `uart`: \
         add both, or run it on another engine",
        file.display()
    )]
    NoRenode {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
    },
    /// A physical board is to run a target that does not name the board's port.
    #[error(
        "{}: no physical board can run this target, because it has no `serial` section: \
         add `serial: {{port: …}}`",
        file.display()
    )]
    NoSerial {
        /// The file, or `<yaml>` for text.
        file: PathBuf,
    },
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            _ => Self::Read { path, source },
        }
    }

    pub(super) fn unusable(path: &Path, why: Unusable) -> Self {
        let path = path.to_path_buf();
        match why {
            Unusable::Io(source) => Self::unreadable(&path, source),
            Unusable::Directory => Self::Directory { path },
            Unusable::NotAFile => Self::NotAFile { path },
            Unusable::TooLarge { size, limit } => Self::TooLarge { path, size, limit },
        }
    }

    /// Creates the error of a file whose `bytes` are UTF-8 only up to `valid_up_to`.
    pub(super) fn not_utf8(path: &Path, bytes: &[u8], valid_up_to: usize) -> Self {
        let good = bytes.get(..valid_up_to).unwrap_or_default();
        let column = good.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        Self::Invalid {
            file: path.to_path_buf(),
            line: good.iter().filter(|&&b| b == b'\n').count() + 1,
            column,
            field: String::new(),
            message: "this is not UTF-8: save the file as UTF-8".to_owned(),
        }
    }
}

/// An invalid value whose place in the file may not be known yet.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// The field's path, such as `qemu.serial` or `extra_commands[2]`; empty for the whole file.
    pub(super) field: String,
    pub(super) message: String,
    /// Line and column, if they are already known.
    pub(super) place: Option<(usize, usize)>,
}

impl Problem {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
            place: None,
        }
    }

    /// Returns the same problem for a target whose fields are at `path` in the file; an empty path
    /// is the whole file.
    pub(super) fn under(mut self, path: &str) -> Self {
        self.field = match self.field.as_str() {
            _ if path.is_empty() => return self,
            "" => path.to_owned(),
            field if field.starts_with('[') => format!("{path}{field}"),
            field => format!("{path}.{field}"),
        };
        self
    }

    pub(super) fn locate(self, file: &Path, text: &str) -> ConfigError {
        // A merged field (`<<`) has no place of its own, but its parents have one.
        let mut fields = std::iter::successors(Some(self.field.as_str()), |field: &&str| {
            let (parent, _) = field.rsplit_once(['.', '['])?;
            Some(parent)
        });
        let located = || fields.find_map(|field| locate::field(text, field));
        let (line, column) = self.place.or_else(located).unwrap_or((1, 1));
        ConfigError::Invalid {
            file: file.to_path_buf(),
            line,
            column,
            field: self.field,
            message: self.message,
        }
    }
}

fn prefix(field: &str) -> String {
    if field.is_empty() {
        return String::new();
    }
    format!("{field}: ")
}

fn tried_in(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(dir) if path.is_relative() => format!(" in the current directory `{}`", dir.display()),
        _ => String::new(),
    }
}

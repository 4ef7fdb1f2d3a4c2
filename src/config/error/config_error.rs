//! [`ConfigError`]: a file and the kind of its error.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::explanation::Explanation;
use super::kind::{ConfigErrorKind, EnvVariable};
use super::place::FieldPlace;
use crate::files::Unusable;

/// An error in a target's configuration: the file cannot be read, or a value is not valid.
///
/// A program reads the parts of the message:
///
/// ```
/// use virtual_target::config::{ConfigErrorKind, TargetConfig};
///
/// let text = "platform: platforms/cpus/stm32f4.repl\nuart: sysbus.usart2\nclock: virtuel\n";
/// let error = TargetConfig::from_yaml_str(text, ".").unwrap_err();
/// let ConfigErrorKind::Invalid { place, why, .. } = error.kind() else {
///     return println!("{error}"); // no such file, say
/// };
/// assert_eq!((place.line(), place.column()), (3, 1));
/// assert_eq!(place.field(), "clock");
/// assert_eq!(why.reason(), "unknown value \"virtuel\"");
/// assert_eq!(why.remedy(), Some("did you mean `virtual`? (known: realtime, virtual)"));
/// assert_eq!((error.place(), error.remedy().as_deref()), (Some(place), why.remedy()));
/// assert_eq!(error.file(), Some("<yaml>".as_ref()));
/// ```
///
/// Its `Debug` form is its message.
pub struct ConfigError(Box<Details>);

struct Details {
    file: PathBuf,
    kind: ConfigErrorKind,
}

impl ConfigError {
    pub(in super::super) fn new(file: &Path, kind: ConfigErrorKind) -> Self {
        let file = file.to_path_buf();
        Self(Box::new(Details { file, kind }))
    }

    pub(in super::super) fn unreadable(file: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ConfigErrorKind::NotFound,
            _ => ConfigErrorKind::Read { source },
        };
        Self::new(file, kind)
    }

    pub(in super::super) fn unusable(file: &Path, why: Unusable) -> Self {
        let kind = match why {
            Unusable::Io(source) => return Self::unreadable(file, source),
            Unusable::Directory => ConfigErrorKind::Directory,
            Unusable::NotAFile => ConfigErrorKind::NotAFile,
            Unusable::TooLarge { size, limit } => ConfigErrorKind::TooLarge { size, limit },
        };
        Self::new(file, kind)
    }

    /// Creates the error of an environment variable whose value is unknown.
    pub(crate) fn environment(variable: EnvVariable, value: &OsStr) -> Self {
        let kind = ConfigErrorKind::Environment {
            variable: variable.name(),
            value: value.to_string_lossy().into_owned(),
            allowed: variable.allowed(),
        };
        Self::new(Path::new(""), kind)
    }

    /// Notes that the environment has selected QEMU, which is then the reason.
    pub(crate) fn set_forced(&mut self) {
        if let ConfigErrorKind::NoQemu { forced } | ConfigErrorKind::MachinesOnQemu { forced } =
            &mut self.0.kind
        {
            *forced = true;
        }
    }

    /// Returns the file as the caller has given it, `<yaml>` for text or `<builder>` for a builder's
    /// fields. An environment variable has none.
    pub fn file(&self) -> Option<&Path> {
        Some(self.0.file.as_path()).filter(|file| !file.as_os_str().is_empty())
    }

    /// Returns the kind of the error, with its data.
    pub fn kind(&self) -> &ConfigErrorKind {
        &self.0.kind
    }

    /// Returns the place of the field that is not valid.
    pub fn place(&self) -> Option<&FieldPlace> {
        match self.kind() {
            ConfigErrorKind::Invalid { place, .. } => Some(place),
            _ => None,
        }
    }

    /// Returns what to do, if the message says so.
    pub fn remedy(&self) -> Option<String> {
        self.explanation().remedy().map(str::to_owned)
    }

    fn explanation(&self) -> Explanation {
        self.kind().explain(&self.0.file)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explanation().fmt(f)
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ConfigErrorKind::Read { source } => Some(source),
            _ => None,
        }
    }
}

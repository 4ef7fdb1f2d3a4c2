//! [`ConfigErrorKind`]: what can be wrong with a configuration, and the texts.

use std::io;
use std::path::Path;

use super::explanation::Explanation;
use super::place::FieldPlace;

/// The kinds of errors of a configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// There is no such file.
    NotFound,
    /// The path names a directory.
    Directory,
    /// The path names a pipe, a device or the like.
    NotAFile,
    /// The file is far larger than any description.
    #[non_exhaustive]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The file could not be read.
    #[non_exhaustive]
    Read {
        /// The operating system's error.
        source: io::Error,
    },
    /// Something in the file is not valid.
    #[non_exhaustive]
    Invalid {
        /// The place of the field.
        place: FieldPlace,
        /// The problem, and the allowed values.
        why: Explanation,
    },
    /// A test sends a monitor command, but the target's description does not allow it.
    #[non_exhaustive]
    RawMonitor {
        /// The command.
        command: String,
    },
    /// An environment variable that overrides the file has an unknown value.
    #[non_exhaustive]
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// The allowed values.
        allowed: &'static str,
    },
    /// A test asks for a UART that the target's description does not name.
    #[non_exhaustive]
    NoSuchUart {
        /// The name that the test asks for.
        name: String,
        /// The names of the UARTs.
        known: Vec<String>,
    },
    /// A test asks for a machine that the target's description does not name.
    #[non_exhaustive]
    NoSuchMachine {
        /// The name that the test asks for.
        name: String,
        /// The machines' names.
        known: Vec<String>,
    },
    /// A test gives firmware to a target of several machines without naming a machine.
    #[non_exhaustive]
    WhichMachine {
        /// The machines' names.
        known: Vec<String>,
    },
    /// QEMU is to run a target that does not name one of QEMU's boards.
    #[non_exhaustive]
    NoQemu {
        /// True if the environment has selected QEMU.
        forced: bool,
    },
    /// QEMU is to run a target with several machines.
    #[non_exhaustive]
    MachinesOnQemu {
        /// True if the environment has selected QEMU.
        forced: bool,
    },
    /// Renode is to run a target whose board is not described.
    NoRenode,
    /// A physical board is to run a target that does not name the board's port.
    NoSerial,
}

impl ConfigErrorKind {
    /// Explains what is wrong with `file`.
    pub(super) fn explain(&self, file: &Path) -> Explanation {
        let reason = Explanation::of::<String>;
        let shown = file.display();
        match self {
            Self::NotFound => reason(format!(
                "there is no target file `{shown}`{}",
                tried_in(file)
            )),
            Self::Directory => {
                reason(format!("`{shown}` is a directory")).fix("name the YAML file in it")
            }
            Self::NotAFile => reason(format!("the target file `{shown}` is not a regular file"))
                .fix("copy it into one"),
            Self::TooLarge { size, limit } => reason(format!(
                "`{shown}` has {size} bytes, and a target file has at most {limit}"
            ))
            .fix("is it the right one?"),
            Self::Read { source } => {
                reason(format!("cannot read the target file `{shown}`: {source}"))
            }
            Self::Invalid { place, why } => why.clone().at(place),
            Self::RawMonitor { command } => reason(format!(
                "{shown}: the monitor command `{command}` is not allowed, because such commands can read and write \
                 files of this host"
            ))
            .fix_after("; ", "add `allow_raw_monitor: true` if the test may do that"),
            Self::Environment {
                variable,
                value,
                allowed,
            } => reason(format!("{variable} is `{value}`"))
                .fix_after("; ", format!("it must be {allowed}, or not set")),
            Self::NoSuchUart { name, known } => {
                reason(format!("{shown}: there is no UART {name:?}")).suggest(name, known)
            }
            Self::NoSuchMachine { name, known } => {
                reason(format!("{shown}: there is no machine {name:?}")).suggest(name, known)
            }
            Self::WhichMachine { known } => {
                reason(format!("{shown}: the target has several machines")).fix(format!(
                    "flash each by `target.machine(name)?.flash(…)`, \
                     or name their firmware in `machines` (known: {})",
                    known.join(", ")
                ))
            }
            Self::NoQemu { forced } => reason(format!(
                "{shown}: QEMU cannot run this target, because it has no `qemu` section"
            ))
            .fix(format!(
                "add `qemu: {{machine: …}}`, or run it on another engine ({})",
                on_renode(*forced)
            )),
            Self::MachinesOnQemu { forced } => reason(format!(
                "{shown}: only Renode can run this target, because it has several `machines`"
            ))
            .fix(on_renode(*forced)),
            Self::NoRenode => reason(format!(
                "{shown}: Renode cannot run this target, because it has no `platform` (or `script`) and `uart`"
            ))
            .fix("add both, or run it on another engine"),
            Self::NoSerial => reason(format!(
                "{shown}: no physical board can run this target, because it has no `serial` section"
            ))
            .fix("add `serial: {port: …}`"),
        }
    }
}

fn tried_in(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(dir) if path.is_relative() => format!(" in the current directory `{}`", dir.display()),
        _ => String::new(),
    }
}

/// Returns how a target that QEMU cannot run is run on Renode.
fn on_renode(forced: bool) -> &'static str {
    match forced {
        true => "VTARGET_BACKEND=qemu keeps it from there, so unset that",
        false => "install Renode",
    }
}

/// An environment variable with a fixed set of values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EnvVariable {
    Artifacts,
    Backend,
    Coverage,
    Gdb,
    Live,
    MaxParallel,
    Reuse,
}

impl EnvVariable {
    /// Returns the variable's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Artifacts => "VTARGET_ARTIFACTS",
            Self::Backend => "VTARGET_BACKEND",
            Self::Coverage => "VTARGET_COVERAGE",
            Self::Gdb => "VTARGET_GDB",
            Self::Live => "VTARGET_LIVE",
            Self::MaxParallel => "VTARGET_MAX_PARALLEL",
            Self::Reuse => "VTARGET_REUSE",
        }
    }

    /// Describes the allowed values.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Artifacts => "always, failure or never",
            Self::Backend => "renode, qemu, serial or auto",
            Self::Coverage | Self::Gdb | Self::Live => "1 or 0",
            Self::MaxParallel => "a whole number from 1 on: how many emulators may run at once",
            Self::Reuse => "off, process or run",
        }
    }
}

//! The emulators that a subject can boot on: a real one, or the stand-in for Renode behind
//! launchers of several kinds. See [`EmulatorVariant`].

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A real or simulated emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmulatorVariant {
    Qemu,
    Renode,
    /// Renode with its monitor on a TCP port.
    RenodeOverTelnet,
    /// The stand-in, started by this script; `$FAKE` is the path of the stand-in.
    Fake(&'static str),
}

/// The stand-in behind a launcher that execs, one that does not, one with child
/// processes, and one that ignores SIGTERM.
pub const FAKES: [EmulatorVariant; 4] = [
    EmulatorVariant::Fake("exec \"$FAKE\" \"$@\""),
    EmulatorVariant::Fake("\"$FAKE\" \"$@\"; exit $?"),
    EmulatorVariant::Fake("sleep 600 & sh -c 'sleep 600 & wait' & exec \"$FAKE\" \"$@\""),
    EmulatorVariant::Fake("trap '' TERM; \"$FAKE\" \"$@\"; exit $?"),
];

impl EmulatorVariant {
    /// Returns the name of the engine that the crate sees.
    pub fn engine(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Renode | Self::Fake(_) => "renode",
            Self::RenodeOverTelnet => "renode-telnet",
        }
    }

    /// Returns the name for tables.
    pub fn name(self) -> String {
        match self {
            Self::Qemu => "QEMU".to_owned(),
            Self::Renode => "Renode".to_owned(),
            Self::RenodeOverTelnet => "Renode over telnet".to_owned(),
            Self::Fake(launcher) => format!("fake: {launcher}"),
        }
    }

    /// Makes `command` use this emulator; its launcher is written to `directory`.
    pub fn configure(self, command: &mut Command, directory: &Path) {
        if let Self::Fake(launcher) = self {
            let script = format!("FAKE='{}'\n{launcher}", program("fake-renode").display());
            command.env("VTARGET_RENODE", write_launcher(directory, &script));
        }
    }
}

/// Writes an executable script to `directory`.
pub fn write_launcher(directory: &Path, script: &str) -> PathBuf {
    let path = directory.join("launcher");
    let made = fs::write(&path, format!("#!/bin/sh\n{script}\n"))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    made.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    path
}

/// Returns a script that runs the stand-in for Renode with this cue.
pub fn fake_renode(cue: &str) -> String {
    let fake = program("fake-renode");
    format!("FAKE_RENODE='{cue}' exec '{}' \"$@\"", fake.display())
}

/// Returns the path of a program of this crate: in the directory of the running one, or one directory up.
pub fn program(name: &str) -> PathBuf {
    let ours = std::env::current_exe().expect("the name of this program");
    let places = ours.ancestors().skip(1).take(2);
    let mut candidates = places.map(|directory| directory.join(name));
    candidates.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "no {name} beside {}: cargo build -p engine-tests",
            ours.display()
        )
    })
}

//! How a supervised process is started: registered before it runs.
//!
//! A shell takes the process's place until the reaper knows it: it reads one
//! line from its standard input, then becomes the program. Should this process
//! die in between, the shell meets end-of-file and the program never runs.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::ProcessError;

/// Standard input, output and error of the gate are `$0`'s own, unless moved aside.
const GATE: &str = r#"read -r go && [ "$go" = go ] && exec "$0" "$@""#;

/// As `GATE`, with standard input and output handed to the program as
/// descriptors 3 and 4.
const GATE_ASIDE: &str =
    r#"read -r go && [ "$go" = go ] && exec "$0" "$@" 3<&0 4<&1 0</dev/null 1>&2"#;

/// A program to start, and the descriptors it gets.
///
/// Its standard input is `stdin`; what is to be written to it is written to `gate`,
/// the other end.
#[derive(Debug)]
pub(crate) struct SpawnSpec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// The whole environment of the program.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// The descriptor at whose other end `stdin` is.
    pub(crate) gate: OwnedFd,
    /// Hands `stdin` and `stdout` to the program as descriptors 3 and 4 instead.
    pub(crate) aside: bool,
}

/// A process that waits at its gate, in a group of its own.
pub(crate) struct SpawnGate {
    pub(crate) child: Child,
    pub(crate) gate: Gate,
}

/// The closed gate of a process; dropping it ends the process.
pub(crate) struct Gate {
    program: PathBuf,
    end: File,
}

impl SpawnGate {
    pub(crate) fn spawn(launch: SpawnSpec) -> Result<Self, ProcessError> {
        let script = if launch.aside { GATE_ASIDE } else { GATE };
        let mut shell = Command::new("/bin/sh");
        // Where this process is has been removed; Renode would not start there.
        if std::env::current_dir().is_err() {
            shell.current_dir("/");
        }
        let child = shell
            .args(["-c", script])
            .arg(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(launch.env)
            .stdin(Stdio::from(launch.stdin))
            .stdout(Stdio::from(launch.stdout))
            .stderr(Stdio::from(launch.stderr))
            .process_group(0)
            .spawn();
        let program = launch.program;
        match child {
            Ok(child) => Ok(Self {
                child,
                gate: Gate {
                    program,
                    end: launch.gate.into(),
                },
            }),
            Err(source) => Err(ProcessError::Spawn { program, source }),
        }
    }
}

impl Gate {
    /// The shell becomes the program.
    pub(crate) fn open(self) -> Result<(), ProcessError> {
        let Self { program, mut end } = self;
        end.write_all(b"go\n")
            .map_err(|source| ProcessError::Spawn { program, source })
    }
}

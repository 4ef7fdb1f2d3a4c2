//! [`SpawnSpec`]: a program to start. [`SpawnGate`]: its process, which is registered with the
//! reaper before the program runs.
//!
//! The process is first a shell that reads one line from its standard input and then becomes the
//! program. If this process dies before the line is sent, the shell reads end-of-file and the
//! program never runs.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::ProcessError;

/// The shell script of a gate. The program `$0` inherits standard input, output and error.
const GATE: &str = r#"read -r go && [ "$go" = go ] && exec "$0" "$@""#;

/// As `GATE`, but the program gets the standard input and output as descriptors 3 and 4.
const GATE_ASIDE: &str =
    r#"read -r go && [ "$go" = go ] && exec "$0" "$@" 3<&0 4<&1 0</dev/null 1>&2"#;

/// A program to start, and its descriptors.
///
/// Its standard input is `stdin`; `gate` is the other end of `stdin`, for the writer.
#[derive(Debug)]
pub(crate) struct SpawnSpec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// The whole environment of the program.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// The other end of `stdin`, to which the gate's line is written.
    pub(crate) gate: OwnedFd,
    /// True if the program gets `stdin` and `stdout` as descriptors 3 and 4 instead of 0 and 1.
    pub(crate) aside: bool,
}

/// A process that waits at its gate, in a process group of its own.
pub(crate) struct SpawnGate {
    pub(crate) child: Child,
    pub(crate) gate: Gate,
}

/// The closed gate of a process. Dropping it ends the process without running the program.
pub(crate) struct Gate {
    program: PathBuf,
    end: File,
}

impl SpawnGate {
    pub(crate) fn spawn(launch: SpawnSpec) -> Result<Self, ProcessError> {
        let script = if launch.aside { GATE_ASIDE } else { GATE };
        let mut shell = Command::new("/bin/sh");
        // The current directory has been removed; Renode would not start there.
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
    /// Opens the gate: the shell becomes the program.
    pub(crate) fn open(self) -> Result<(), ProcessError> {
        let Self { program, mut end } = self;
        end.write_all(b"go\n")
            .map_err(|source| ProcessError::Spawn { program, source })
    }
}

//! [`SpawnSpec`]: a program to start. [`SpawnGate`]: its process, which is registered with the
//! reaper before the program runs.
//!
//! The process is first a shell that reads one line from its standard input and then becomes the
//! program. If this process dies before the line is sent, the shell reads end-of-file and the
//! program never runs.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};

use super::ProcessError;

/// The shell script of a gate. The program `$0` inherits all descriptors.
const GATE: &str = r#"read -r go && [ "$go" = go ] && exec "$0" "$@""#;

/// The number of the first of [`SpawnSpec::inherited`] in the program.
pub(crate) const FIRST_INHERITED: i32 = 3;

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
    /// Further descriptors of the program, counted from [`FIRST_INHERITED`].
    pub(crate) inherited: Vec<OwnedFd>,
    /// The program's current directory. Default: that of this process.
    pub(crate) directory: Option<PathBuf>,
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
        let mut shell = Command::new("/bin/sh");
        match launch.directory.filter(|it| it.is_dir()) {
            Some(directory) => {
                shell.current_dir(directory);
            }
            // The current directory has been removed; Renode would not start there.
            None if std::env::current_dir().is_err() => {
                shell.current_dir("/");
            }
            None => {}
        }
        let program = launch.program;
        // Without further descriptors the process is not forked, which takes longer.
        if !launch.inherited.is_empty()
            && let Err(collision) = shell.fd_mappings(numbered(launch.inherited))
        {
            let source = io::Error::other(collision);
            return Err(ProcessError::Spawn { program, source });
        }
        let child = shell
            .args(["-c", GATE])
            .arg(&program)
            .args(&launch.args)
            .env_clear()
            .envs(launch.env)
            .stdin(Stdio::from(launch.stdin))
            .stdout(Stdio::from(launch.stdout))
            .stderr(Stdio::from(launch.stderr))
            .process_group(0)
            .spawn();
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

    /// Starts a process in another process's `group`, which does nothing behind its gate.
    pub(crate) fn join(group: i32) -> Result<Self, ProcessError> {
        let program = PathBuf::from("/bin/sh");
        let failed = |source| ProcessError::Spawn {
            program: program.clone(),
            source,
        };
        let (stdin, end) = std::io::pipe().map_err(failed)?;
        let child = Command::new(&program)
            .args(["-c", GATE, "true"])
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(group)
            .spawn()
            .map_err(failed)?;
        let end = OwnedFd::from(end).into();
        Ok(Self {
            child,
            gate: Gate { program, end },
        })
    }
}

fn numbered(descriptors: Vec<OwnedFd>) -> Vec<FdMapping> {
    let numbered = (FIRST_INHERITED..).zip(descriptors);
    let mapping = |(child_fd, parent_fd)| FdMapping {
        parent_fd,
        child_fd,
    };
    numbered.map(mapping).collect()
}

impl Gate {
    /// Returns the end of the pipe; closing it ends the process.
    pub(crate) fn into_end(self) -> OwnedFd {
        self.end.into()
    }

    /// Opens the gate: the shell becomes the program.
    pub(crate) fn open(self) -> Result<(), ProcessError> {
        let Self { program, mut end } = self;
        end.write_all(b"go\n")
            .map_err(|source| ProcessError::Spawn { program, source })
    }
}

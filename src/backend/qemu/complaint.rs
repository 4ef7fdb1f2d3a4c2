//! What QEMU ends for at once: a machine or a CPU that it does not know.
//!
//! Which ones it knows is asked only then.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::config::{QemuConfig, nearest};
use crate::process::{SpawnSpec, Supervisor};

/// How long QEMU may take to say what it knows, and how much.
const LIMIT: Duration = Duration::from_secs(5);
const LONGEST: u64 = 1 << 20;

/// Where the description names them.
pub(super) struct Places {
    pub(super) machine: String,
    pub(super) cpu: String,
}

/// What QEMU has complained about.
pub(super) enum About<'a> {
    Machine(&'a str),
    Cpu(&'a str, &'a str),
}

impl<'a> About<'a> {
    /// What the `output` of one that has ended at once is about, if it is one of these.
    pub(super) fn of(output: &str, config: &'a QemuConfig) -> Option<Self> {
        let says = |words: [&str; 2]| words.iter().any(|word| output.contains(word));
        match &config.cpu {
            _ if says(["unsupported machine", "machine type"]) => {
                Some(Self::Machine(&config.machine))
            }
            Some(cpu) if says(["CPU model", "CPU type"]) => Some(Self::Cpu(&config.machine, cpu)),
            _ => None,
        }
    }

    /// Where it is named, and what may be meant.
    pub(super) async fn place(
        &self,
        places: &Places,
        program: &Path,
        supervisor: &Supervisor,
    ) -> String {
        let (place, name, question) = match *self {
            Self::Machine(name) => (&places.machine, name, vec!["-M", "help"]),
            Self::Cpu(machine, name) => (&places.cpu, name, vec!["-M", machine, "-cpu", "help"]),
        };
        let known = answer(program, &question, supervisor)
            .await
            .unwrap_or_default();
        // A headline, then a name at the start of each line.
        let known = known.lines().skip(1);
        let known: Vec<&str> = known
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        match nearest(name, &known) {
            Some(meant) => format!("{place}: {name:?} (did you mean `{meant}`?)"),
            None => format!("{place}: {name:?}"),
        }
    }
}

/// What `program` says to a question; it is ended with the attempt to start the board.
async fn answer(program: &Path, question: &[&str], supervisor: &Supervisor) -> Option<String> {
    let (stdin, gate) = std::io::pipe().ok()?;
    let (output, stdout) = std::io::pipe().ok()?;
    let launch = SpawnSpec {
        program: program.to_owned(),
        args: question.iter().map(Into::into).collect(),
        env: std::env::vars_os().collect(),
        gate: gate.into(),
        stdin: stdin.into(),
        stderr: stdout.try_clone().ok()?.into(),
        stdout: stdout.into(),
        aside: false,
    };
    let process = supervisor.spawn(launch).ok()?;
    let output = pipe::Receiver::from_owned_fd(output.into()).ok()?;
    let mut text = Vec::new();
    let read = output.take(LONGEST);
    let read = tokio::time::timeout(LIMIT, async { { read }.read_to_end(&mut text).await }).await;
    process.kill();
    read.ok()?.ok()?;
    String::from_utf8(text).ok()
}

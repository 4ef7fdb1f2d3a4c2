//! A running Renode: its process, its monitor, its private directory.
//!
//! Sends commands and says what it means when one is not done. Knows nothing of
//! which commands make a board.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::task::JoinSet;

use super::command::{Command, NotPlain, PlainPath};
use super::dialogue::{Answer, Refusal};
use super::last_words::LastWords;
use super::log_file::LogFile;
use super::monitor::{Greeting, Monitor, MonitorError, Reply};
use super::{KIND, command_line, halt, program};
use crate::backend::emulator::Emulator;
use crate::backend::{EmulatorDeath, EmulatorError, OutputTail};
use crate::custody::{Custody, Launch, PrivateDir};
use crate::uart::Ports;

const STARTING: &str = "starting Renode";

/// What is written down of one Renode after the other.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// What it said.
    pub(super) output: OutputTail,
    /// Its monitor's commands and answers.
    pub(super) dialogue: OutputTail,
    /// Its own log.
    pub(super) log: LogFile,
}

/// A Renode process and the way to it.
pub(super) struct Session {
    program: PathBuf,
    emulator: Emulator,
    monitor: Monitor,
    private: Arc<PrivateDir>,
    output: OutputTail,
    /// Tells of halted processors as long as it is there.
    halts: JoinSet<()>,
    /// The time each command has, and Renode to become ready.
    limit: Duration,
}

impl Session {
    /// Starts `program`; what it says of itself comes when it is ready.
    pub(super) fn start(
        program: &Path,
        custody: &Custody,
        ports: Ports,
        logs: &Logs,
        limit: Duration,
    ) -> Result<(Self, Greeting), EmulatorError> {
        let io = |source| EmulatorError::Io {
            step: STARTING,
            source,
        };
        let private = custody.private_dir()?;
        let (stdin, to_renode) = std::io::pipe().map_err(io)?;
        let (from_renode, stdout) = std::io::pipe().map_err(io)?;
        let (errors, stderr) = std::io::pipe().map_err(io)?;
        let launch = Launch {
            program: program.to_owned(),
            args: command_line::arguments(),
            env: command_line::environment(private.path(), std::env::vars_os()),
            gate: to_renode.try_clone().map_err(io)?.into(),
            stdin: stdin.into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
            aside: false,
        };
        let to_renode = pipe::Sender::from_owned_fd(to_renode.into()).map_err(io)?;
        let from_renode = pipe::Receiver::from_owned_fd(from_renode.into()).map_err(io)?;
        let errors = pipe::Receiver::from_owned_fd(errors.into()).map_err(io)?;

        let output = logs.output.clone();
        output.clear();
        logs.dialogue.clear();
        logs.log.clear();
        let errors = LastWords::new(output.clone()).drain(errors);
        // Nothing is written before the process has passed its gate.
        let words = LastWords::new(output.clone());
        let (monitor, greeting, reading) =
            Monitor::new(from_renode, to_renode, words, logs.dialogue.clone());
        let (log, path, written) = (logs.log.clone(), log_file(private.path()), output.clone());
        let drained = async move {
            tokio::join!(reading, errors);
            log.hold(&path);
            append_log(&log.text(), &written);
        };
        let emulator = Emulator::start(KIND, custody, launch, output.clone(), drained, ports)?;
        let session = Self {
            program: program.to_owned(),
            emulator,
            monitor,
            private,
            output,
            halts: JoinSet::new(),
            limit,
        };
        Ok((session, greeting))
    }

    /// Waits until Renode is ready; its version.
    pub(super) async fn greeted(&self, greeting: Greeting) -> Result<String, EmulatorError> {
        let greeting = self.unless_dead(STARTING, tokio::time::timeout(self.limit, greeting));
        let banner = match greeting.await? {
            Ok(Ok(banner)) => banner,
            Ok(Err(_)) => return Err(self.hung_up(STARTING).await),
            Err(_) if self.output.text().is_empty() => {
                return Err(EmulatorError::TooSlow {
                    kind: KIND,
                    step: STARTING,
                    limit: self.limit,
                    field: "command",
                });
            }
            Err(_) => self.output.text(),
        };
        let Some(version) = program::version(&banner) else {
            return Err(self.nonsense(STARTING, banner));
        };
        if program::too_old(&version) {
            return Err(EmulatorError::TooOld {
                kind: KIND,
                version,
                program: self.program.clone(),
                advice: "use 1.14 or newer (scripts/install-renode installs one)",
            });
        }
        Ok(version)
    }

    /// Has every wait on `ports` fail at once if a processor comes to a halt from now on.
    pub(super) fn watch_processors(&mut self, ports: Ports) {
        match halt::follow(&self.log_file(), move |halt| ports.halted(halt)) {
            Ok(following) => drop(self.halts.spawn(following)),
            Err(error) => tracing::warn!(
                %error,
                "cannot follow Renode's log: a processor that halts will be noticed only by a wait's time limit"
            ),
        }
    }

    /// Has `command` done.
    pub(super) async fn run(
        &self,
        step: &'static str,
        command: &Command,
    ) -> Result<Answer, EmulatorError> {
        self.settle(step, command, self.monitor.send(command)).await
    }

    /// Has all `commands` done, sent at once; the first failure counts, else the last answer.
    pub(super) async fn run_all(
        &self,
        step: &'static str,
        commands: &[Command],
    ) -> Result<Answer, EmulatorError> {
        let replies: Vec<Reply> = commands.iter().map(|it| self.monitor.send(it)).collect();
        let mut last = Answer::default();
        for (command, reply) in commands.iter().zip(replies) {
            last = self.settle(step, command, reply).await?;
        }
        Ok(last)
    }

    /// As [`run`](Self::run), for a command whose complaints mean that it was not done.
    pub(super) async fn run_strictly(
        &self,
        step: &'static str,
        command: &Command,
    ) -> Result<(), EmulatorError> {
        let answer = self.run(step, command).await?;
        if answer.warnings.is_empty() {
            return Ok(());
        }
        Err(refused(command, answer.warnings.join("\n")))
    }

    /// As [`run`](Self::run), for a command that Renode may take for a comment.
    pub(super) async fn run_leniently(
        &self,
        step: &'static str,
        command: &Command,
    ) -> Result<(), EmulatorError> {
        let reply = self.monitor.send(command).within(self.limit);
        match self.unless_dead(step, reply).await? {
            Err(MonitorError::Refused(Refusal::Ignored)) => {
                tracing::warn!("Renode took `{}` for a comment", command.as_str());
                Ok(())
            }
            answer => self.judge(step, command, answer).await.map(drop),
        }
    }

    /// Sends `command` and does not wait: should it fail after all, Renode is
    /// ended, with the reason as its last words.
    pub(super) fn run_ahead(&self, command: &Command) {
        let reply = self.monitor.send(command).within(self.limit);
        let (process, output) = (self.emulator.process(), self.output.clone());
        let command = command.as_str().to_owned();
        tokio::spawn(async move {
            let reason = match reply.await {
                Ok(_) | Err(MonitorError::Closed) => return,
                Err(MonitorError::Refused(refusal)) => reason(refusal),
                Err(MonitorError::Late { .. }) => "it never came back".to_owned(),
            };
            output.push(format!("`{command}` failed: {reason}\n").as_bytes());
            process.kill();
        });
    }

    async fn settle(
        &self,
        step: &'static str,
        command: &Command,
        reply: Reply,
    ) -> Result<Answer, EmulatorError> {
        let answer = self.unless_dead(step, reply.within(self.limit)).await?;
        self.judge(step, command, answer).await
    }

    /// What it means that `command` was not done.
    async fn judge(
        &self,
        step: &'static str,
        command: &Command,
        answer: Result<Answer, MonitorError>,
    ) -> Result<Answer, EmulatorError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(MonitorError::Refused(Refusal::Garbled(got))) => Err(self.nonsense(step, got)),
            Err(MonitorError::Refused(refusal)) => Err(refused(command, reason(refusal))),
            Err(MonitorError::Late { busy_with }) => Err(EmulatorError::Unanswered {
                kind: KIND,
                command: command.as_str().to_owned(),
                busy_with,
                limit: self.limit,
            }),
            Err(MonitorError::Closed) => Err(self.hung_up(step).await),
        }
    }

    /// Waits for `answer`, but not beyond Renode's death.
    async fn unless_dead<T>(
        &self,
        step: &'static str,
        answer: impl Future<Output = T>,
    ) -> Result<T, EmulatorError> {
        tokio::select! {
            biased;
            answer = answer => Ok(answer),
            death = self.emulator.death(step) => Err(death),
        }
    }

    /// The console has ended: because Renode has, as a rule.
    async fn hung_up(&self, step: &'static str) -> EmulatorError {
        if let Some(got) = self.monitor.nonsense() {
            return self.nonsense(step, got);
        }
        match tokio::time::timeout(self.limit, self.emulator.death(step)).await {
            Ok(death) => death,
            Err(_) => self.nonsense(step, "the end of its output, though it runs".to_owned()),
        }
    }

    fn nonsense(&self, step: &'static str, got: String) -> EmulatorError {
        EmulatorError::Protocol {
            kind: KIND,
            step,
            got,
            program: self.program.clone(),
        }
    }

    pub(super) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// The directory that only this process of Renode and we use.
    pub(super) fn directory(&self) -> &Path {
        self.private.path()
    }

    /// Where Renode writes its log.
    pub(super) fn log_file(&self) -> PathBuf {
        log_file(self.directory())
    }

    /// How Renode ended, if it has ended by itself.
    pub(super) fn ended(&self) -> Option<Arc<EmulatorDeath>> {
        self.emulator.ended()
    }

    /// Ends Renode; returns when it is gone, with its directory.
    pub(super) async fn end(self) {
        self.emulator.end().await;
        self.private.remove();
    }
}

fn log_file(private: &Path) -> PathBuf {
    private.join("renode.log")
}

/// Adds the end of Renode's log to its last words.
fn append_log(log: &str, output: &OutputTail) {
    const LINES: usize = 10;
    let lines: Vec<&str> = log.trim_end().lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    if !last.is_empty() {
        output.push(format!("the end of its log:\n{}\n", last.join("\n")).as_bytes());
    }
}

fn refused(command: &Command, reason: String) -> EmulatorError {
    EmulatorError::Refused {
        kind: KIND,
        command: command.as_str().to_owned(),
        reason,
    }
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Refused(reason) => reason,
        Refusal::Ignored => "it took it for a comment or for part of an unfinished text".to_owned(),
        Refusal::Garbled(got) => format!("it read {got:?}"),
    }
}

impl From<NotPlain> for EmulatorError {
    fn from(not_plain: NotPlain) -> Self {
        Self::Unsupported {
            kind: KIND,
            what: not_plain.to_string(),
            advice: "use plain ASCII names (for a path, set TMPDIR to a directory that has one)",
        }
    }
}

/// A path that may be part of a command.
pub(super) fn plain(path: &Path) -> Result<PlainPath, EmulatorError> {
    Ok(PlainPath::new(path)?)
}

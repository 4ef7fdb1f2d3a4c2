//! A running Renode: its process, its monitor, its private directory.
//!
//! A [`Session`] sends commands, and turns each failure into an error that names the step.
//! Its callers choose the commands.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, Weak};
use std::time::Duration;

use tokio::net::unix::pipe;

use super::board_drivers::{BoardDrivers, Fail};
use super::context::KIND;
use super::launch::cache::Kept;
use super::launch::command_line;
use super::launch::environment::{Decided, environment};
use super::launch::log_end::{self, LogEnd};
use super::launch::logs::{Logs, append_log};
use super::launch::unpacked_files::Unpacked;
use super::launch::version::{TRIED_ARE, Version};
use super::monitor::client::{Monitor, MonitorError, Reply};
use super::monitor::command::MonitorCommand;
use super::monitor::output_filter::OutputFilter;
use super::monitor::plain::PlainPath;
use super::monitor::protocol::{Answer, Protocol, Refusal};
use super::monitor::tcp;
use super::monitor::transport::{Arrival, Joining, Link};
use super::time::Script;
use super::time::input::Input;
use super::time::lockstep::LockstepHandle;
use crate::backend::emulator::{Emulator, EndedFor};
use crate::backend::error::{ExitReason, RefusalReason, Unexpected, Unreached};
use crate::backend::{EmulatorError, EmulatorErrorKind, EmulatorExit, OutputTail};
use crate::config::{ClockKind, Control, TargetConfig};
use crate::notice::{PATIENCE, aloud};
use crate::process::{
    Adopted, KeptProgram, PrivateDir, Process, Run, SpawnSpec, Streams, Supervisor,
};
use crate::runtime::VirtualClock;
use crate::sync::lock;
use crate::uart::Ports;

const STARTING: &str = "starting Renode";
const OPENING: &str = "opening the port of Renode's monitor";

/// The arguments of [`Session::start`].
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) kept: &'a Kept,
    /// Set if its downloads can be expected to succeed.
    pub(crate) downloads_may_succeed: bool,
    /// The description of its first board.
    pub(crate) config: &'a TargetConfig,
    /// The run in which it may have other boards.
    pub(crate) run: Option<&'a Run>,
}

/// A Renode process and our ends of its standard streams.
struct Running {
    program: PathBuf,
    process: Arc<Process>,
    private: Arc<PrivateDir>,
    streams: Streams,
}

/// A Renode process and its monitor.
pub(crate) struct Session {
    program: PathBuf,
    emulator: Emulator,
    monitor: Monitor,
    private: Arc<PrivateDir>,
    ended_for: EndedFor,
    /// Kills Renode because a driver of its board has failed.
    fail: Fail,
    logs: Logs,
    /// The drivers of the board that it runs.
    board: BoardDrivers,
    /// Knows how far the log of the present board has been read.
    log_end: LogEnd,
    /// What is left to read when it exits.
    last_words: Arc<Mutex<LastWords>>,
    /// The number of boards that it has run, with the present one.
    boards: u32,
    /// The output of the monitor.
    monitor_output: OutputTail,
    /// The time limit of its start, and of each command.
    limit: Duration,
    _counted: Counted,
}

/// Counts the sessions of this process.
struct Counted;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

impl Counted {
    fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is left to read of a board whose Renode exits.
#[derive(Default)]
struct LastWords {
    lockstep: Option<LockstepHandle>,
    log_file: PathBuf,
}

impl Session {
    /// Starts a Renode, which is ready once [`greeted`](Self::greeted) has returned.
    pub(crate) fn start(
        start: Start<'_>,
        supervisor: &Supervisor,
    ) -> Result<(Self, Arrival), EmulatorError> {
        let Start {
            program,
            kept,
            config,
            ..
        } = start;
        let (control, limit) = (config.control, config.timeouts.command);
        let is_virtual = config.clock == ClockKind::Virtual;
        let monitor_port = match control {
            Control::Console => None,
            Control::Telnet { port: Some(port) } => Some(port),
            Control::Telnet { port: None } => Some(tcp::free().map_err(io)?),
        };
        let of_process = |source| EmulatorError::process(KIND, source);
        let private = match start.run {
            Some(run) => supervisor.kept_dir(run).map_err(of_process)?,
            None => supervisor.private_dir().map_err(of_process)?,
        };
        if let Some(Err(error)) = kept.downloads.as_ref().map(|it| it.share(private.path())) {
            tracing::debug!(%error, "Renode cannot use what was downloaded before");
        }
        let decided = Decided {
            unpack_into: kept.unpacked.as_ref().map(Unpacked::directory),
            no_downloads: !start.downloads_may_succeed,
        };
        let args = command_line::arguments(monitor_port);
        let env = environment(private.path(), std::env::vars_os(), &decided);
        let program = program.to_owned();
        let (process, streams) = match start.run {
            Some(run) => {
                let kept = KeptProgram {
                    program: program.clone(),
                    args,
                    env,
                };
                supervisor
                    .spawn_kept(run, &private, kept)
                    .map_err(of_process)?
            }
            None => spawn(supervisor, program.clone(), args, env)?,
        };
        let running = Running {
            program,
            process,
            private,
            streams,
        };
        Self::over(
            running,
            monitor_port,
            Protocol::default(),
            1,
            is_virtual,
            limit,
        )
    }

    /// Returns the number of Renodes of this process.
    pub(crate) fn running() -> usize {
        RUNNING.load(Ordering::Relaxed)
    }

    /// Begins a board in a Renode of another process, after `earlier_boards`. `protocol` is the state
    /// in which the other process has left the dialogue.
    pub(crate) fn resume(
        program: &Path,
        adopted: Adopted,
        protocol: Protocol,
        earlier_boards: u32,
        is_virtual: bool,
        limit: Duration,
    ) -> Result<(Self, Arrival), EmulatorError> {
        let Adopted {
            process,
            directory,
            streams,
        } = adopted;
        let running = Running {
            program: program.to_owned(),
            process,
            private: directory,
            streams,
        };
        let boards = earlier_boards + 1;
        Self::over(running, None, protocol, boards, is_virtual, limit)
    }

    /// Returns the session of a process, for its board number `boards`.
    fn over(
        running: Running,
        monitor_port: Option<u16>,
        protocol: Protocol,
        boards: u32,
        is_virtual: bool,
        limit: Duration,
    ) -> Result<(Self, Arrival), EmulatorError> {
        let Running {
            program,
            process,
            private,
            streams,
        } = running;
        let to_renode = pipe::Sender::from_owned_fd(streams.stdin).map_err(io)?;
        let from_renode = pipe::Receiver::from_owned_fd(streams.stdout).map_err(io)?;
        let errors = pipe::Receiver::from_owned_fd(streams.stderr).map_err(io)?;
        let ended_for = EndedFor::default();
        let fail = failing(&ended_for, Arc::downgrade(&process));
        let board = BoardDrivers::make(private.path(), boards, is_virtual, Arc::clone(&fail));
        let board = board.map_err(io)?;
        let logs = Logs::default();
        logs.begin();
        let output = logs.output.clone();
        let errors = OutputFilter::new(output.clone()).drain(errors);
        let monitor_log = logs.monitor.clone();
        let link = match monitor_port {
            None => Link::over_console(protocol, from_renode, to_renode, &output, monitor_log),
            Some(port) => Link::over_tcp(port, from_renode, &output, monitor_log),
        };
        let Link {
            monitor,
            arrival,
            monitor_output,
            reading,
        } = link;
        // Over TCP the output contains the log.
        let log_in_output = monitor_port.is_some();
        let last_words: Arc<Mutex<LastWords>> = Arc::default();
        let (log, written, left) = (logs.log.clone(), output.clone(), Arc::clone(&last_words));
        let drained = async move {
            tokio::join!(reading, errors);
            let LastWords { lockstep, log_file } = std::mem::take(&mut *lock(&left));
            if let Some(lockstep) = lockstep {
                lockstep.exited().await;
            }
            log.hold(&log_file);
            if !log_in_output {
                append_log(&log.text(), &written);
            }
        };
        let why = Arc::clone(&ended_for);
        let emulator = Emulator::watch(KIND, process, output, drained, why);
        let session = Self {
            program,
            emulator,
            monitor,
            private,
            ended_for,
            fail,
            logs,
            board,
            log_end: LogEnd::default(),
            last_words,
            boards,
            monitor_output,
            limit,
            _counted: Counted::new(),
        };
        session.expect_log();
        Ok((session, arrival))
    }

    /// Begins another board, whose drivers are in a directory of its own. Renode has cleared the
    /// board before.
    pub(crate) fn begin_board(&mut self, is_virtual: bool) -> Result<(), EmulatorError> {
        self.boards += 1;
        let fail = Arc::clone(&self.fail);
        let made = BoardDrivers::make(self.private.path(), self.boards, is_virtual, fail);
        self.board = made.map_err(io)?;
        self.logs.begin();
        self.expect_log();
        Ok(())
    }

    /// Ends the scripts of the board, and the tasks that follow it.
    pub(crate) async fn end_board(&mut self) {
        self.set_ports(None);
        self.board.end().await;
    }

    /// Sets the time limit of each command.
    pub(crate) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    fn expect_log(&self) {
        *lock(&self.last_words) = LastWords {
            lockstep: None,
            log_file: self.log_file(),
        };
    }

    /// Sets the UARTs on which an exit of Renode is reported.
    pub(crate) fn set_ports(&self, ports: Option<Ports>) {
        self.emulator.set_ports(ports);
    }

    /// Lets the board's time be driven by `clock`, if it has a virtual one.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn set_clock(&mut self, clock: Option<&Arc<VirtualClock>>) {
        let Some(clock) = clock else { return };
        self.board.drive(clock, Arc::clone(&self.fail));
        lock(&self.last_words).lockstep = self.lockstep().cloned();
    }

    /// Waits until Renode is ready, and returns its version.
    pub(crate) async fn greeted(&self, arrival: Arrival) -> Result<Version, EmulatorError> {
        let over_tcp = arrival.joining.is_some();
        if let Some(joining) = arrival.joining {
            self.join(joining).await?;
        }
        let greeting = aloud(arrival.greeting, PATIENCE, || {
            format!("Renode has not shown its first prompt within {PATIENCE:?}")
        });
        let greeting = tokio::time::timeout(self.limit, greeting);
        let greeting = self.unless_exited(STARTING, greeting);
        let mut banner = match greeting.await? {
            Ok(Ok(banner)) => banner,
            Ok(Err(_)) => return Err(self.console_ended(STARTING).await),
            Err(_) if self.monitor_output.is_empty() => return Err(self.too_slow(STARTING)),
            Err(_) => {
                let printed = self.monitor_output.text();
                let tried = TRIED_ARE;
                return Err(self.nonsense(STARTING, Unexpected::NoPrompt { printed, tried }));
            }
        };
        if over_tcp && Version::announced(&banner).is_none() {
            // The first client receives the banner, and may have been another process.
            banner = self.run(STARTING, &MonitorCommand::version()).await?.text;
        }
        let Some(version) = Version::announced(&banner) else {
            return Err(self.nonsense(STARTING, Unexpected::Text(banner)));
        };
        if version.is_too_old() {
            return Err(failed(EmulatorErrorKind::TooOld {
                version: version.to_string(),
                program: self.program.clone(),
            }));
        }
        if !version.was_tried() {
            static WARNED: Once = Once::new();
            WARNED.call_once(|| tracing::warn!("this is Renode {version}; tried were {TRIED_ARE}"));
        }
        Ok(version)
    }

    /// Runs `task` until this session is dropped.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.board.spawn(task);
    }

    /// Connects to the monitor, and passes the connection to its client.
    async fn join(&self, joining: Joining) -> Result<(), EmulatorError> {
        let port = joining.port;
        self.try_join(joining).await.map_err(|error| {
            let was_chosen = false;
            match error.kind() {
                EmulatorErrorKind::Exited { exit, .. } if tcp::was_taken(&exit.output) => {
                    failed(EmulatorErrorKind::PortTaken { port, was_chosen })
                }
                _ => error,
            }
        })
    }

    async fn try_join(&self, joining: Joining) -> Result<(), EmulatorError> {
        let Joining {
            port,
            mut log,
            stream,
        } = joining;
        let open = tokio::time::timeout(self.limit, tcp::open(&mut log, port));
        match self.unless_exited(OPENING, open).await? {
            Ok(Ok(())) => {}
            Ok(Err(tcp::Ended)) => return Err(self.console_ended(OPENING).await),
            Err(_) => return Err(self.too_slow(OPENING)),
        }
        let unreachable = |why| failed(EmulatorErrorKind::Unreachable { port, why });
        let join = tokio::time::timeout(self.limit, tcp::join(&mut log, port));
        match self.unless_exited(STARTING, join).await? {
            Ok(Ok(Ok(joined))) => {
                // The client lives as long as this session.
                let _ = stream.send(joined);
                Ok(())
            }
            Ok(Ok(Err(tcp::Ended))) => Err(self.console_ended(STARTING).await),
            Ok(Err(error)) => Err(unreachable(Unreached::Io(error))),
            Err(_) => Err(unreachable(Unreached::Silent { limit: self.limit })),
        }
    }

    pub(crate) fn too_slow(&self, step: &'static str) -> EmulatorError {
        EmulatorError::too_slow(KIND, step, self.limit)
    }

    /// Runs `command` and waits for its answer.
    pub(crate) async fn run(
        &self,
        step: &'static str,
        command: &MonitorCommand,
    ) -> Result<Answer, EmulatorError> {
        self.settle(step, command, self.monitor.send(command)).await
    }

    /// Sends all `commands` at once and waits for their answers; returns the first failure, else
    /// the last answer.
    pub(crate) async fn run_all(
        &self,
        step: &'static str,
        commands: &[MonitorCommand],
    ) -> Result<Answer, EmulatorError> {
        let replies: Vec<Reply> = commands.iter().map(|it| self.monitor.send(it)).collect();
        let mut last = Answer::default();
        for (command, reply) in commands.iter().zip(replies) {
            last = self.settle(step, command, reply).await?;
        }
        Ok(last)
    }

    /// Waits until Renode has done what another process has told it, or has failed to.
    pub(crate) async fn done_before(&self) -> Result<(), EmulatorError> {
        for reply in self.monitor.sent_before() {
            match self
                .unless_exited(STARTING, reply.within(self.limit))
                .await?
            {
                Ok(_) | Err(MonitorError::Refused(_)) => {}
                Err(MonitorError::Late { .. }) => return Err(self.too_slow(STARTING)),
                Err(MonitorError::Closed) => return Err(self.console_ended(STARTING).await),
            }
        }
        Ok(())
    }

    /// Runs a command as [`run`](Self::run) does; any complaint means that Renode did not do it.
    pub(crate) async fn run_strictly(
        &self,
        step: &'static str,
        command: &MonitorCommand,
    ) -> Result<(), EmulatorError> {
        let answer = self.run(step, command).await?;
        if answer.warnings.is_empty() {
            return Ok(());
        }
        Err(refused(
            command,
            RefusalReason::Refused(answer.warnings.join("\n")),
        ))
    }

    /// Runs a command as [`run`](Self::run) does; Renode may read it as a comment.
    pub(crate) async fn run_leniently(
        &self,
        step: &'static str,
        command: &MonitorCommand,
    ) -> Result<(), EmulatorError> {
        let reply = self.monitor.send(command).within(self.limit);
        match self.unless_exited(step, reply).await? {
            Err(MonitorError::Refused(Refusal::Ignored)) => {
                tracing::warn!("Renode took `{}` for a comment", command.as_str());
                Ok(())
            }
            answer => self.judge(step, command, answer).await.map(drop),
        }
    }

    /// Sends `command` without waiting. If the command fails, Renode is killed, and the failure
    /// is the reason of its exit.
    pub(crate) fn run_ahead(&self, command: &MonitorCommand) {
        let reply = self.monitor.send(command).within(self.limit);
        let (process, ended_for) = (self.emulator.process(), Arc::clone(&self.ended_for));
        let command = command.as_str().to_owned();
        tokio::spawn(async move {
            let why = match reply.await {
                Ok(_) | Err(MonitorError::Closed) => return,
                // The earlier command reports it.
                Err(MonitorError::Late { busy_with: Some(_) }) => return,
                Err(MonitorError::Refused(refusal)) => Some(refusal.into()),
                Err(MonitorError::Late { .. }) => None,
            };
            // The first reason counts.
            let _ = ended_for.set(ExitReason::Command { command, why });
            process.kill();
        });
    }

    async fn settle(
        &self,
        step: &'static str,
        command: &MonitorCommand,
        reply: Reply,
    ) -> Result<Answer, EmulatorError> {
        let answer = self.unless_exited(step, reply.within(self.limit)).await?;
        self.judge(step, command, answer).await
    }

    /// Turns the failure of `command` into an error.
    pub(crate) async fn judge(
        &self,
        step: &'static str,
        command: &MonitorCommand,
        answer: Result<Answer, MonitorError>,
    ) -> Result<Answer, EmulatorError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(MonitorError::Refused(Refusal::Garbled(got))) => {
                Err(self.nonsense(step, Unexpected::Text(got)))
            }
            Err(MonitorError::Refused(refusal)) => Err(refused(command, refusal.into())),
            Err(MonitorError::Late { busy_with }) => Err(failed(EmulatorErrorKind::Unanswered {
                command: command.as_str().to_owned(),
                busy_with,
                limit: self.limit,
            })),
            Err(MonitorError::Closed) => Err(self.console_ended(step).await),
        }
    }

    /// Waits for `answer` until Renode exits.
    async fn unless_exited<T>(
        &self,
        step: &'static str,
        answer: impl Future<Output = T>,
    ) -> Result<T, EmulatorError> {
        tokio::select! {
            biased;
            answer = answer => Ok(answer),
            exit = self.emulator.exit(step) => Err(exit),
        }
    }

    /// Returns the error of a console that has ended, usually because Renode has exited.
    async fn console_ended(&self, step: &'static str) -> EmulatorError {
        if let Some(got) = self.monitor.nonsense() {
            return self.nonsense(step, Unexpected::Text(got));
        }
        match tokio::time::timeout(self.limit, self.emulator.exit(step)).await {
            Ok(exit) => exit,
            Err(_) => self.nonsense(step, Unexpected::EndOfOutput),
        }
    }

    /// Returns the error of an answer that the protocol does not allow.
    pub(crate) fn nonsense(&self, step: &'static str, got: Unexpected) -> EmulatorError {
        failed(EmulatorErrorKind::Protocol {
            step,
            got,
            program: self.program.clone(),
        })
    }

    /// Returns the driver of a Renode with a virtual clock.
    pub(crate) fn lockstep(&self) -> Option<&LockstepHandle> {
        self.board.lockstep()
    }

    /// Returns the commands that include those of our scripts that this Renode does not have: what a
    /// script defines stays when a board is cleared.
    ///
    /// The file in the directory of the process tells that to the other processes of the run.
    pub(crate) fn include(
        &self,
        step: &'static str,
        scripts: &[Script],
    ) -> Result<Vec<MonitorCommand>, EmulatorError> {
        let mut commands = Vec::new();
        for Script { name, text } in scripts {
            let file = self.private.path().join(name);
            if std::fs::read(&file).is_ok_and(|present| present == text.as_bytes()) {
                continue;
            }
            let written = std::fs::write(&file, text);
            written.map_err(|source| EmulatorError::io(KIND, step, source))?;
            commands.push(MonitorCommand::include(&plain(&file)?));
        }
        Ok(commands)
    }

    /// Returns true if the board's clock is virtual.
    pub(crate) fn has_virtual_clock(&self) -> bool {
        self.board.has_virtual_clock()
    }

    /// Returns true if the script of the UARTs' input has been included.
    pub(crate) fn input_is_open(&self) -> bool {
        self.board.input_is_open
    }

    pub(crate) fn set_input_open(&mut self) {
        self.board.input_is_open = self.board.input().is_some();
    }

    /// Returns the input of its UARTs, if it runs in real time.
    pub(crate) fn input(&self) -> Option<&Input> {
        self.board.input()
    }

    /// Drops the bytes that were sent to these UARTs and have not arrived.
    pub(crate) async fn clear(
        &self,
        step: &'static str,
        uarts: Range<usize>,
    ) -> Result<(), EmulatorError> {
        if let Some(lockstep) = self.lockstep() {
            lockstep.clear(uarts.clone());
        }
        if let Some(input) = self.input() {
            let cleared = tokio::time::timeout(self.limit, input.clear(uarts));
            let cleared = self.unless_exited(step, cleared).await?;
            cleared.map_err(|_| self.too_slow(step))?;
        }
        Ok(())
    }

    /// Begins to read the log of the present board.
    pub(crate) fn begin_log(&mut self) -> LogEnd {
        self.log_end = LogEnd::default();
        self.log_end.clone()
    }

    /// Waits until the log of the present board has been read up to its end.
    pub(crate) async fn read_log(&self) {
        if self.ended().is_some() {
            return;
        }
        let read = async {
            let mark = MonitorCommand::log_message(log_end::MARK);
            let number = self.log_end.next();
            let logged = self.monitor.send(&mark).within(log_end::PATIENCE);
            if logged.await.is_ok() {
                self.log_end.reached(number).await;
            }
        };
        if tokio::time::timeout(log_end::PATIENCE, read).await.is_err() {
            tracing::warn!("the end of Renode's log was not read in time");
        }
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn process(&self) -> Arc<Process> {
        self.emulator.process()
    }

    /// Returns the private directory of this Renode process.
    pub(crate) fn private(&self) -> &Arc<PrivateDir> {
        &self.private
    }

    /// Returns the directory of the board, in that of the process.
    pub(crate) fn directory(&self) -> &Path {
        self.board.directory()
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Returns the number of boards that this Renode has run before the present one.
    pub(crate) fn earlier_boards(&self) -> u32 {
        self.boards - 1
    }

    /// Returns the path of Renode's log.
    pub(crate) fn log_file(&self) -> PathBuf {
        log_file_in(self.directory())
    }

    /// Returns the exit of Renode, if it has exited by itself.
    pub(crate) fn ended(&self) -> Option<Arc<EmulatorExit>> {
        self.emulator.ended()
    }

    /// Ends everything that reads Renode's output, so that another process can.
    pub(crate) fn stop_reading(&self) {
        self.emulator.stop_reading();
    }

    /// Kills Renode; returns once the process has ended and its directory is removed.
    pub(crate) async fn end(self) {
        self.emulator.end().await;
        self.private.remove();
    }
}

fn failing(ended_for: &EndedFor, process: Weak<Process>) -> Fail {
    let ended_for = Arc::clone(ended_for);
    Arc::new(move |task, why| {
        // The first reason counts.
        let _ = ended_for.set(ExitReason::Driver { task, why });
        if let Some(process) = process.upgrade() {
            process.kill();
        }
    })
}

/// Starts Renode with pipes as its standard streams.
fn spawn(
    supervisor: &Supervisor,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
) -> Result<(Arc<Process>, Streams), EmulatorError> {
    let (stdin, to_renode) = std::io::pipe().map_err(io)?;
    let (from_renode, stdout) = std::io::pipe().map_err(io)?;
    let (errors, stderr) = std::io::pipe().map_err(io)?;
    let launch = SpawnSpec {
        program,
        args,
        env,
        gate: to_renode.try_clone().map_err(io)?.into(),
        stdin: stdin.into(),
        stdout: stdout.into(),
        stderr: stderr.into(),
        inherited: Vec::new(),
        directory: None,
    };
    let streams = Streams {
        stdin: to_renode.into(),
        stdout: from_renode.into(),
        stderr: errors.into(),
    };
    let process = supervisor.spawn(launch);
    let process = process.map_err(|source| EmulatorError::process(KIND, source))?;
    Ok((process, streams))
}

fn io(source: std::io::Error) -> EmulatorError {
    EmulatorError::io(KIND, STARTING, source)
}

impl From<Refusal> for RefusalReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(reason) => Self::Refused(reason),
            Refusal::Ignored => Self::Ignored,
            Refusal::Garbled(got) => Self::Garbled(got),
        }
    }
}

fn failed(kind: EmulatorErrorKind) -> EmulatorError {
    EmulatorError::new(KIND, kind)
}

fn refused(command: &MonitorCommand, reason: RefusalReason) -> EmulatorError {
    failed(EmulatorErrorKind::Refused {
        command: command.as_str().to_owned(),
        reason,
    })
}

/// Returns the path of the log of the board in `directory`.
pub(crate) fn log_file_in(directory: &Path) -> PathBuf {
    directory.join("renode.log")
}

/// Makes a path that may be part of a command.
pub(crate) fn plain(path: &Path) -> Result<PlainPath, EmulatorError> {
    Ok(PlainPath::new(path)?)
}

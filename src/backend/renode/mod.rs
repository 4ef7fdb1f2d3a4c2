//! Renode as a backend: one process per power-on, driven over its monitor.
//!
//! [`Renode`] starts a [`Session`], whose [`Emulation`] has the board's machines. The monitor
//! uses the process's standard input and output: no port can be taken by another process,
//! nothing listens, and Renode exits when its input ends. The user may choose TCP instead. The
//! UARTs are pseudo-terminals whose other ends are opened before the board runs.
//!
//! Loading, reset, hot flash and a reset that the guest asks for all run Renode's `reset`
//! macro, which restores the firmware and the registers that the user's commands have set.
mod board_drivers;
mod context;
mod debugger;
mod inspect;
mod launch;
mod metrics;
mod monitor;
mod peripherals;
mod reuse;
mod session;
mod setup;
mod stop;
mod time;

use std::path::PathBuf;
use std::sync::Arc;

use super::{
    Backend, BoxFuture, EmulatorError, EmulatorErrorKind, EmulatorExit, EmulatorLog, Events,
    GivenBack, GuestAccess, Identity, Image, LogText, Metrics, Outcome, Place, Reached, Watched,
};
use crate::backend::error::{Unexpected, Unfinished};
use crate::config::{ConfigError, Control, Reuse, TargetConfig};
use crate::coverage::Recorder;
use crate::process::Supervisor;
use crate::runtime::{Clock, Hold, VirtualClock};
use crate::uart::Ports;
use context::KIND;
use launch::cache::Kept;
use launch::logs::CurrentLogs;
use monitor::command::MonitorCommand;
use monitor::protocol::Protocol;
use reuse::check::Portraits;
use reuse::give_back::Paused;
use reuse::key::Key;
use reuse::leave::LastBoard;
use reuse::pool::{Pool, Warm, pool};
use reuse::run::{Left, RunPool, run};
use reuse::{check, give_back};
use session::{Session, Start};
use setup::emulation::{Emulation, MAIN};
use setup::machine::Machine;
use setup::prepared_board::PreparedBoard;
use setup::restart::Memory;
use stop::Stop;
use time::guest_clock::GuestClock;
use tokio::task::JoinHandle;

pub(crate) use launch::program::find;
pub(crate) use launch::version::{Version, runtime_name};
pub(crate) use reuse::slot_of_a_parked_one;

/// The number of ports that are tried for a monitor: another process may take a free port
/// before Renode does.
const PORTS: usize = 3;

const TAKING_OVER: &str = "taking over a Renode";

/// A board that Renode emulates.
pub(crate) struct Renode {
    program: PathBuf,
    kept: Kept,
    identity: Identity,
    /// The version of the Renode that was started last.
    version: Option<Version>,
    /// The task that asks for the runtime; it may have ended.
    runtime_asked: Option<JoinHandle<()>>,
    supervisor: Arc<Supervisor>,
    emulation: Emulation,
    logs: CurrentLogs,
    session: Option<Session>,
    /// The length of the log at the last start of the firmware.
    log_before: u64,
    /// Set while the board is stopped to look into it.
    stop: Option<Stop>,
    /// What the board has done apart from its UARTs.
    events: Arc<Events>,
    /// Set once the script that reports it is in the running Renode.
    has_events: bool,
    /// The machine whose processor runs to a place.
    runs_until: Option<usize>,
    /// The machine and the port of the gdb server, while a debugger is attached.
    gdb_server: Option<(usize, u16)>,
    /// The key of a board whose Renode may run other boards.
    key: Option<Key>,
    /// The Renodes of the run, if its processes share them.
    run: Option<&'static RunPool>,
    /// What new boards of the present Renode looked like.
    portraits: Portraits,
    /// Set if the present Renode had run another board of the run a moment before.
    follows_closely: bool,
}

impl Renode {
    /// Creates the backend; `ports` has the UARTs of each machine.
    pub(crate) fn new(
        program: PathBuf,
        config: &TargetConfig,
        supervisor: Arc<Supervisor>,
        ports: &[Ports],
        clock: Option<Arc<VirtualClock>>,
        reuse: Reuse,
        recorder: Option<Arc<Recorder>>,
    ) -> Result<Self, ConfigError> {
        let run = match reuse {
            Reuse::Run => run(),
            _ => None,
        };
        let key = match reuse {
            Reuse::Off => None,
            Reuse::Run if run.is_none() => None,
            Reuse::Process | Reuse::Run => Key::of(&program, config),
        };
        let mut emulation = Emulation::new(config, ports, clock)?;
        emulation.recorder = recorder;
        Ok(Self {
            run: run.filter(|_| key.is_some()),
            portraits: Portraits::new(),
            follows_closely: false,
            key,
            identity: Identity::of(KIND, program.clone()),
            kept: Kept::of(&program),
            program,
            version: None,
            runtime_asked: None,
            supervisor,
            emulation,
            logs: CurrentLogs::default(),
            session: None,
            log_before: 0,
            stop: None,
            events: Arc::default(),
            has_events: false,
            runs_until: None,
            gdb_server: None,
        })
    }

    async fn start(&mut self, images: &[Option<Image>]) -> Result<(), EmulatorError> {
        let adopted = match self.run {
            Some(run) => self.adopt_in_run(run).await,
            None => self.adopt().await,
        };
        let prepared = match adopted {
            Some(prepared) => Some(prepared),
            None => {
                if let Some(pool) = pool() {
                    pool.end_those_without_slot();
                }
                if let (Some(run), Some(key)) = (self.run, &self.key) {
                    run.end_another(key);
                }
                let version = self.launch().await?;
                self.identity.set_version(Some(version.to_string()));
                self.version = Some(version);
                self.portraits.clear();
                self.follows_closely = false;
                self.prepare().await?
            }
        };
        let (Some(session), Some(version), Some(prepared)) =
            (&mut self.session, &self.version, prepared)
        else {
            return Ok(());
        };
        self.emulation
            .start(session, version, prepared, images)
            .await?;
        self.kept.downloads_of(session.private().path());
        if session.earlier_boards() > 0 {
            // It has the script of the input, and then starts without a pause.
            self.emulation.open_input(session)?;
        }
        self.emulation.run(session);
        self.emulation.open_input(session)?;
        self.identity.set_earlier_boards(session.earlier_boards());
        self.ask_runtime();
        Ok(())
    }

    /// Prepares the board in a Renode that has none. If other processes may get this Renode, the
    /// board must look as the first such board did.
    async fn prepare(&mut self) -> Result<Option<PreparedBoard>, EmulatorError> {
        let (Some(session), Some(version)) = (&self.session, &self.version) else {
            return Ok(None);
        };
        let prepared = self.emulation.prepare(session, version).await?;
        if let (Some(_), Some(key)) = (self.run, &self.key) {
            let portraits = &mut self.portraits;
            let difference = check::difference_in_run(session, &prepared, key, portraits);
            if let Some(why) = difference.await? {
                return Err(session.nonsense(TAKING_OVER, Unexpected::NotNew(why)));
            }
        }
        Ok(Some(prepared))
    }

    /// Takes a Renode that another process of the run has started, and prepares this board in it.
    async fn adopt_in_run(&mut self, run: &RunPool) -> Option<PreparedBoard> {
        let key = self.key.clone()?;
        while let Some(left) = run.take(&key, &self.supervisor).await {
            match self.resume(left, &key).await {
                Ok(prepared) => return prepared,
                Err(error) => self.give_up(&error),
            }
        }
        None
    }

    async fn resume(
        &mut self,
        left: Left,
        key: &Key,
    ) -> Result<Option<PreparedBoard>, EmulatorError> {
        let Left { adopted, notes, .. } = left;
        self.follows_closely = left.follows_closely;
        let limit = self.emulation.config.timeouts.command;
        let is_virtual = self.emulation.is_virtual();
        let version = notes.version();
        let next = notes.next.as_ref();
        let protocol = next.map_or_else(Protocol::default, |next| next.commands.protocol());
        let protocol = match version {
            Some(_) => protocol.resumed(),
            None => protocol,
        };
        let (program, boards) = (&self.program, notes.boards);
        let process = Arc::clone(&adopted.process);
        let resumed = Session::resume(program, adopted, protocol, boards, is_virtual, limit);
        let (session, arrival) = resumed.inspect_err(|_| process.kill())?;
        self.logs.set(session.logs().clone());
        let session = self.session.insert(session);
        let version = match version {
            Some(version) => version,
            None => session.greeted(arrival).await?,
        };
        self.identity.set_version(Some(version.to_string()));
        self.identity.set_runtime(notes.runtime);
        self.version = Some(version);
        self.portraits = notes.portraits;
        if next.is_some_and(|next| *next.board != *key.board) {
            session.done_before().await?;
            give_back::clear(session).await?;
            session.begin_board(is_virtual)?;
        }
        session.set_ports(Some(self.emulation.ports()));
        self.prepare().await
    }

    /// Ends a Renode that cannot be used again.
    fn give_up(&mut self, error: &EmulatorError) {
        // A fault of the description shows again in a new Renode.
        if let Some(session) = self.session.take() {
            give_back::give_up(session, &error.to_string());
        }
    }

    /// Takes a Renode that has run other boards, and prepares this one in it.
    async fn adopt(&mut self) -> Option<PreparedBoard> {
        let (key, pool) = (self.key.clone()?, pool()?);
        pool.start_ahead(&self.program, &self.emulation.config, &key);
        while let Some(warm) = pool.take(&key).await {
            match self.take_over(warm, &key, pool).await {
                Ok(prepared) => return Some(prepared),
                Err(error) => self.give_up(&error),
            }
        }
        None
    }

    async fn take_over(
        &mut self,
        warm: Warm,
        key: &Key,
        pool: &Pool,
    ) -> Result<PreparedBoard, EmulatorError> {
        let Warm {
            session,
            version,
            runtime,
            prepared,
            key: last,
        } = warm;
        self.identity.set_version(Some(version.to_string()));
        self.identity.set_runtime(runtime);
        let version = self.version.insert(version);
        let session = self.session.insert(session);
        let (process, directory) = (session.process(), session.private());
        if !pool
            .supervisor
            .hand_over(&process, directory, &self.supervisor)
        {
            return Err(session.nonsense(TAKING_OVER, Unexpected::End));
        }
        session.set_limit(self.emulation.config.timeouts.command);
        self.logs.set(session.logs().clone());
        let prepared = match prepared {
            Some(prepared) if last == *key => {
                if let Some(why) = check::has_run(session, &prepared).await? {
                    return Err(session.nonsense(TAKING_OVER, Unexpected::NotNew(why)));
                }
                Some(prepared)
            }
            Some(_) => {
                give_back::clear(session).await?;
                None
            }
            None => None,
        };
        session.set_ports(Some(self.emulation.ports()));
        if let Some(prepared) = prepared {
            return Ok(prepared);
        }
        session.begin_board(self.emulation.is_virtual())?;
        self.emulation.prepare(session, version).await
    }

    /// Starts Renode and returns its version. Starts it again if another process has taken the
    /// port that was chosen for it, or if its unpacked files were damaged.
    async fn launch(&mut self) -> Result<Version, EmulatorError> {
        let chosen = self.emulation.config.control == Control::Telnet { port: None };
        let downloads_may_succeed = launch::downloads::may_succeed().await;
        let mut attempt = 1;
        let mut unpacked_anew = false;
        loop {
            let start = Start {
                program: &self.program,
                kept: &self.kept,
                downloads_may_succeed,
                config: &self.emulation.config,
                run: self.run.map(|it| &it.run),
            };
            let (session, arrival) = Session::start(start, &self.supervisor)?;
            session.set_ports(Some(self.emulation.ports()));
            self.logs.set(session.logs().clone());
            let session = self.session.insert(session);
            let error = match session.greeted(arrival).await {
                Ok(version) => {
                    self.kept.has_started();
                    return Ok(version);
                }
                Err(error) => error,
            };
            match *error.kind() {
                EmulatorErrorKind::PortTaken { port, .. } if chosen && attempt < PORTS => {
                    tracing::warn!("port {port} was taken before Renode could have it");
                    attempt += 1;
                    self.power_off().await?;
                }
                EmulatorErrorKind::PortTaken { port, .. } if chosen => {
                    let was_chosen = true;
                    let kind = EmulatorErrorKind::PortTaken { port, was_chosen };
                    return Err(EmulatorError::new(KIND, kind));
                }
                EmulatorErrorKind::Exited { .. }
                    if !unpacked_anew && self.kept.remove_if_damaged() =>
                {
                    tracing::warn!("what Renode had unpacked was damaged, and is unpacked again");
                    unpacked_anew = true;
                    self.power_off().await?;
                }
                EmulatorErrorKind::Exited { step, ref exit } => {
                    let place = launch::unpacked_files::place(self.kept.unpacked.as_ref());
                    let exit = Arc::new(launch::exit_reason::explained(exit, place));
                    return Err(EmulatorError::exited(step, exit));
                }
                _ => {
                    self.kept.has_started();
                    return Err(error);
                }
            }
        }
    }

    /// Asks for Renode's runtime, after everything that a boot waits for.
    fn ask_runtime(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        if self.identity.engine().runtime.is_some() {
            return;
        }
        let reply = session.monitor().send(&MonitorCommand::runtime());
        let (limit, identity) = (
            self.emulation.config.timeouts.command,
            self.identity.clone(),
        );
        self.runtime_asked = Some(tokio::spawn(async move {
            // Without an answer only the version is known.
            let answer = reply.within(limit).await.ok();
            identity.set_runtime(answer.and_then(|it| launch::version::runtime(&it.text)));
        }));
    }

    /// Pauses a board with a virtual clock until the hold is dropped.
    async fn pause(&self) -> Result<Option<Hold>, EmulatorError> {
        match &self.session {
            Some(session) => self.emulation.pause(session).await,
            None => Ok(None),
        }
    }

    /// Pauses the guest, so that it does not run again before it is cleared; `None` if it does not
    /// pause soon.
    async fn pause_for_good(&self) -> Option<Option<Hold>> {
        let session = self.session.as_ref()?;
        if session.ended().is_some() {
            return None;
        }
        let paused = tokio::time::timeout(give_back::PATIENCE, async {
            if self.emulation.is_virtual() {
                return self.emulation.pause(session).await;
            }
            let pause = MonitorCommand::pause();
            session.run_strictly("pausing the board", &pause).await?;
            Ok(None)
        });
        paused.await.ok()?.ok()
    }

    fn guest_clock(&self, session: &Session) -> Arc<dyn Clock> {
        let monitor = session.monitor().clone();
        Arc::new(GuestClock::new(
            monitor,
            self.emulation.config.timeouts.command,
        ))
    }
}

impl Backend for Renode {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn identified(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(asked) = &mut self.runtime_asked {
                // Fails only if the task panicked; then the runtime stays unknown.
                let _ = asked.await;
            }
            self.runtime_asked = None;
        })
    }

    fn logs(&self) -> Vec<(&'static str, LogText)> {
        vec![
            (
                "emulator.log",
                self.logs.reader(|logs| logs.output.report()),
            ),
            (
                "monitor.log",
                self.logs.reader(|logs| logs.monitor.report()),
            ),
            ("renode.log", self.logs.reader(|logs| logs.log.text())),
            (
                "metrics.txt",
                self.logs.reader(|logs| logs.metrics.report()),
            ),
            ("events.txt", {
                let events = Arc::clone(&self.events);
                Box::new(move || events.report())
            }),
        ]
    }

    fn emulator_log(&self) -> Result<EmulatorLog, EmulatorError> {
        Ok(self.emulation.log.clone())
    }

    fn read_log(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(session) = &self.session {
                session.read_log().await;
            }
        })
    }

    fn accepts(&self, machine: usize, image: &Image) -> crate::Result<()> {
        let firmware = &image.firmware;
        let machine = &self.emulation.machines[machine].config;
        if let Some(architecture) = self.emulation.config.architecture() {
            firmware.check_architecture(architecture, &machine.name)?;
        }
        image.load_command(machine.load_command, KIND)?;
        Ok(firmware.check_load_address(machine.load_address)?)
    }

    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a> {
        Box::pin(self.start(images))
    }

    fn power_off(&mut self) -> Outcome<'_> {
        Box::pin(async {
            self.stop = None;
            self.log_before = 0;
            self.gdb_server = None;
            self.has_events = false;
            self.runs_until = None;
            if let Some(session) = self.session.take() {
                if self.emulation.guard_the_log() {
                    session.read_log().await;
                }
                session.end().await;
            }
            Ok(())
        })
    }

    fn give_back(&mut self) -> BoxFuture<'_, Option<GivenBack>> {
        Box::pin(async {
            let key = self.key.clone()?;
            let hold = self.pause_for_good().await?;
            if let Some(session) = &self.session
                && self.emulation.guard_the_log()
            {
                session.read_log().await;
            }
            let paused = Paused {
                session: self.session.take()?,
                version: self.version.take()?,
                runtime: self.identity.engine().runtime,
                key,
                hold,
                supervisor: Arc::clone(&self.supervisor),
            };
            Some(match self.run {
                Some(run) => {
                    let last = LastBoard {
                        config: self.emulation.config.clone(),
                        portraits: std::mem::take(&mut self.portraits),
                        followed_closely: self.follows_closely,
                    };
                    Box::new(move |slot| paused.leave(run, last, slot)) as GivenBack
                }
                None => {
                    let (pool, config) = (pool()?, self.emulation.config.clone());
                    Box::new(move |slot| paused.park(pool, config, slot))
                }
            })
        })
    }

    fn reload<'a>(&'a mut self, machine: usize, image: &'a Image) -> Outcome<'a> {
        Box::pin(async move {
            let _still = self.pause().await?;
            self.log_before = self.logs.get().log.length();
            let Some(session) = &self.session else {
                return Ok(());
            };
            let version = self.version.as_ref();
            self.emulation
                .replace(session, version, machine, image)
                .await
        })
    }

    fn reset(&mut self, machine: Option<usize>) -> Outcome<'_> {
        Box::pin(async move {
            let _still = self.pause().await?;
            self.log_before = self.logs.get().log.length();
            match &self.session {
                Some(session) => {
                    self.emulation
                        .restart(session, self.emulation.numbers(machine), Memory::Kept)
                        .await
                }
                None => Ok(()),
            }
        })
    }

    fn monitor<'a>(&'a mut self, command: &'a str) -> BoxFuture<'a, Result<String, EmulatorError>> {
        Box::pin(async move {
            let command = MonitorCommand::users(command)?;
            // It may leave anything behind.
            self.key = None;
            let _still = self.pause().await?;
            let Some(session) = &self.session else {
                return Ok(String::new());
            };
            let answer = session.run("doing a monitor command", &command).await;
            // The command may have selected another machine.
            let restored = match self.emulation.select_anyway(session, MAIN).await {
                Ok(()) => self.emulation.sync(session).await,
                error => error,
            };
            let answer = answer?;
            restored?;
            let complaints = answer.warnings.iter().map(String::as_str);
            let output: Vec<&str> = [answer.text.trim()].into_iter().chain(complaints).collect();
            Ok(output.join("\n").trim().to_owned())
        })
    }

    fn metrics(&mut self, machine: Option<usize>) -> BoxFuture<'_, Result<Metrics, EmulatorError>> {
        Box::pin(async move {
            let _still = self.pause().await?;
            let Some(session) = &self.session else {
                return Ok(Metrics::default());
            };
            let mut instructions = Vec::new();
            for number in self.emulation.numbers(machine) {
                let Machine {
                    config, processors, ..
                } = &self.emulation.machines[number];
                self.emulation.select(session, number).await?;
                for (processor, count) in metrics::instructions(session, processors).await? {
                    let name = match machine.is_none() && self.emulation.machines.len() > 1 {
                        true => format!("{}.{processor}", config.name),
                        false => processor,
                    };
                    instructions.push((name, count));
                }
            }
            self.emulation.select(session, MAIN).await?;
            let metrics = metrics::with_times(session, instructions).await?;
            let stored = &session.logs().metrics;
            stored.clear();
            stored.push(metrics.to_string().as_bytes());
            Ok(metrics)
        })
    }

    fn events(&self) -> Option<Arc<Events>> {
        Some(Arc::clone(&self.events))
    }

    fn led<'a>(
        &'a mut self,
        machine: usize,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Watched, EmulatorError>> {
        self.watch_led(machine, path)
    }

    fn set_button<'a>(&'a mut self, machine: usize, path: &'a str, pressed: bool) -> Outcome<'a> {
        self.press(machine, path, pressed)
    }

    fn pin<'a>(
        &'a mut self,
        machine: usize,
        port: &'a str,
        pin: u32,
    ) -> BoxFuture<'a, Result<Watched, EmulatorError>> {
        self.watch_pin(machine, port, pin)
    }

    fn set_pin<'a>(
        &'a mut self,
        machine: usize,
        port: &'a str,
        pin: u32,
        is_high: bool,
    ) -> Outcome<'a> {
        self.drive_pin(machine, port, pin, is_high)
    }

    fn run_until(
        &mut self,
        machine: usize,
        place: Place,
    ) -> BoxFuture<'_, Result<Reached, EmulatorError>> {
        self.begin_run_until(machine, place)
    }

    fn end_run_until(&mut self) -> BoxFuture<'_, ()> {
        self.finish_run_until()
    }

    fn guest_access(&mut self) -> Option<&mut dyn GuestAccess> {
        Some(self)
    }

    fn unfinished(&self) -> Option<Unfinished> {
        let monitor = self.session.as_ref()?.monitor();
        Some(match monitor.busy_with() {
            Some(command) => Unfinished::Command(command),
            None if !monitor.is_ready() => Unfinished::Prompt,
            None => return None,
        })
    }

    fn ended(&self) -> Option<Arc<EmulatorExit>> {
        self.session.as_ref()?.ended()
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        let session = self.session.as_ref()?;
        Some(self.guest_clock(session))
    }
}

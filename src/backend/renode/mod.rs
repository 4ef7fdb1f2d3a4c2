//! Renode as the engine: one process per power-on, driven over its monitor.
//!
//! The monitor travels over the process's standard input and output: there is no
//! port to race for, nothing listens, and Renode ends when its input does. On demand
//! it goes over TCP instead. The UARTs are pseudo-terminals whose other ends are taken
//! before the board runs.
//!
//! Loading, reset, hot flash and a reset that the guest asks for are one thing:
//! Renode's `reset` macro, which puts back the firmware, and the registers that the
//! user's commands have set.

mod launch;
mod metrics;
mod monitor;
mod setup;
mod time;

use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{
    Backend, BoxFuture, EmulatorDeath, EmulatorError, EngineKind, Identity, Image, LogText,
    Metrics, Outcome, qemu,
};
use crate::config::{
    ConfigError, Control, LoadCommand, MachineConfig, Platform, Switch, TargetConfig, UartHub,
    UartTransport,
};
use crate::firmware::{Contents, Entry, Firmware, Format};
use crate::process::Custody;
use crate::runtime::{Clock, Hold, VirtualClock};
use crate::uart::Ports;
use launch::cache::Kept;
use launch::session::{Logs, Session, Start, Watched, plain};
use launch::version::Version;
use monitor::command::{Command, Load, Name};
use setup::cpu::Processor;
use setup::endpoint::Terminal;
use setup::vectors::{Table, Vectors};
use time::guest_clock::GuestClock;
use tokio::task::JoinHandle;

pub(crate) use launch::program::find;

const KIND: EngineKind = EngineKind::Renode;

/// The number of the main machine.
const MAIN: usize = 0;

const SETTING_UP: &str = "setting up the board";
const SELECTING: &str = "selecting a machine";
const LOADING: &str = "loading the firmware";
const RESETTING: &str = "resetting the board";

/// What helps a processor that finds nothing to run.
const VECTORS: &str = "no vector table is where it starts: name its place in `extra_commands`, such as \
                       `sysbus.cpu VectorTableOffset 0x08000000`";

/// What helps one whose firmware a script has loaded.
const RESET_MACRO: &str = "a reset takes the firmware that the script has loaded from it: define a `reset` macro \
                           in the script that loads it again, such as `macro reset \"sysbus LoadELF $bin\"`";

/// How often a port is chosen for a monitor before it is given up: each was free, and
/// taken by somebody else before Renode came to it.
const PORTS: usize = 3;

/// How many bytes may have yet to arrive at the guest when a `send` is done: more than
/// any line that is typed, which takes no time so.
const AHEAD: u32 = 256;

/// The steps in which a virtual clock passes: longer ones cost less.
const QUANTUM: Duration = Duration::from_millis(10);

/// The same for several machines: none gets further ahead of another.
const QUANTUM_OF_SEVERAL: Duration = Duration::from_millis(1);

/// A board played by Renode.
pub(crate) struct Renode {
    program: PathBuf,
    kept: Kept,
    identity: Identity,
    /// The version of the Renode that was started last.
    version: Option<Version>,
    /// The question what it runs on, while it may be open.
    runtime_asked: Option<JoinHandle<()>>,
    config: TargetConfig,
    custody: Arc<Custody>,
    machines: Vec<Machine>,
    logs: Logs,
    /// The clock that stands still except while somebody waits, if it is that one.
    clock: Option<Arc<VirtualClock>>,
    session: Option<Session>,
}

/// One of the board's machines.
struct Machine {
    config: MachineConfig,
    ports: Ports,
    /// The first of them runs the firmware; known once the board is set up.
    processors: Vec<Processor>,
    /// It runs firmware of the harness's, which its `reset` macro loads.
    is_flashed: bool,
    /// The memories that a loss of power clears.
    volatile: Vec<Name>,
    /// Where its platform or script puts the vectors, if it was asked.
    own_vectors: Option<u64>,
}

impl Renode {
    /// `ports` are those of each machine.
    pub(crate) fn new(
        program: PathBuf,
        config: &TargetConfig,
        custody: Arc<Custody>,
        ports: &[Ports],
        clock: Option<Arc<VirtualClock>>,
    ) -> Result<Self, ConfigError> {
        let machines = config.machines()?.into_iter().zip(ports);
        let machine = |(config, ports): (MachineConfig, &Ports)| Machine {
            config,
            ports: ports.clone(),
            processors: Vec::new(),
            is_flashed: false,
            volatile: Vec::new(),
            own_vectors: None,
        };
        Ok(Self {
            identity: Identity::of(KIND, program.clone()),
            kept: Kept::of(&program),
            program,
            version: None,
            runtime_asked: None,
            config: config.clone(),
            custody,
            machines: machines.map(machine).collect(),
            logs: Logs::default(),
            clock,
            session: None,
        })
    }

    async fn start(&mut self, images: &[Option<Image>]) -> Result<(), EmulatorError> {
        let version = self.launch().await?;
        self.identity.set_version(Some(version.to_string()));
        self.version = Some(version);
        self.set_up().await?;
        self.extra_commands(images.iter().any(Option::is_some))
            .await?;
        if let Some(session) = &self.session {
            self.look(session).await?;
        }
        let machines = self.machines.iter().zip(images);
        let machines = machines.map(|(machine, image)| Watched {
            name: machine.config.name.clone(),
            ports: machine.ports.clone(),
            main: machine.processors.first().map(|it| it.name.clone()),
            advice: match machine.is_scripted() && image.is_none() {
                true => RESET_MACRO,
                false => VECTORS,
            },
        });
        let machines = machines.collect();
        if let Some(session) = &mut self.session {
            session.watch_processors(machines);
        }
        for (number, image) in images.iter().enumerate() {
            match image {
                Some(image) => self.load(number, image).await?,
                None => self.leave_unflashed(number).await?,
            }
        }
        if let Some(session) = &self.session {
            self.kept.downloads_of(session.directory());
            self.run(session);
        }
        self.open_input()?;
        self.ask_runtime();
        Ok(())
    }

    /// Includes the script that gives bytes to the UARTs, behind all that a boot waits for:
    /// it takes 0.2 s.
    fn open_input(&self) -> Result<(), EmulatorError> {
        let Some(session) = self.session.as_ref().filter(|it| it.input().is_some()) else {
            return Ok(());
        };
        let script = time::input::write_script(session.directory());
        let script = script.map_err(|source| EmulatorError::Io {
            step: "handing Renode the script that sends to its UARTs",
            source,
        })?;
        let mut commands = vec![
            Command::include(&plain(&script)?),
            Command::open_input(&plain(session.directory())?, AHEAD),
        ];
        let several = self.machines.len() > 1;
        for machine in &self.machines {
            if several {
                let name = Name::machine(&machine.config.name)?;
                commands.push(Command::select_machine(&name));
            }
            for uart in &machine.config.renode.uarts {
                let name = Name::peripheral(&uart.path)?;
                commands.push(Command::connect_input(&name, uart.byte_time()));
            }
        }
        commands.push(Command::read_input());
        if several {
            let main = Name::machine(&self.machines[MAIN].config.name)?;
            commands.push(Command::select_machine(&main));
        }
        for command in &commands {
            session.run_ahead(command);
        }
        Ok(())
    }

    /// The UARTs of all machines.
    fn ports(&self) -> Ports {
        Ports::all(self.machines.iter().map(|machine| &machine.ports))
    }

    /// Starts Renode; its version. Begins again where somebody else was quicker to take
    /// the port that was chosen for it.
    async fn launch(&mut self) -> Result<Version, EmulatorError> {
        let control = self.config.control;
        let chosen = control == Control::Telnet { port: None };
        let downloads_come = launch::downloads::may_come().await;
        let mut attempt = 1;
        let mut unpacked_anew = false;
        loop {
            let start = Start {
                program: &self.program,
                kept: &self.kept,
                downloads_come,
                control,
                limit: self.config.timeouts.command,
                clock: self.clock.as_ref(),
            };
            let started = Session::start(start, &self.custody, self.ports(), &self.logs);
            let (session, arrival) = started?;
            let session = self.session.insert(session);
            match session.greeted(arrival).await {
                Err(EmulatorError::PortTaken { port, .. }) if chosen && attempt < PORTS => {
                    tracing::warn!("port {port} was taken before Renode could have it");
                    attempt += 1;
                    self.power_off().await?;
                }
                Err(EmulatorError::PortTaken { kind, port, .. }) if chosen => {
                    return Err(EmulatorError::PortTaken {
                        kind,
                        port,
                        advice: "so it went with those chosen before: name one in `monitor_port`, \
                                 or use `control: console`, which needs none",
                    });
                }
                Err(EmulatorError::Died { .. })
                    if !unpacked_anew && self.kept.remove_if_damaged() =>
                {
                    tracing::warn!("what Renode had unpacked was damaged, and is unpacked again");
                    unpacked_anew = true;
                    self.power_off().await?;
                }
                Err(EmulatorError::Died { step, death }) => {
                    let place = launch::unpacked_files::place(self.kept.unpacked.as_ref());
                    let death = Arc::new(launch::exit_reason::explained(&death, &place));
                    return Err(EmulatorError::Died { step, death });
                }
                greeted => {
                    self.kept.has_started();
                    return greeted;
                }
            }
        }
    }

    /// Asks what Renode runs on, behind all that a boot waits for.
    fn ask_runtime(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        let reply = session.monitor().send(&Command::runtime());
        let (limit, identity) = (self.config.timeouts.command, self.identity.clone());
        self.runtime_asked = Some(tokio::spawn(async move {
            // Whoever wants to know gets the version alone if there is no answer.
            let answer = reply.within(limit).await.ok();
            identity.set_runtime(answer.and_then(|it| launch::version::runtime(&it.text)));
        }));
    }

    /// The machines, their UARTs and the lines between them, up to where the user's
    /// own commands come.
    async fn set_up(&mut self) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        if let Some(version) = &self.version {
            for machine in &self.machines {
                let checked = version.check_platform(&machine.config.renode.platform);
                let field = self.config.field_of(&machine.config.name, "platform");
                checked.map_err(in_field(&self.config, &field))?;
            }
        }
        let log_to = Command::log_to(&plain(&session.log_file())?);
        let made = session.run(SETTING_UP, &log_to).await;
        self.logs.log.hold(&session.log_file());
        made?;
        if session.stepping().is_some() {
            let include = Command::include(&plain(&time::lockstep::script(session.directory()))?);
            let open = Command::open_stepping(&plain(session.directory())?);
            session.run_all(SETTING_UP, &[include, open]).await?;
        }
        let mut terminals = 0..;
        for machine in &mut self.machines {
            machine.make(session, &self.config).await?;
            // Before any other command: one of the user's may let the board run.
            let uarts = machine.config.renode.uarts.iter();
            for ((uart, port), number) in uarts.zip(machine.ports.iter()).zip(&mut terminals) {
                let field = self.config.field_of(&machine.config.name, &uart.field());
                let name = Name::peripheral(&uart.path)?;
                if let Some(stepping) = session.stepping() {
                    let connect = Command::connect_stepping(&name, uart.byte_time());
                    let connected = connect_uart(session, &connect, &uart.path).await;
                    connected.map_err(in_field(&self.config, &field))?;
                    stepping.attach(port.attach_by_hand(uart.byte_time()));
                    continue;
                }
                let transport = self.config.uart_transport;
                let terminal = Terminal::create(session, number, transport).await?;
                let connect = Command::connect(&name, number);
                let connected = connect_uart(session, &connect, &uart.path).await;
                connected.map_err(in_field(&self.config, &field))?;
                let attached = port.attach_output(terminal.open().await?);
                let parcels = attached.map_err(|source| EmulatorError::Io {
                    step: "attaching the UART",
                    source,
                })?;
                if let Some(input) = session.input() {
                    input.attach(parcels);
                }
            }
            let peripherals = session.run(SETTING_UP, &Command::peripherals()).await?;
            machine.processors = setup::cpu::all(&peripherals.text)?;
            machine.volatile = setup::memory::volatile(&peripherals.text)?;
        }
        if session.stepping().is_some() {
            let quantum = match self.machines.len() {
                1 => QUANTUM,
                _ => QUANTUM_OF_SEVERAL,
            };
            let set = Command::virtual_time(quantum);
            session.run(SETTING_UP, &set).await?;
        }
        for UartHub { name, uarts, .. } in self.config.uart_hubs() {
            let hub = Name::hub(name)?;
            let connect = |uart: &Name| Command::connect_to_hub(uart, &hub);
            let connected = self.connect(session, Command::create_hub(&hub), uarts, connect);
            let field = format!("uart_hubs.{name}");
            connected.await.map_err(in_field(&self.config, &field))?;
        }
        for Switch {
            name, interfaces, ..
        } in self.config.switches()
        {
            let switch = Name::hub(name)?;
            let create = Command::create_switch(&switch);
            let connect = |interface: &Name| Command::connect_to_switch(interface, &switch);
            let connected = self.connect(session, create, interfaces, connect);
            let field = format!("switches.{name}");
            connected.await.map_err(in_field(&self.config, &field))?;
        }
        self.select(session, MAIN).await
    }

    /// Makes what is to be between machines, and connects its members to it.
    async fn connect(
        &self,
        session: &Session,
        create: Command,
        members: &[(usize, String)],
        connect: impl Fn(&Name) -> Command,
    ) -> Result<(), EmulatorError> {
        session.run(SETTING_UP, &create).await?;
        for (machine, path) in members {
            self.select(session, *machine).await?;
            let connect = connect(&Name::peripheral(path)?);
            session.run(SETTING_UP, &connect).await?;
        }
        Ok(())
    }

    /// Makes the machine of that number the one that commands are for. Between any two
    /// operations that is the main one.
    async fn select(&self, session: &Session, machine: usize) -> Result<(), EmulatorError> {
        if self.machines.len() == 1 {
            return Ok(());
        }
        self.select_anyway(session, machine).await
    }

    async fn select_anyway(&self, session: &Session, machine: usize) -> Result<(), EmulatorError> {
        let name = Name::machine(&self.machines[machine].config.name)?;
        let select = Command::select_machine(&name);
        session.run_strictly(SELECTING, &select).await
    }

    /// Lets the board run, or lets it run as soon as somebody waits. The guest runs before
    /// the command is done, which takes another 100 ms.
    fn run(&self, session: &Session) {
        match &self.clock {
            Some(clock) => clock.begin(),
            None => session.run_ahead(&Command::start()),
        }
    }

    /// Reads what a board with a virtual clock has said by the user's own commands, which
    /// may have let it run.
    async fn look(&self, session: &Session) -> Result<(), EmulatorError> {
        let Some(stepping) = session.stepping() else {
            return Ok(());
        };
        let looked = tokio::time::timeout(self.config.timeouts.command, stepping.look()).await;
        looked.map_err(|_| session.too_slow("reading the virtual clock"))
    }

    /// Has a board with a virtual clock stand still as long as the hold is there.
    async fn stand_still(&self) -> Result<Option<Hold>, EmulatorError> {
        let (Some(clock), Some(session)) = (&self.clock, &self.session) else {
            return Ok(None);
        };
        let hold = tokio::time::timeout(self.config.timeouts.command, clock.hold()).await;
        hold.map(Some)
            .map_err(|_| session.too_slow("stopping the virtual clock"))
    }

    fn guest_clock(&self, session: &Session) -> Arc<dyn Clock> {
        let monitor = session.monitor().clone();
        Arc::new(GuestClock::new(monitor, self.config.timeouts.command))
    }

    /// Has the user's commands done; `loads` is whether firmware is loaded then.
    async fn extra_commands(&self, loads: bool) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let (mut any, mut started) = (false, None);
        for (number, machine) in self.machines.iter().enumerate() {
            let config = &machine.config;
            for (index, text) in config.extra_commands.iter().enumerate() {
                // Another one may have selected another machine.
                if index == 0 {
                    self.select(session, number).await?;
                }
                let field = format!("extra_commands[{index}]");
                let field = self.config.field_of(&config.name, &field);
                let command = Command::users(text)?;
                let done = session.run_leniently(SETTING_UP, &command).await;
                done.map_err(in_field(&self.config, &field))?;
                any = true;
                if loads && !monitor::command::sets_numbers(text) {
                    let answer = session.run(SETTING_UP, &Command::is_started()).await?;
                    let runs = answer.text.trim() == "True";
                    started = runs.then(|| started.unwrap_or((field, text)));
                }
            }
        }
        // Nothing can be loaded into a board that runs, and the error of that blames the firmware.
        if let Some((field, text)) = started {
            let error = EmulatorError::Unsupported {
                kind: KIND,
                what: format!("load the firmware: `{text}` lets the board run before that"),
                advice: "remove it: the board is started when everything is in place",
            };
            return Err(in_field(&self.config, &field)(error));
        }
        match any {
            true => self.select_anyway(session, MAIN).await,
            false => Ok(()),
        }
    }

    /// Prepares the resets of a machine that the harness has no firmware for.
    async fn leave_unflashed(&mut self, number: usize) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let machine = &mut self.machines[number];
        machine.is_flashed = false;
        machine.ports.set_bare(machine.is_bare());
        let Some(command) = Command::after_reset(&machine.config.extra_commands) else {
            return Ok(());
        };
        self.select(session, number).await?;
        setup::after_reset::after_reset(session, command).await?;
        self.select(session, MAIN).await
    }

    /// Puts `firmware` into the memory of a board that does not run, now and at every reset.
    async fn load(&mut self, number: usize, image: &Image) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        self.select(session, number).await?;
        let machine = &mut self.machines[number];
        let version = self.version.as_ref();
        let load = machine.load(session, number, image, version, false).await?;
        let commands = [machine.on_reset(&load), Command::load(&load)];
        machine.is_flashed = true;
        machine.ports.set_bare(machine.runs_nothing(&load));
        let loaded = session.run_all(LOADING, &commands).await;
        loaded.map_err(|error| at(place(&image.firmware), error))?;
        self.select(session, MAIN).await
    }

    /// Replaces the firmware of one machine of a running board.
    async fn replace(&mut self, number: usize, image: &Image) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        self.select(session, number).await?;
        let machine = &mut self.machines[number];
        let version = self.version.as_ref();
        let load = machine.load(session, number, image, version, true).await?;
        let on_reset = machine.on_reset(&load);
        let was_flashed = std::mem::replace(&mut machine.is_flashed, true);
        let repeats = Command::after_reset(&machine.config.extra_commands).is_some();
        if repeats && !was_flashed {
            session
                .run(LOADING, &Command::nothing_after_reset())
                .await?;
        }
        session.run(LOADING, &on_reset).await?;
        let machine = &self.machines[number];
        machine.ports.set_bare(machine.runs_nothing(&load));
        let restarted = self.restart(session, number..=number, Memory::Cleared);
        restarted
            .await
            .map_err(|error| at(place(&image.firmware), error))
    }

    /// That machine's number, or those of all.
    fn numbers(&self, machine: Option<usize>) -> RangeInclusive<usize> {
        let last = self.machines.len() - 1;
        machine.map_or(0..=last, |machine| machine..=machine)
    }

    /// The numbers of the UARTs of those machines among all of the board's.
    fn uarts(&self, machines: &RangeInclusive<usize>) -> Range<usize> {
        let count = |machines: &[Machine]| -> usize {
            let counts = machines.iter().map(|machine| machine.ports.iter().count());
            counts.sum()
        };
        count(&self.machines[..*machines.start()])..count(&self.machines[..=*machines.end()])
    }

    /// The halt of a machine that stops the time of all, if there is one.
    fn stopped_by(&self) -> Option<Arc<str>> {
        let halts = self.machines.iter().map(|it| it.ports.main().halt());
        halts
            .flatten()
            .find(|halt| setup::cpu_halt::stops_all(halt))
    }

    /// Resets machines of a running board. It stands still in between, so that what they
    /// said before is told from what they say after.
    async fn restart(
        &self,
        session: &Session,
        machines: RangeInclusive<usize>,
        memory: Memory,
    ) -> Result<(), EmulatorError> {
        if session.stepping().is_none() {
            session.run_strictly(RESETTING, &Command::pause()).await?;
        }
        session.clear(RESETTING, self.uarts(&machines)).await?;
        let begin_anew = || {
            let machines = &self.machines[machines.clone()];
            machines.iter().for_each(|machine| machine.ports.restart());
            // Time passes again for the others if it was these alone that had stopped it.
            match self.stopped_by() {
                Some(halt) => machines.iter().for_each(|it| it.ports.stalled(&halt)),
                None => self.ports().go_on(),
            }
        };
        // What is said on a socket, Renode hands over on a thread of its own, which may not be done yet.
        let is_late = self.config.uart_transport == UartTransport::Socket;
        if !is_late {
            begin_anew(); // before a reset in which a processor may halt
        }
        for machine in machines.clone() {
            self.select(session, machine).await?;
            if memory == Memory::Cleared {
                let volatile = self.machines[machine].volatile.iter();
                let clear: Vec<Command> = volatile.map(Command::clear_memory).collect();
                session.run_all(RESETTING, &clear).await?;
            }
            session.run_strictly(RESETTING, &Command::reset()).await?;
        }
        self.select(session, MAIN).await?;
        if is_late {
            begin_anew();
        }
        self.run(session);
        Ok(())
    }
}

/// What becomes of the memory of a machine that starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// As by the reset pin.
    Kept,
    /// As by a loss of power.
    Cleared,
}

/// Connects the UART at `path`; the error says which UARTs there are.
async fn connect_uart(
    session: &Session,
    connect: &Command,
    path: &str,
) -> Result<(), EmulatorError> {
    let Err(error) = session.run(SETTING_UP, connect).await else {
        return Ok(());
    };
    if !matches!(error, EmulatorError::Refused { .. }) {
        return Err(error);
    }
    // Without a list what Renode has said is still the reason.
    match session.run(SETTING_UP, &Command::peripherals()).await {
        Ok(listed) => Err(at(setup::peripherals::no_uart(&listed.text, path), error)),
        Err(_) => Err(error),
    }
}

impl Machine {
    /// Whether, without firmware of the harness's, nothing is known that it could run.
    fn is_bare(&self) -> bool {
        !self.is_scripted() && !monitor::command::any_loads(&self.config.extra_commands)
    }

    /// Whether a script of the user's makes it.
    fn is_scripted(&self) -> bool {
        matches!(self.config.renode.platform, Platform::Script(_))
    }

    /// As [`is_bare`](Self::is_bare), with what `load` loads: of an ELF file the symbols alone, maybe.
    fn runs_nothing(&self, load: &Load) -> bool {
        load.command == LoadCommand::SymbolsFrom && self.is_bare()
    }

    /// Makes it, without its UARTs, and selects it.
    async fn make(
        &mut self,
        session: &Session,
        config: &TargetConfig,
    ) -> Result<(), EmulatorError> {
        let load = match &self.config.renode.platform {
            Platform::Script(script) => {
                let made = setup::script::run(script, session).await?;
                self.config.name = made.to_string();
                return self.add_fragments(session, config).await;
            }
            Platform::BuiltIn(name) => Command::load_built_in_platform(name)?,
            Platform::File(file) => {
                let staged = setup::platform::stage(file, session.directory()).map_err(handing)?;
                Command::load_platform(&plain(&staged)?)
            }
        };
        let create = Command::create_machine(&Name::machine(&self.config.name)?);
        session.run(SETTING_UP, &create).await?;
        let loaded = session.run(SETTING_UP, &load).await;
        let loaded = match (loaded, &self.config.renode.platform) {
            (Err(error), Platform::BuiltIn(name)) => {
                Err(setup::platform::none_of_the_projects(name, error, session).await)
            }
            (loaded, _) => loaded,
        };
        let field = config.field_of(&self.config.name, "platform");
        loaded.map_err(in_field(config, &field))?;
        self.add_fragments(session, config).await
    }

    async fn add_fragments(
        &self,
        session: &Session,
        config: &TargetConfig,
    ) -> Result<(), EmulatorError> {
        for (index, fragment) in self.config.renode.fragments.iter().enumerate() {
            let field = format!("platform_fragments[{index}]");
            let place = in_field(config, &field);
            let staged = setup::platform::stage_fragment(fragment, index, session.directory());
            let staged = staged.map_err(handing).map_err(&place)?;
            let load = Command::load_platform(&plain(&staged)?);
            session.run(SETTING_UP, &load).await.map_err(&place)?;
        }
        Ok(())
    }

    /// How `firmware` gets into the memory of this machine, which has that number and may run.
    async fn load(
        &mut self,
        session: &Session,
        number: usize,
        image: &Image,
        version: Option<&Version>,
        runs: bool,
    ) -> Result<Load, EmulatorError> {
        let firmware = &image.firmware;
        self.fits(firmware)?;
        let name = format!("firmware-{number}");
        let staged = firmware.stage(session.directory(), &name);
        let file = staged.map_err(|error| EmulatorError::Io {
            step: "copying the firmware to the private directory",
            source: io::Error::other(error),
        })?;
        let named = image.load_command.or(self.config.load_command);
        let command = named.unwrap_or(match firmware.format() {
            Format::Elf => LoadCommand::Elf,
            Format::IntelHex => LoadCommand::Hex,
            Format::SRecord => LoadCommand::SRecord,
            Format::Binary => LoadCommand::Binary,
        });
        if let Some(version) = version {
            version.check_command(command)?;
        }
        let address = self.config.load_address;
        let (vectors, entry) = self
            .vectors(session, &file, command, runs)
            .await
            .map_err(|error| at(place(firmware), error))?;
        Ok(Load {
            command,
            file: plain(&file)?,
            address: address.filter(|_| command == LoadCommand::Binary),
            processor: self.processors.first().map(|it| it.name.clone()),
            vectors,
            entry,
        })
    }

    /// What a reset of this machine does.
    fn on_reset(&self, load: &Load) -> Command {
        Command::on_reset(&self.config.extra_commands, load)
    }

    /// Whether `firmware` is built for the board's processor, as far as both say what they are.
    fn fits(&self, firmware: &Firmware) -> Result<(), EmulatorError> {
        let Some(processor) = self.processors.first() else {
            return Ok(());
        };
        match (firmware.architecture(), processor.architecture) {
            (Some(built_for), Some(expected)) if built_for != expected => {
                Err(EmulatorError::Unsupported {
                    kind: KIND,
                    what: format!(
                        "run the firmware {:?} on {}: it is for {built_for}, and the board's {} is a {} ({expected})",
                        firmware.path(),
                        self.config.name,
                        processor.name,
                        processor.kind,
                    ),
                    advice: "build it for the board, or correct `platform:`",
                })
            }
            _ => Ok(()),
        }
    }

    /// Where a Cortex-M finds the vectors of the image in `file`, if it has to be told, and what
    /// it starts with, if these are not asked.
    async fn vectors(
        &mut self,
        session: &Session,
        file: &Path,
        command: LoadCommand,
        runs: bool,
    ) -> Result<(Option<Table>, Option<Entry>), EmulatorError> {
        let cortex_m = self.processors.first().filter(|it| it.is_cortex_m());
        let (Some(processor), Some(format)) = (cortex_m, command.format()) else {
            return Ok((None, None));
        };
        let (name, address) = (processor.name.clone(), self.config.load_address);
        // That it is a good image has been seen.
        let contents = Contents::read(file, format, address).unwrap_or_default();
        let entry = |table| setup::vectors::entry(&contents, command, table);
        let users = setup::vectors::users(&self.config.extra_commands, &name.to_string());
        if let Some(users) = users {
            return Ok((None, users.and_then(entry)));
        }
        let located = setup::vectors::locate(&contents, command, address);
        if let Vectors::Usual(table) = located {
            return Ok((table, table.and_then(entry)));
        }
        // The platform or the script may say it; asked once it runs, the firmware.
        if !runs {
            let asked = session.run(LOADING, &Command::vector_table(&name)).await?;
            self.own_vectors = setup::vectors::address(&asked.text).filter(|&it| it != 0);
        }
        let table = match (self.own_vectors, located) {
            (Some(own), _) => Some(Table::At(own)),
            (None, Vectors::Usual(table)) => table,
            (None, Vectors::Found(address)) => Some(Table::At(address)),
            (None, Vectors::Several(places)) => return Err(several(&name, &places)),
        };
        Ok((table, table.and_then(entry)))
    }
}

/// The error of an image in which the vectors may be at several `places`.
fn several(processor: &Name, places: &[u64]) -> EmulatorError {
    let places: Vec<String> = places.iter().map(|it| format!("{it:#010x}")).collect();
    EmulatorError::Unsupported {
        kind: KIND,
        what: format!(
            "tell where the vectors are that {processor} is to start with: they may be at {}",
            places.join(" or at ")
        ),
        advice: "name the place in `extra_commands`, such as `sysbus.cpu VectorTableOffset 0x08000000`",
    }
}

fn handing(source: io::Error) -> EmulatorError {
    EmulatorError::Io {
        step: "handing the platform to Renode",
        source,
    }
}

/// The place of an error that `firmware` has led to.
fn place(firmware: &Firmware) -> String {
    format!("firmware {:?}", firmware.path())
}

fn at(place: String, error: EmulatorError) -> EmulatorError {
    let source = Box::new(error);
    EmulatorError::At { place, source }
}

/// Says of an error where the `field` stands that it is about.
fn in_field(config: &TargetConfig, field: &str) -> impl Fn(EmulatorError) -> EmulatorError {
    move |error| at(config.place(field), error)
}

impl Backend for Renode {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn identified(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(asked) = &mut self.runtime_asked {
                // Fails only if the task panicked, and then nothing is known.
                let _ = asked.await;
            }
            self.runtime_asked = None;
        })
    }

    fn logs(&self) -> Vec<(&'static str, LogText)> {
        let log = self.logs.log.clone();
        vec![
            ("emulator.log", self.logs.output.reader()),
            ("monitor.log", self.logs.dialogue.reader()),
            ("renode.log", Box::new(move || log.text())),
            ("metrics.txt", self.logs.metrics.reader()),
        ]
    }

    fn accepts(&self, machine: usize, image: &Image) -> crate::Result<()> {
        let firmware = &image.firmware;
        let machine = &self.machines[machine].config;
        // QEMU's board, where the description has one too, tells what the processor is.
        if self.config.qemu().is_ok() {
            firmware.check_architecture(qemu::ARCHITECTURE, &machine.name)?;
        }
        image.load_command(machine.load_command, KIND)?;
        Ok(firmware.check_load_address(machine.load_address)?)
    }

    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a> {
        Box::pin(self.start(images))
    }

    fn power_off(&mut self) -> Outcome<'_> {
        Box::pin(async {
            if let Some(session) = self.session.take() {
                session.end().await;
            }
            Ok(())
        })
    }

    fn reload<'a>(&'a mut self, machine: usize, image: &'a Image) -> Outcome<'a> {
        Box::pin(async move {
            let _still = self.stand_still().await?;
            self.replace(machine, image).await
        })
    }

    fn reset(&mut self, machine: Option<usize>) -> Outcome<'_> {
        Box::pin(async move {
            let _still = self.stand_still().await?;
            match &self.session {
                Some(session) => {
                    self.restart(session, self.numbers(machine), Memory::Kept)
                        .await
                }
                None => Ok(()),
            }
        })
    }

    fn monitor<'a>(&'a mut self, command: &'a str) -> BoxFuture<'a, Result<String, EmulatorError>> {
        Box::pin(async move {
            let command = Command::users(command)?;
            let _still = self.stand_still().await?;
            let Some(session) = &self.session else {
                return Ok(String::new());
            };
            let answer = session.run("doing a monitor command", &command).await;
            // It may have selected another one.
            let restored = match self.select_anyway(session, MAIN).await {
                Ok(()) => self.look(session).await,
                error => error,
            };
            let answer = answer?;
            restored?;
            let complaints = answer.warnings.iter().map(String::as_str);
            let said: Vec<&str> = [answer.text.trim()].into_iter().chain(complaints).collect();
            Ok(said.join("\n").trim().to_owned())
        })
    }

    fn metrics(&mut self, machine: Option<usize>) -> BoxFuture<'_, Result<Metrics, EmulatorError>> {
        Box::pin(async move {
            let _still = self.stand_still().await?;
            let Some(session) = &self.session else {
                return Ok(Metrics::default());
            };
            let mut instructions = Vec::new();
            for number in self.numbers(machine) {
                let Machine {
                    config, processors, ..
                } = &self.machines[number];
                self.select(session, number).await?;
                for (processor, count) in metrics::instructions(session, processors).await? {
                    let name = match machine.is_none() && self.machines.len() > 1 {
                        true => format!("{}.{processor}", config.name),
                        false => processor,
                    };
                    instructions.push((name, count));
                }
            }
            self.select(session, MAIN).await?;
            let metrics = metrics::with_times(session, instructions).await?;
            self.logs.metrics.clear();
            self.logs.metrics.push(metrics.to_string().as_bytes());
            Ok(metrics)
        })
    }

    fn unfinished(&self) -> Option<String> {
        let monitor = self.session.as_ref()?.monitor();
        Some(match monitor.busy_with() {
            Some(command) => format!("has not done `{command}`"),
            None if !monitor.is_ready() => "has not shown its first prompt".to_owned(),
            None => return None,
        })
    }

    fn ended(&self) -> Option<Arc<EmulatorDeath>> {
        self.session.as_ref()?.ended()
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        let session = self.session.as_ref()?;
        Some(self.guest_clock(session))
    }
}

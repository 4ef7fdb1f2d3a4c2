//! The order of a boot: first all that needs no firmware and lets nothing run, then the rest.
//!
//! | [prepare](Emulation::prepare) | [start](Emulation::start) |
//! |---|---|
//! | [the main machine](Emulation::first_commands), which a Renode may have made ahead | |
//! | machines, UARTs and the lines between them | the target's UARTs and its clock |
//! | the user's commands, up to the first that does more than to set registers | the other commands |
//! | | firmware, and what a reset repeats |
//!
//! The UARTs are connected before the user's commands, any of which may let the board run.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use super::cpu_watch::{self, Watched};
use super::emulation::{Emulation, MAIN};
use super::endpoint::Endpoint;
use super::machine::Machine;
use super::prepared_board::PreparedBoard;
use super::{after_reset, coverage, cpu, memory, peripherals};
use crate::backend::error::{ErrorPlace, Unsupported};
use crate::backend::renode::context::{KIND, LOADING, SETTING_UP, in_field, of_firmware};
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::plain::Name;
use crate::backend::renode::monitor::users::sets_numbers;
use crate::backend::renode::session::{Session, log_file_in, plain};
use crate::backend::renode::time::fifos::AHEAD;
use crate::backend::renode::time::{input, lockstep};
use crate::backend::{EmulatorError, EmulatorErrorKind, Image};
use crate::config::{Switch, UartHub};

/// The advice for a processor that finds nothing to run.
const VECTORS: &str = "no vector table is where it starts: name its place in `extra_commands`, such as \
                       `sysbus.cpu VectorTableOffset 0x08000000`";

/// The advice for a processor whose firmware a script has loaded.
const RESET_MACRO: &str = "a reset takes the firmware that the script has loaded from it: define a `reset` macro \
                           in the script that loads it again, such as `macro reset \"sysbus LoadELF $bin\"`";

const HANDING: &str = "handing a script to Renode";

/// The step of a virtual clock: longer steps cost less.
const QUANTUM: Duration = Duration::from_millis(10);

/// The step for several machines: no machine runs ahead of another by more.
const QUANTUM_OF_SEVERAL: Duration = Duration::from_millis(1);

impl Emulation {
    /// Makes the board, which is the same for any firmware.
    pub(crate) async fn prepare(
        &mut self,
        session: &Session,
        version: &Version,
    ) -> Result<PreparedBoard, EmulatorError> {
        let outputs = self.make(session, version).await?;
        let done = self.registers(session).await?;
        Ok(PreparedBoard {
            machines: self.machines.iter().map(Machine::known).collect(),
            outputs,
            done,
        })
    }

    /// Connects a prepared board to the target, and loads `images`; the board does not run yet.
    pub(crate) async fn start(
        &mut self,
        session: &mut Session,
        version: &Version,
        prepared: PreparedBoard,
        images: &[Option<Image>],
    ) -> Result<(), EmulatorError> {
        for (machine, known) in self.machines.iter_mut().zip(prepared.machines) {
            machine.set_known(known);
        }
        self.attach(session, prepared.outputs)?;
        self.extra_commands(session, prepared.done, images.iter().any(Option::is_some))
            .await?;
        self.sync(session).await?;
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
        cpu_watch::watch(session, machines.collect(), self.log.clone());
        for (number, image) in images.iter().enumerate() {
            match image {
                Some(image) => self.load(session, version, number, image).await?,
                None => self.leave_unflashed(session, number).await?,
            }
        }
        Ok(())
    }

    /// Attaches the target's UARTs and its clock.
    fn attach(&self, session: &mut Session, outputs: Vec<OwnedFd>) -> Result<(), EmulatorError> {
        session.set_clock(self.clock.as_ref());
        let mut outputs = outputs.into_iter();
        for machine in &self.machines {
            let uarts = machine.config.renode.uarts.iter();
            for (uart, port) in uarts.zip(machine.ports.iter()) {
                if let Some(lockstep) = session.lockstep() {
                    lockstep.attach(port.attach_stepped(uart.byte_time()));
                    continue;
                }
                // There is one for each UART.
                let Some(output) = outputs.next() else { break };
                let attached = port.attach_output(output);
                let jobs = attached
                    .map_err(|source| EmulatorError::io(KIND, "attaching the UART", source))?;
                if let Some(input) = session.input() {
                    input.attach(jobs);
                }
            }
        }
        Ok(())
    }

    /// Makes the machines, their UARTs and the lines between them. Returns the streams of the
    /// UARTs; with a virtual clock there are none.
    async fn make(
        &mut self,
        session: &Session,
        version: &Version,
    ) -> Result<Vec<OwnedFd>, EmulatorError> {
        for machine in &self.machines {
            let checked = version.check_platform(&machine.config.renode.platform);
            let field = self.config.field_of(&machine.config.name, "platform");
            checked.map_err(in_field(&self.config, &field))?;
        }
        let made = session.run(SETTING_UP, &log_to(session.directory())?).await;
        session.logs().log.hold(&session.log_file());
        made?;
        let is_virtual = session.has_virtual_clock();
        let mut endpoints = 0..;
        let mut outputs = Vec::new();
        for (number, machine) in self.machines.iter_mut().enumerate() {
            machine.make(session, &self.config).await?;
            if is_virtual && number == MAIN {
                open_lockstep(session).await?;
            }
            // Before any other command: a command of the user's may let the board run.
            let uarts = machine.config.renode.uarts.iter();
            for (uart, number) in uarts.zip(&mut endpoints) {
                let field = self.config.field_of(&machine.config.name, &uart.field());
                let name = Name::peripheral(&uart.path)?;
                if is_virtual {
                    let connect = MonitorCommand::connect_lockstep(&name, uart.byte_time());
                    let connected = connect_uart(session, &connect, &uart.path).await;
                    connected.map_err(in_field(&self.config, &field))?;
                    continue;
                }
                let transport = self.config.uart_transport;
                let endpoint = Endpoint::create(session, number, transport).await?;
                let connect = MonitorCommand::connect(&name, number);
                let connected = connect_uart(session, &connect, &uart.path).await;
                connected.map_err(in_field(&self.config, &field))?;
                outputs.push(endpoint.open().await?);
            }
            let peripherals = session
                .run(SETTING_UP, &MonitorCommand::peripherals())
                .await?;
            machine.processors = cpu::all(&peripherals.text)?;
            machine.volatile = memory::volatile(&peripherals.text)?;
        }
        if is_virtual {
            let quantum = match self.machines.len() {
                1 => QUANTUM,
                _ => QUANTUM_OF_SEVERAL,
            };
            let set = MonitorCommand::virtual_time(quantum);
            session.run(SETTING_UP, &set).await?;
        }
        for UartHub { name, uarts, .. } in self.config.uart_hubs() {
            let hub = Name::hub(name)?;
            let connect = |uart: &Name| MonitorCommand::connect_to_hub(uart, &hub);
            let connected = self.connect(session, MonitorCommand::create_hub(&hub), uarts, connect);
            let field = format!("uart_hubs.{name}");
            connected.await.map_err(in_field(&self.config, &field))?;
        }
        for Switch {
            name, interfaces, ..
        } in self.config.switches()
        {
            let switch = Name::hub(name)?;
            let create = MonitorCommand::create_switch(&switch);
            let connect = |interface: &Name| MonitorCommand::connect_to_switch(interface, &switch);
            let connected = self.connect(session, create, interfaces, connect);
            let field = format!("switches.{name}");
            connected.await.map_err(in_field(&self.config, &field))?;
        }
        self.select(session, MAIN).await?;
        Ok(outputs)
    }

    /// Returns the first commands of [`prepare`](Self::prepare), for a board in `directory`. They
    /// take most of its time.
    pub(crate) fn first_commands(
        &self,
        directory: &Path,
    ) -> Result<Vec<MonitorCommand>, EmulatorError> {
        let mut commands = vec![log_to(directory)?];
        let created = self.machines[MAIN].creation(directory)?;
        commands.extend(created.into_iter().flatten());
        Ok(commands)
    }

    /// Makes a hub or a switch, and connects its members to it.
    async fn connect(
        &self,
        session: &Session,
        create: MonitorCommand,
        members: &[(usize, String)],
        connect: impl Fn(&Name) -> MonitorCommand,
    ) -> Result<(), EmulatorError> {
        session.run(SETTING_UP, &create).await?;
        for (machine, path) in members {
            self.select(session, *machine).await?;
            let connect = connect(&Name::peripheral(path)?);
            session.run(SETTING_UP, &connect).await?;
        }
        Ok(())
    }

    /// Runs the user's commands up to the first that does more than to set registers, and returns
    /// their number.
    async fn registers(&self, session: &Session) -> Result<usize, EmulatorError> {
        let commands = self.users_commands();
        let leading = commands.take_while(|command| sets_numbers(command.text));
        let mut done = 0;
        for command in leading {
            self.users_command(session, &command, done == 0).await?;
            done += 1;
        }
        match done {
            0 => Ok(0),
            done => self.select(session, MAIN).await.map(|()| done),
        }
    }

    /// Returns the user's commands for all machines, in their order.
    fn users_commands(&self) -> impl Iterator<Item = UsersCommand<'_>> {
        self.machines.iter().enumerate().flat_map(|(machine, it)| {
            let texts = it.config.extra_commands.iter().enumerate();
            texts.map(move |(index, text)| UsersCommand {
                machine,
                index,
                text,
            })
        })
    }

    fn field_of(&self, command: &UsersCommand<'_>) -> String {
        let field = format!("extra_commands[{}]", command.index);
        let machine = &self.machines[command.machine].config.name;
        self.config.field_of(machine, &field)
    }

    async fn users_command(
        &self,
        session: &Session,
        command: &UsersCommand<'_>,
        is_first: bool,
    ) -> Result<(), EmulatorError> {
        // A command of the machine before may have selected another machine.
        if is_first || command.index == 0 {
            self.select(session, command.machine).await?;
        }
        let run = MonitorCommand::users(command.text)?;
        let done = session.run_leniently(SETTING_UP, &run).await;
        done.map_err(in_field(&self.config, &self.field_of(command)))
    }

    /// Runs the user's commands behind the first `done`; `loads` is set if firmware is loaded after
    /// them.
    async fn extra_commands(
        &self,
        session: &Session,
        done: usize,
        loads: bool,
    ) -> Result<(), EmulatorError> {
        let (mut any, mut started) = (false, None);
        for command in self.users_commands().skip(done) {
            self.users_command(session, &command, !any).await?;
            any = true;
            if loads && !sets_numbers(command.text) {
                let answer = session
                    .run(SETTING_UP, &MonitorCommand::is_started())
                    .await?;
                let runs = answer.text.trim() == "True";
                let command = || (self.field_of(&command), command.text);
                started = runs.then(|| started.unwrap_or_else(command));
            }
        }
        // Firmware cannot be loaded into a running board, and that error would name the firmware.
        if let Some((field, text)) = started {
            let command = text.to_owned();
            let error = EmulatorError::unsupported(KIND, Unsupported::RunsTooEarly { command });
            return Err(in_field(&self.config, &field)(error));
        }
        match any {
            true => self.select_anyway(session, MAIN).await,
            false => Ok(()),
        }
    }

    /// Prepares the resets, and the coverage, of a machine into which the harness loads no firmware.
    async fn leave_unflashed(
        &mut self,
        session: &Session,
        number: usize,
    ) -> Result<(), EmulatorError> {
        let machine = &mut self.machines[number];
        machine.is_flashed = false;
        let is_bare = machine.is_bare();
        machine.ports.set_bare(is_bare);
        let recorder = self.recorder.as_ref().filter(|_| !is_bare);
        let recording = recorder.and_then(|it| it.record(number, None));
        let command = MonitorCommand::after_reset(&machine.config.extra_commands);
        if recording.is_none() && command.is_none() {
            return Ok(());
        }
        self.select(session, number).await?;
        coverage::record(session, recording.as_ref()).await?;
        if let Some(command) = command {
            after_reset::after_reset(session, command).await?;
        }
        self.select(session, MAIN).await
    }

    /// Loads `image` into a board that does not run, now and at every reset.
    async fn load(
        &mut self,
        session: &Session,
        version: &Version,
        number: usize,
        image: &Image,
    ) -> Result<(), EmulatorError> {
        self.select(session, number).await?;
        let machine = &mut self.machines[number];
        let load = machine
            .load(session, number, image, Some(version), false)
            .await?;
        coverage::record(session, image.coverage.as_ref()).await?;
        let commands = [machine.on_reset(&load), MonitorCommand::load(&load)];
        machine.is_flashed = true;
        machine.ports.set_bare(machine.runs_nothing(&load));
        let loaded = session.run_all(LOADING, &commands).await;
        loaded.map_err(|error| error.at(of_firmware(image.firmware.path())))?;
        self.select(session, MAIN).await
    }

    /// Includes the script of the UARTs' input, after everything that a boot waits for: this
    /// takes 0.2 s.
    pub(crate) fn open_input(&self, session: &mut Session) -> Result<(), EmulatorError> {
        if session.input_is_open() {
            return Ok(());
        }
        for command in self.input_commands(session)? {
            session.run_ahead(&command);
        }
        session.set_input_open();
        Ok(())
    }

    /// Includes the script of the UARTs' input before there is a target that sends.
    pub(crate) async fn prepare_input(&self, session: &mut Session) -> Result<(), EmulatorError> {
        let commands = self.input_commands(session)?;
        session.run_all(SETTING_UP, &commands).await?;
        session.set_input_open();
        Ok(())
    }

    /// Returns the commands that include the script of the UARTs' input. A board with a virtual
    /// clock has another script for that.
    fn input_commands(&self, session: &Session) -> Result<Vec<MonitorCommand>, EmulatorError> {
        if session.has_virtual_clock() {
            return Ok(Vec::new());
        }
        let mut commands = session.include(HANDING, &input::SCRIPTS)?;
        commands.push(MonitorCommand::open_input(
            &plain(session.directory())?,
            AHEAD,
        ));
        let several = self.machines.len() > 1;
        for machine in &self.machines {
            if several {
                let name = Name::machine(&machine.config.name)?;
                commands.push(MonitorCommand::select_machine(&name));
            }
            for uart in &machine.config.renode.uarts {
                let name = Name::peripheral(&uart.path)?;
                commands.push(MonitorCommand::connect_input(&name, uart.byte_time()));
            }
        }
        commands.push(MonitorCommand::read_input());
        if several {
            let main = Name::machine(&self.machines[MAIN].config.name)?;
            commands.push(MonitorCommand::select_machine(&main));
        }
        Ok(commands)
    }
}

fn log_to(directory: &Path) -> Result<MonitorCommand, EmulatorError> {
    Ok(MonitorCommand::log_to(&plain(&log_file_in(directory))?))
}

/// Includes the script of the virtual clock, and connects it to its driver.
async fn open_lockstep(session: &Session) -> Result<(), EmulatorError> {
    let mut commands = session.include(HANDING, &lockstep::SCRIPTS)?;
    commands.push(MonitorCommand::open_lockstep(&plain(session.directory())?));
    session.run_all(SETTING_UP, &commands).await.map(drop)
}

/// One of the user's commands.
struct UsersCommand<'a> {
    /// The machine's number.
    machine: usize,
    /// Its index in the machine's `extra_commands`.
    index: usize,
    text: &'a str,
}

/// Connects the UART at `path`; the error lists the machine's UARTs.
async fn connect_uart(
    session: &Session,
    connect: &MonitorCommand,
    path: &str,
) -> Result<(), EmulatorError> {
    let Err(error) = session.run(SETTING_UP, connect).await else {
        return Ok(());
    };
    if !matches!(error.kind(), EmulatorErrorKind::Refused { .. }) {
        return Err(error);
    }
    // Without a list Renode's own message is still the reason.
    match session
        .run(SETTING_UP, &MonitorCommand::peripherals())
        .await
    {
        Ok(listed) => {
            let place = ErrorPlace::Uart(peripherals::no_uart(&listed.text, path));
            Err(error.at(place))
        }
        Err(_) => Err(error),
    }
}

//! Renode as the engine: one process per power-on, driven over its console.
//!
//! The monitor travels over the process's standard input and output: there is no
//! port to race for, nothing listens, and Renode ends when its input does. The
//! UARTs are pseudo-terminals whose other ends are taken before the board runs.
//!
//! Loading, reset, hot flash and a reset that the guest asks for are one thing:
//! Renode's `reset` macro, which puts the firmware back into memory.

mod clock;
mod command;
mod command_line;
mod dialogue;
mod last_words;
mod log_file;
mod monitor;
mod platform;
mod processor;
mod program;
mod pty;
mod screen;
mod session;
mod socket;
mod terminal;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    Backend, BoxFuture, EmulatorDeath, EmulatorError, Engine, EngineKind, LogText, Outcome, qemu,
};
use crate::config::{ConfigError, LoadCommand, Platform, RenodeConfig, TargetConfig};
use crate::custody::Custody;
use crate::firmware::{self, Firmware, Format};
use crate::runtime::Clock;
use crate::uart::{Pace, Ports};
use clock::GuestClock;
use command::{Command, Load, Name, Table};
use processor::Processor;
use session::{Logs, Session, plain};
use terminal::Terminal;

pub(crate) use program::find;

const KIND: EngineKind = EngineKind::Renode;

const SETTING_UP: &str = "setting up the board";
const LOADING: &str = "loading the firmware";
const RESETTING: &str = "resetting the board";

/// How fast bytes go to the guest, in its own time: as over the usual console
/// line, 115200 baud. What Renode is given faster than the guest runs waits inside
/// it, at a cost that grows with the square of what waits.
const BYTES_PER_SECOND: u32 = 115_200 / 10;

/// How many go at once: cheap to have waiting, and enough for every line that is typed.
const BURST: usize = 256;

/// A board played by Renode.
pub(crate) struct Renode {
    program: PathBuf,
    version: Option<String>,
    config: TargetConfig,
    board: RenodeConfig,
    custody: Arc<Custody>,
    ports: Ports,
    logs: Logs,
    session: Option<Session>,
    /// What runs the firmware, known once the board is set up.
    processor: Option<Processor>,
    /// Whether the board has been let go since power-on.
    runs: bool,
}

impl Renode {
    pub(crate) fn new(
        program: PathBuf,
        config: &TargetConfig,
        custody: Arc<Custody>,
        ports: Ports,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            program,
            version: None,
            config: config.clone(),
            board: config.renode()?.clone(),
            custody,
            ports,
            logs: Logs::default(),
            session: None,
            processor: None,
            runs: false,
        })
    }

    async fn start(&mut self, firmware: Option<&Firmware>) -> Result<(), EmulatorError> {
        let limit = self.config.timeouts.command;
        let ports = self.ports.clone();
        let (session, greeting) =
            Session::start(&self.program, &self.custody, ports, &self.logs, limit)?;
        self.runs = false;
        let session = self.session.insert(session);
        self.version = Some(session.greeted(greeting).await?);
        self.processor = self.set_up().await?;
        self.extra_commands().await?;
        match firmware {
            Some(firmware) => self.load(firmware).await,
            None => Ok(()),
        }
    }

    /// The board and its UARTs, up to where the user's own commands come.
    async fn set_up(&self) -> Result<Option<Processor>, EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(None);
        };
        let commands = [
            Command::log_to(&plain(&session.log_file())?),
            Command::create_machine(&Name::machine(&self.config.machine_name)?),
            load_platform(&self.board.platform, session.directory())?,
        ];
        let made = session.run_all(SETTING_UP, &commands).await;
        self.logs.log.hold(&session.log_file());
        made?;
        let mut commands = Vec::new();
        // Before any other command: one of the user's may let the board run.
        for (number, (uart, port)) in self.board.uarts.iter().zip(self.ports.iter()).enumerate() {
            let transport = self.config.uart_transport;
            let terminal = Terminal::create(session, number, transport).await?;
            commands.push(Command::connect(&Name::peripheral(&uart.path)?, number));
            let pace = Pace {
                clock: self.guest_clock(session),
                burst: BURST,
                bytes_per_second: BYTES_PER_SECOND,
            };
            let attached = port.attach(terminal.open().await?, Some(pace));
            attached.map_err(|source| EmulatorError::Io {
                step: "attaching the UART",
                source,
            })?;
        }
        commands.push(Command::peripherals());
        let peripherals = session.run_all(SETTING_UP, &commands).await?;
        Ok(processor::first(&peripherals.text)?)
    }

    fn guest_clock(&self, session: &Session) -> Arc<dyn Clock> {
        let monitor = session.monitor().clone();
        Arc::new(GuestClock::new(monitor, self.config.timeouts.command))
    }

    async fn extra_commands(&self) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        for (index, text) in self.config.extra_commands.iter().enumerate() {
            let command = Command::users(text)?;
            let done = session.run_leniently(SETTING_UP, &command).await;
            done.map_err(|error| at(format!("extra_commands[{index}]"), error))?;
        }
        if self.config.extra_commands.is_empty() {
            return Ok(());
        }
        // One of them may have gone to another machine.
        let select = Command::select_machine(&Name::machine(&self.config.machine_name)?);
        session.run_strictly(SETTING_UP, &select).await
    }

    /// Puts `firmware` into the board's memory, now and at every reset, and lets
    /// the board run it from the start.
    async fn load(&mut self, firmware: &Firmware) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        self.fits(firmware)?;
        let place = || format!("firmware {:?}", firmware.path());
        let staged = firmware::stage(firmware.path(), session.directory(), "firmware");
        let file = staged.map_err(|source| EmulatorError::Io {
            step: "copying the firmware to the private directory",
            source,
        })?;
        let command = self.config.load_command.unwrap_or(match firmware.format() {
            Format::Elf => LoadCommand::Elf,
            Format::IntelHex => LoadCommand::Hex,
            Format::SRecord => LoadCommand::SRecord,
            Format::Binary => LoadCommand::Binary,
        });
        let load = Load {
            command,
            file: plain(&file)?,
            address: self
                .config
                .load_address
                .filter(|_| command == LoadCommand::Binary),
            processor: self.processor.as_ref().map(|it| it.name.clone()),
            vectors: self.vectors(command),
        };
        let on_reset = Command::on_reset(&self.config.extra_commands, &load);
        if self.runs {
            session.run(LOADING, &on_reset).await?;
            let restarted = self.restart(session).await;
            return restarted.map_err(|error| at(place(), error));
        }
        let loaded = session
            .run_all(LOADING, &[on_reset, Command::load(&load)])
            .await;
        loaded.map_err(|error| at(place(), error))?;
        // The guest runs before this command is done, which takes another 100 ms.
        session.run_ahead(&Command::start());
        self.runs = true;
        Ok(())
    }

    /// Resets a running board. It stands still in between, so that what it said
    /// before is told from what it says after.
    async fn restart(&self, session: &Session) -> Result<(), EmulatorError> {
        session.run_strictly(RESETTING, &Command::pause()).await?;
        session.run_strictly(RESETTING, &Command::reset()).await?;
        // Not before: Renode hands over what was said on a socket on a thread of its own.
        self.ports.restart();
        session.run_ahead(&Command::start());
        Ok(())
    }

    /// Whether `firmware` is built for the board's processor, as far as both say what they are.
    fn fits(&self, firmware: &Firmware) -> Result<(), EmulatorError> {
        let Some(processor) = &self.processor else {
            return Ok(());
        };
        match (firmware.architecture(), processor.architecture) {
            (Some(built_for), Some(expected)) if built_for != expected => {
                Err(EmulatorError::Unsupported {
                    kind: KIND,
                    what: format!(
                        "run the firmware {:?} on {}: it is for {built_for}, and the board's {} is a {} ({expected})",
                        firmware.path(),
                        self.config.machine_name,
                        processor.name,
                        processor.kind,
                    ),
                    advice: "build it for the board, or correct `platform:`",
                })
            }
            _ => Ok(()),
        }
    }

    /// Where a Cortex-M finds its vectors, if it has to be told: Renode looks
    /// for them by itself only in an ELF file.
    fn vectors(&self, command: LoadCommand) -> Option<Table> {
        if !self.processor.as_ref()?.is_cortex_m() {
            return None;
        }
        match (self.config.load_address, command) {
            (Some(address), _) => Some(Table::At(address)),
            (None, LoadCommand::Elf | LoadCommand::SymbolsFrom) => None,
            (None, _) => Some(Table::Lowest),
        }
    }
}

/// The command that makes the board out of its description.
fn load_platform(platform: &Platform, directory: &Path) -> Result<Command, EmulatorError> {
    match platform {
        Platform::BuiltIn(name) => Ok(Command::load_built_in_platform(name)?),
        Platform::File(file) => {
            let staged = platform::stage(file, directory).map_err(|source| EmulatorError::Io {
                step: "handing the platform to Renode",
                source,
            })?;
            Ok(Command::load_platform(&plain(&staged)?))
        }
    }
}

fn at(place: String, error: EmulatorError) -> EmulatorError {
    let source = Box::new(error);
    EmulatorError::At { place, source }
}

impl Backend for Renode {
    fn engine(&self) -> Engine {
        Engine {
            kind: KIND,
            program: self.program.clone(),
            version: self.version.clone(),
        }
    }

    fn logs(&self) -> Vec<(&'static str, LogText)> {
        let log = self.logs.log.clone();
        vec![
            ("emulator.log", self.logs.output.reader()),
            ("monitor.log", self.logs.dialogue.reader()),
            ("renode.log", Box::new(move || log.text())),
        ]
    }

    fn accepts(&self, firmware: &Firmware) -> crate::Result<()> {
        // QEMU's board, where the description has one too, tells what the processor is.
        if self.config.qemu().is_ok() {
            firmware.check_architecture(qemu::ARCHITECTURE, &self.config.machine_name)?;
        }
        if self.config.load_command.is_none() {
            firmware.check_load_address(self.config.load_address)?;
        }
        Ok(())
    }

    fn power_on<'a>(&'a mut self, firmware: Option<&'a Firmware>) -> Outcome<'a> {
        Box::pin(self.start(firmware))
    }

    fn power_off(&mut self) -> Outcome<'_> {
        Box::pin(async {
            if let Some(session) = self.session.take() {
                session.end().await;
            }
            Ok(())
        })
    }

    fn reload<'a>(&'a mut self, firmware: &'a Firmware) -> Outcome<'a> {
        Box::pin(self.load(firmware))
    }

    fn reset(&mut self) -> Outcome<'_> {
        Box::pin(async {
            match &self.session {
                Some(session) if self.runs => self.restart(session).await,
                _ => Ok(()),
            }
        })
    }

    fn monitor<'a>(&'a mut self, command: &'a str) -> BoxFuture<'a, Result<String, EmulatorError>> {
        Box::pin(async move {
            let command = Command::users(command)?;
            let Some(session) = &self.session else {
                return Ok(String::new());
            };
            let answer = session.run("doing a monitor command", &command).await?;
            let complaints = answer.warnings.iter().map(String::as_str);
            let said: Vec<&str> = [answer.text.trim()].into_iter().chain(complaints).collect();
            Ok(said.join("\n").trim().to_owned())
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

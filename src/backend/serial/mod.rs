//! [`Serial`]: the backend for a physical board, with a serial port and commands of the host that
//! flash, reset and power the board.
//!
//! The port is opened before any command runs, so that no output of the board is lost. A physical
//! board cannot be paused: each power-on, flash and reset begins a new segment as it starts, and
//! the board's output during its command belongs to that segment.
//!
//! Dropping a target closes the port and runs no command, because a command could delay the drop.
//! The board then stays powered.

mod command;
mod port;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::error::{ExitReason, Unsupported};
use super::{Backend, EmulatorError, EmulatorExit, Identity, Image, LogText, Outcome, OutputTail};
use crate::config::{SerialConfig, TargetConfig};
use crate::firmware::{Architecture, Firmware};
use crate::process::Supervisor;
use crate::runtime::Clock;
use crate::uart::Port;
use command::Command;
use port::{Claim, KIND};

/// A physical board.
pub(crate) struct Serial {
    identity: Identity,
    config: SerialConfig,
    machine_name: String,
    /// The processor's architecture, if the description also has a QEMU machine, which says it.
    architecture: Option<Architecture>,
    flash: Option<Command>,
    reset: Option<Command>,
    power_on: Option<Command>,
    power_off: Option<Command>,
    limit: Duration,
    supervisor: Arc<Supervisor>,
    port: Port,
    log: OutputTail,
    /// The right to use the port; `Some` while the board is on.
    claim: Option<Claim>,
}

impl Serial {
    /// Creates the backend. Fails if a command's program is missing; the port may appear later.
    pub(crate) fn new(
        config: &TargetConfig,
        supervisor: Arc<Supervisor>,
        port: Port,
    ) -> crate::Result<Self> {
        let serial = config.serial()?.clone();
        let command = |field, command: &Option<_>| {
            let command = command.as_ref();
            command
                .map(|command| Command::new(field, command))
                .transpose()
        };
        Ok(Self {
            flash: command("flash", &serial.flash)?,
            reset: command("reset", &serial.reset)?,
            power_on: command("power_on", &serial.power_on)?,
            power_off: command("power_off", &serial.power_off)?,
            identity: Identity::of(KIND, serial.port.clone()),
            config: serial,
            machine_name: config.machine_name.clone(),
            architecture: config.architecture(),
            limit: config.timeouts.command,
            supervisor,
            port,
            log: OutputTail::default(),
            claim: None,
        })
    }

    async fn start(&mut self, firmware: Option<&Firmware>) -> Result<(), EmulatorError> {
        self.log.clear();
        let (claim, stream) = port::open(&self.config.port, self.config.baud)?;
        self.claim = Some(claim);
        let gone = self.gone().to_string();
        let attached = self.port.attach_device(stream, &gone);
        attached.map_err(|source| EmulatorError::io(KIND, "reading the serial port", source))?;
        self.run(self.power_on.as_ref(), None).await?;
        match firmware {
            Some(firmware) => self.load(firmware).await,
            None => self.restart().await,
        }
    }

    async fn load(&self, firmware: &Firmware) -> Result<(), EmulatorError> {
        self.port.restart();
        self.run(self.flash.as_ref(), Some(firmware.path())).await?;
        self.restart().await
    }

    /// Resets the board, if there is a reset command.
    async fn restart(&self) -> Result<(), EmulatorError> {
        if self.reset.is_some() {
            self.port.restart();
        }
        self.run(self.reset.as_ref(), None).await
    }

    /// Runs `command`, if there is one, and then checks that the port still exists.
    async fn run(
        &self,
        command: Option<&Command>,
        firmware: Option<&Path>,
    ) -> Result<(), EmulatorError> {
        let Some(command) = command else {
            return Ok(());
        };
        command
            .run(firmware, &self.supervisor, self.limit, &self.log)
            .await?;
        match self.ended() {
            Some(exit) => Err(EmulatorError::exited("working the board", exit)),
            None => Ok(()),
        }
    }

    /// Returns the loss of the port.
    fn gone(&self) -> EmulatorExit {
        EmulatorExit {
            kind: KIND,
            reason: ExitReason::PortGone {
                port: self.config.port.clone(),
            },
            hints: Vec::new(),
            output: String::new(),
        }
    }
}

impl Backend for Serial {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn logs(&self) -> Vec<(&'static str, LogText)> {
        vec![("commands.log", self.log.reader())]
    }

    fn accepts(&self, _machine: usize, image: &Image) -> crate::Result<()> {
        let firmware = &image.firmware;
        if let Some(command) = image.load_command {
            let path = firmware.path().to_owned();
            let request = Unsupported::OwnLoadCommand { path, command };
            return Err(self.unsupported(request).into());
        }
        if let Some(architecture) = self.architecture {
            firmware.check_architecture(architecture, &self.machine_name)?;
        }
        if self.flash.is_none() {
            let path = firmware.path().to_owned();
            return Err(self.unsupported(Unsupported::Flash { path }).into());
        }
        Ok(())
    }

    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a> {
        let image = images.first().and_then(Option::as_ref);
        Box::pin(self.start(image.map(|image| &image.firmware)))
    }

    fn power_off(&mut self) -> Outcome<'_> {
        Box::pin(async {
            // The claim is dropped last: nobody else can use the port while its board is being
            // turned off.
            let Some(_claim) = self.claim.take() else {
                return Ok(());
            };
            match &self.power_off {
                Some(command) => {
                    command
                        .run(None, &self.supervisor, self.limit, &self.log)
                        .await
                }
                None => Ok(()),
            }
        })
    }

    fn reload<'a>(&'a mut self, _machine: usize, image: &'a Image) -> Outcome<'a> {
        Box::pin(self.load(&image.firmware))
    }

    fn can_reset(&self) -> Result<(), EmulatorError> {
        match self.reset {
            Some(_) => Ok(()),
            None => Err(self.unsupported(Unsupported::Reset)),
        }
    }

    fn reset(&mut self, _machine: Option<usize>) -> Outcome<'_> {
        Box::pin(self.restart())
    }

    fn ended(&self) -> Option<Arc<EmulatorExit>> {
        self.claim.as_ref()?;
        // Only the loss of the port ends the output by itself.
        self.port.exit()?;
        Some(Arc::new(self.gone()))
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        None
    }
}

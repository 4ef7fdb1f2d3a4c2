//! Reset and hot flash: restarting machines of a running board.

use std::ops::RangeInclusive;

use super::coverage;
use super::emulation::{Emulation, MAIN};
use crate::backend::renode::context::{LOADING, RESETTING, of_firmware};
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::session::Session;
use crate::backend::{EmulatorError, Image};
use crate::config::UartTransport;

/// The memory of a machine after its reset.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Memory<'a> {
    /// The content is kept, as after a reset by the pin.
    Kept,
    /// The content is cleared, as after a loss of power, and has an image that is new.
    Flashed(&'a Image),
}

impl Emulation {
    /// Replaces the firmware of one machine of a running board.
    pub(crate) async fn replace(
        &mut self,
        session: &Session,
        version: Option<&Version>,
        number: usize,
        image: &Image,
    ) -> Result<(), EmulatorError> {
        self.select(session, number).await?;
        let machine = &mut self.machines[number];
        let load = machine.load(session, number, image, version, true).await?;
        let on_reset = machine.on_reset(&load);
        let was_flashed = std::mem::replace(&mut machine.is_flashed, true);
        let repeats = MonitorCommand::after_reset(&machine.config.extra_commands).is_some();
        if repeats && !was_flashed {
            session
                .run(LOADING, &MonitorCommand::nothing_after_reset())
                .await?;
        }
        session.run(LOADING, &on_reset).await?;
        let machine = &self.machines[number];
        machine.ports.set_bare(machine.runs_nothing(&load));
        let restarted = self.restart(session, number..=number, Memory::Flashed(image));
        restarted
            .await
            .map_err(|error| error.at(of_firmware(image.firmware.path())))
    }

    /// Resets machines of a running board. The board is paused meanwhile, so that output before
    /// the reset can be distinguished from output after it.
    pub(crate) async fn restart(
        &self,
        session: &Session,
        machines: RangeInclusive<usize>,
        memory: Memory<'_>,
    ) -> Result<(), EmulatorError> {
        if !session.has_virtual_clock() {
            let pause = MonitorCommand::pause();
            session.run_strictly(RESETTING, &pause).await?;
        }
        session.clear(RESETTING, self.uarts(&machines)).await?;
        let begin_anew = || {
            let machines = &self.machines[machines.clone()];
            machines.iter().for_each(|machine| machine.ports.restart());
            // Time passes again for the other machines if only these had stopped it.
            match self.stopped_by() {
                Some(halt) => machines.iter().for_each(|it| it.ports.stalled(&halt)),
                None => self.ports().go_on(),
            }
        };
        // A thread of Renode's own writes to a socket, and may not have finished yet.
        let is_late = self.config.uart_transport == UartTransport::Socket;
        if !is_late {
            begin_anew(); // before a reset in which a processor may halt
        }
        for machine in machines.clone() {
            self.select(session, machine).await?;
            if let Memory::Flashed(image) = memory {
                let volatile = self.machines[machine].volatile.iter();
                let clear: Vec<MonitorCommand> =
                    volatile.map(MonitorCommand::clear_memory).collect();
                session.run_all(RESETTING, &clear).await?;
                coverage::record(session, image.coverage.as_ref()).await?;
            }
            session
                .run_strictly(RESETTING, &MonitorCommand::reset())
                .await?;
        }
        self.select(session, MAIN).await?;
        if is_late {
            begin_anew();
        }
        self.run(session);
        Ok(())
    }
}

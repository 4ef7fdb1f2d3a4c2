//! [`Board`]: the power and firmware of a target; runs on the I/O thread.
//!
//! A change that fails or is dropped midway leaves the board off, and the call is the reason.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::concurrency;
use super::error::PowerError;
use super::program_files::{MachineProgram, ProgramFiles};
use crate::backend::{
    Backend, EmulatorError, EmulatorErrorKind, EmulatorInfo, GivenBack, Image, Metrics, Outcome,
    Slot,
};
use crate::caller::Call;
use crate::coverage::Recorder;
use crate::error::Result;
use crate::process::Supervisor;
use crate::uart::{OffReason, Ports};

/// The state behind the lock that orders a target's operations.
pub(crate) struct Board {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) ports: Ports,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) machine: String,
    /// The image of each machine, in the order of the description.
    images: Vec<Option<Image>>,
    /// The names and symbols of each machine.
    programs: Vec<MachineProgram>,
    power: Power,
    slots: Arc<Semaphore>,
    /// The slot of the running emulator.
    slot: Option<Slot>,
    /// Records the coverage, if it is wanted.
    recorder: Option<Arc<Recorder>>,
}

enum Power {
    On,
    Off(OffReason),
}

/// A change of the board, for errors.
struct Change {
    step: &'static str,
    call: Call,
    limit: Duration,
}

impl Board {
    pub(crate) fn new(
        backend: Box<dyn Backend>,
        ports: Ports,
        supervisor: Arc<Supervisor>,
        machine: String,
        images: Vec<Option<Image>>,
        programs: Vec<MachineProgram>,
        slots: Arc<Semaphore>,
    ) -> Self {
        Self {
            backend,
            ports,
            supervisor,
            machine,
            images,
            programs,
            power: Power::Off(OffReason::Off),
            slots,
            slot: None,
            recorder: None,
        }
    }

    /// Sets what records the coverage.
    pub(crate) fn set_recorder(&mut self, recorder: Option<Arc<Recorder>>) {
        self.recorder = recorder;
    }

    pub(crate) async fn engine(&mut self) -> EmulatorInfo {
        self.backend.identified().await;
        self.backend.identity().engine()
    }

    pub(crate) fn is_on(&self) -> bool {
        matches!(self.power, Power::On) && self.backend.ended().is_none()
    }

    /// Returns the file of a machine's image.
    pub(crate) fn image(&self, machine: usize) -> Option<&Path> {
        let image = self.images[machine].as_ref();
        image.map(|image| image.firmware.path())
    }

    pub(crate) async fn power_on(&mut self, call: Call, limit: Duration) -> Result<()> {
        if self.is_on() {
            return Ok(());
        }
        self.turn_on(call, limit).await
    }

    /// Turns the board off, if it is on, leaves it off for `wait`, and turns it on again.
    pub(crate) async fn power_cycle(
        &mut self,
        call: Call,
        wait: Duration,
        limit: Duration,
    ) -> Result<()> {
        let mut cycle = Cycle {
            ports: self.ports.clone(),
            why: OffReason::Unfinished(call),
            is_on: false,
        };
        self.ports.power_off(OffReason::Cycling(call));
        self.power = Power::Off(cycle.why);
        let done = self.off_and_on(call, wait, limit).await;
        match done {
            Ok(()) => cycle.is_on = true,
            Err(_) => {
                cycle.why = OffReason::Failed(call);
                self.power = Power::Off(cycle.why);
            }
        }
        done
    }

    async fn off_and_on(&mut self, call: Call, wait: Duration, limit: Duration) -> Result<()> {
        self.turn_off().await?;
        self.ports.stay_off(wait).await;
        self.turn_on(call, limit).await
    }

    async fn turn_on(&mut self, call: Call, limit: Duration) -> Result<()> {
        self.backend.power_off().await?; // removes the rest of an emulator that exited
        let slot = match self.slot.take() {
            Some(slot) => Some(slot),
            None => concurrency::take(&self.slots, &self.machine).await,
        };
        let change = Change {
            step: "booting the board",
            call,
            limit,
        };
        self.change(change, |backend, images| backend.power_on(images))
            .await?;
        self.slot = slot;
        Ok(())
    }

    pub(crate) async fn power_off(&mut self, why: OffReason) -> Result<()> {
        self.ports.power_off(why);
        if let Power::On | Power::Off(OffReason::Off) = self.power {
            self.power = Power::Off(why);
        }
        self.turn_off().await
    }

    async fn turn_off(&mut self) -> Result<()> {
        let done = self.backend.power_off().await;
        self.slot = None;
        Ok(done?)
    }

    /// Pauses a running board for good, so that its emulator can run another board; `None` if it
    /// cannot.
    pub(crate) async fn give_back(&mut self) -> Option<GivenBack> {
        match self.is_on() {
            true => self.backend.give_back().await,
            false => None,
        }
    }

    pub(crate) async fn flash(
        &mut self,
        call: Call,
        machine: usize,
        mut image: Image,
        limit: Duration,
    ) -> Result<()> {
        self.backend.accepts(machine, &image)?;
        if let Some(recorder) = &self.recorder {
            image.coverage = recorder.record(machine, Some(&image.firmware));
        }
        self.images[machine] = Some(image);
        if !self.is_on() {
            return Ok(());
        }
        let change = Change {
            step: "flashing the board",
            call,
            limit,
        };
        self.change(change, |backend, images| match &images[machine] {
            Some(image) => backend.reload(machine, image),
            None => Box::pin(async { Ok(()) }),
        })
        .await
    }

    /// Resets one machine, or all machines.
    pub(crate) async fn reset(
        &mut self,
        call: Call,
        machine: Option<usize>,
        limit: Duration,
    ) -> Result<()> {
        self.check_runs("reset")?;
        self.backend.can_reset()?;
        let change = Change {
            step: "resetting the board",
            call,
            limit,
        };
        self.change(change, |backend, _| backend.reset(machine))
            .await
    }

    pub(crate) async fn monitor(&mut self, command: &str) -> Result<String> {
        self.check_runs("send a monitor command to")?;
        Ok(self.backend.monitor(command).await?)
    }

    /// Measures one machine, or all machines.
    pub(crate) async fn metrics(&mut self, machine: Option<usize>) -> Result<Metrics> {
        self.check_runs("measure")?;
        Ok(self.backend.metrics(machine).await?)
    }

    /// Returns the files that say what is in the memory of a machine.
    pub(super) fn program_files(&self, machine: usize) -> ProgramFiles {
        let image = self.images[machine].as_ref();
        ProgramFiles::new(&self.programs[machine], image.map(|it| &it.firmware))
    }

    /// Returns the name of a machine.
    pub(super) fn name(&self, machine: usize) -> &str {
        &self.programs[machine].name
    }

    /// Checks that the board is on and its emulator runs, which `operation` needs.
    pub(super) fn check_runs(&self, operation: &'static str) -> Result<(), PowerError> {
        let machine = || self.machine.clone();
        if let Power::Off(why) = self.power {
            return Err(PowerError::Off {
                operation,
                machine: machine(),
                why,
            });
        }
        match self.backend.ended() {
            Some(exit) => Err(PowerError::Exited {
                operation,
                machine: machine(),
                exit,
            }),
            None => Ok(()),
        }
    }

    /// Runs `act` within the change's limit. If `act` fails or is dropped midway, the board is off.
    async fn change(
        &mut self,
        change: Change,
        act: impl for<'a> FnOnce(&'a mut dyn Backend, &'a [Option<Image>]) -> Outcome<'a>,
    ) -> Result<()> {
        let Change { step, call, limit } = change;
        let why = OffReason::Unfinished(call);
        self.ports.set_started_by(call);
        self.power = Power::Off(why);
        let mut attempt = Attempt {
            ports: &self.ports,
            supervisor: &self.supervisor,
            why,
            done: false,
        };
        let act = act(self.backend.as_mut(), &self.images);
        let outcome = match tokio::time::timeout(limit, act).await {
            Ok(outcome) => outcome,
            Err(_) => Err(EmulatorError::new(
                self.backend.identity().engine().kind,
                EmulatorErrorKind::TooSlow {
                    step,
                    unfinished: self.backend.unfinished(),
                    limit,
                    field: "boot",
                },
            )),
        };
        match outcome {
            Ok(()) => {
                attempt.done = true;
                self.ports.set_clock(self.backend.clock());
                self.power = Power::On;
                Ok(())
            }
            Err(error) => {
                attempt.why = OffReason::Failed(call);
                self.power = Power::Off(attempt.why);
                drop(attempt);
                if let Err(error) = self.backend.power_off().await {
                    tracing::warn!(%error, "the board could not be powered off after a failure");
                }
                self.slot = None;
                Err(error.into())
            }
        }
    }
}

/// A guard that gives the UARTs the reason why a power cycle has left the board off.
struct Cycle {
    ports: Ports,
    why: OffReason,
    is_on: bool,
}

impl Drop for Cycle {
    fn drop(&mut self) {
        if !self.is_on {
            self.ports.power_off(self.why);
        }
    }
}

/// A guard that turns the board off if it is dropped before the change is done.
struct Attempt<'a> {
    ports: &'a Ports,
    supervisor: &'a Supervisor,
    why: OffReason,
    done: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.ports.power_off(self.why);
            self.supervisor.kill_processes();
        }
    }
}

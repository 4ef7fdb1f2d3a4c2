//! The machines of a board, which run together in one [`Emulation`] of Renode.
//!
//! Between any two operations the main machine is the selected one.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::cpu_halt;
use super::machine::Machine;
use crate::backend::renode::context::SELECTING;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::plain::Name;
use crate::backend::renode::session::Session;
use crate::backend::{EmulatorError, EmulatorLog};
use crate::config::{ClockKind, ConfigError, TargetConfig};
use crate::coverage::Recorder;
use crate::runtime::{Hold, VirtualClock};
use crate::uart::Ports;

/// The number of the main machine.
pub(crate) const MAIN: usize = 0;

/// The machines of one board, with the clock that they share.
pub(crate) struct Emulation {
    pub(crate) config: TargetConfig,
    pub(crate) machines: Vec<Machine>,
    /// The virtual clock, unless the board runs in real time.
    pub(crate) clock: Option<Arc<VirtualClock>>,
    /// What Renode logs of them.
    pub(crate) log: EmulatorLog,
    /// Records the coverage of code that a machine loads itself, if it is wanted.
    pub(crate) recorder: Option<Arc<Recorder>>,
}

impl Emulation {
    /// Returns the machines, which Renode has not made yet; `ports` has the UARTs of each.
    pub(crate) fn new(
        config: &TargetConfig,
        ports: &[Ports],
        clock: Option<Arc<VirtualClock>>,
    ) -> Result<Self, ConfigError> {
        let machines = config.machines()?.into_iter().zip(ports);
        let machines = machines.map(|(config, ports)| Machine::new(config, ports.clone()));
        Ok(Self {
            config: config.clone(),
            machines: machines.collect(),
            clock,
            log: EmulatorLog::default(),
            recorder: None,
        })
    }

    /// Returns the machines for a board that no target has yet: their UARTs lead nowhere.
    pub(crate) fn without_target(config: &TargetConfig) -> Result<Self, ConfigError> {
        let machines = config.machines()?;
        let nowhere = vec![Ports::new([]); machines.len()];
        Self::new(config, &nowhere, None)
    }

    /// Returns true if the board's clock is virtual.
    pub(crate) fn is_virtual(&self) -> bool {
        self.config.clock == ClockKind::Virtual
    }

    /// Returns true if Renode's log has guards.
    pub(crate) fn guard_the_log(&self) -> bool {
        !self.config.fail_on_log.is_empty()
    }

    /// Returns the UARTs of all machines.
    pub(crate) fn ports(&self) -> Ports {
        Ports::all(self.machines.iter().map(|machine| &machine.ports))
    }

    /// Selects machine `number`, to which later commands apply.
    pub(crate) async fn select(
        &self,
        session: &Session,
        machine: usize,
    ) -> Result<(), EmulatorError> {
        if self.machines.len() == 1 {
            return Ok(());
        }
        self.select_anyway(session, machine).await
    }

    pub(crate) async fn select_anyway(
        &self,
        session: &Session,
        machine: usize,
    ) -> Result<(), EmulatorError> {
        let name = Name::machine(&self.machines[machine].config.name)?;
        let select = MonitorCommand::select_machine(&name);
        session.run_strictly(SELECTING, &select).await
    }

    /// Selects machine `number` without waiting for the answer.
    pub(crate) fn select_ahead(&self, session: &Session, number: usize) {
        if self.machines.len() > 1
            && let Ok(name) = Name::machine(&self.machines[number].config.name)
        {
            session.run_ahead(&MonitorCommand::select_machine(&name));
        }
    }

    /// Starts the board; a board with a virtual clock runs only while an operation waits. The
    /// guest runs before `start` is done, which takes another 100 ms.
    pub(crate) fn run(&self, session: &Session) {
        match &self.clock {
            Some(clock) => clock.begin(),
            None if session.input_is_open() => {
                session.run_ahead(&MonitorCommand::start_by_script());
            }
            None => session.run_ahead(&MonitorCommand::start()),
        }
    }

    /// Reads the output of a board with a virtual clock after the user's own commands, which
    /// may have let it run.
    pub(crate) async fn sync(&self, session: &Session) -> Result<(), EmulatorError> {
        let Some(lockstep) = session.lockstep() else {
            return Ok(());
        };
        let synced = tokio::time::timeout(self.config.timeouts.command, lockstep.sync()).await;
        synced.map_err(|_| session.too_slow("reading the virtual clock"))
    }

    /// Pauses a board with a virtual clock until the hold is dropped.
    pub(crate) async fn pause(&self, session: &Session) -> Result<Option<Hold>, EmulatorError> {
        let Some(clock) = &self.clock else {
            return Ok(None);
        };
        let hold = tokio::time::timeout(self.config.timeouts.command, clock.hold()).await;
        hold.map(Some)
            .map_err(|_| session.too_slow("stopping the virtual clock"))
    }

    /// Returns the number of `machine`, or the numbers of all machines.
    pub(crate) fn numbers(&self, machine: Option<usize>) -> RangeInclusive<usize> {
        let last = self.machines.len() - 1;
        machine.map_or(0..=last, |machine| machine..=machine)
    }

    /// Returns the numbers of the `machines`' UARTs among all UARTs of the board.
    pub(crate) fn uarts(&self, machines: &RangeInclusive<usize>) -> Range<usize> {
        let count = |machines: &[Machine]| -> usize {
            let counts = machines.iter().map(|machine| machine.ports.iter().count());
            counts.sum()
        };
        count(&self.machines[..*machines.start()])..count(&self.machines[..=*machines.end()])
    }

    /// Returns the first halt that stops the time of all machines, if any does.
    pub(crate) fn stopped_by(&self) -> Option<Arc<str>> {
        let halts = self.machines.iter().map(|it| it.ports.main().halt());
        halts.flatten().find(|halt| cpu_halt::stops_all(halt))
    }
}

//! Reading Renode's log: it fails every wait on a machine's UARTs when one of its processors halts or
//! locks up, or when it has what it must not have; and tests look at it.

use std::sync::Arc;

use super::cpu_halt;
use crate::backend::EmulatorLog;
use crate::backend::renode::monitor::plain::Name;
use crate::backend::renode::session::Session;
use crate::uart::Ports;

/// Makes every wait on a machine's ports fail at once if one of its processors halts or locks up
/// from now on, or if a halt of another machine stops the time of all. Adds the lines to `log`.
pub(crate) fn watch(session: &mut Session, machines: Vec<Watched>, log: EmulatorLog) {
    let ports = machines.iter().map(|machine| machine.ports.clone());
    let guarded: Vec<Ports> = ports.filter(Ports::guard_the_log).collect();
    let machines = Arc::new(machines);
    let lockstep = session.lockstep().cloned();
    let halted = move |halt: &str| {
        let (machines, halt) = (Arc::clone(&machines), halt.to_owned());
        let report = move || machines.iter().for_each(|machine| machine.halted(&halt));
        match &lockstep {
            // After the earlier output of the processor.
            Some(lockstep) => lockstep.when_paused(report),
            None => report(),
        }
    };
    let log_end = session.begin_log();
    log.begin();
    let visit = move |line: &str| {
        if log_end.is_at(line) {
            return;
        }
        // A wait that the halt ends finds the line.
        log.add(line);
        if let Some(halt) = cpu_halt::halt(line) {
            halted(halt);
        }
        guarded
            .iter()
            .for_each(|ports| ports.log_line(line.as_bytes()));
    };
    match cpu_halt::follow(&session.log_file(), visit) {
        Ok(following) => session.spawn(following),
        Err(error) => tracing::warn!(
            %error,
            "cannot follow Renode's log: a processor that halts will be noticed only by a wait's time limit"
        ),
    }
}

/// A machine whose processors are watched.
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) ports: Ports,
    /// The processor that runs the firmware.
    pub(crate) main: Option<Name>,
    /// The advice if this processor has nothing to run.
    pub(crate) advice: &'static str,
}

impl Watched {
    /// Reports a `halt` to the machine's UARTs, if it is a halt of this machine or stops the time
    /// of all.
    fn halted(&self, halt: &str) {
        let lock_up = cpu_halt::lock_up(halt);
        if cpu_halt::machine(halt).is_some_and(|machine| machine != self.name) {
            if cpu_halt::stops_all(halt) {
                self.ports.stalled(lock_up.as_deref().unwrap_or(halt));
            }
            return;
        }
        if let Some(lock_up) = lock_up {
            return self.ports.locked_up(&lock_up);
        }
        if !cpu_halt::found_nothing(halt) {
            return self.ports.halted(halt);
        }
        // A machine without firmware may be loaded later: running nothing is no failure.
        if self.ports.main().is_bare() {
            return;
        }
        // The other processors wait for the firmware to start them, or have none: no failure.
        let is_main =
            |main: &Name| main.to_string() == format!("sysbus.{}", cpu_halt::processor(halt));
        if self.main.as_ref().is_none_or(is_main) {
            self.ports.halted(&format!("{halt}: {}", self.advice));
        }
    }
}

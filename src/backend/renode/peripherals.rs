//! LEDs, buttons, pins, and a processor that runs to a place: events of a board of Renode.
//!
//! A script of ours reports them; it is included when a test first asks for one.

use std::sync::Arc;

use super::monitor::command::MonitorCommand;
use super::monitor::plain::Name;
use super::setup::emulation::MAIN;
use super::time::{Script, script};
use super::{KIND, Renode};
use crate::backend::error::{NoPeripheral, Unexpected, Unsupported};
use crate::backend::{
    BoxFuture, EmulatorError, EmulatorErrorKind, Outcome, Place, Reached, Watched,
};

const STEP: &str = "watching the board";

/// What a path is to name.
const LED: &str = "an LED";
const BUTTON: &str = "a button";
const PORT: &str = "a GPIO port";

const SCRIPT: Script = script("events.py", include_str!("time/events.py"));

impl Renode {
    /// Includes the script of the events, unless this board has it.
    async fn open_events(&mut self) -> Result<(), EmulatorError> {
        if self.has_events {
            return Ok(());
        }
        // The script stays in Renode.
        self.key = None;
        let Some(session) = &self.session else {
            return Ok(());
        };
        let mut commands = session.include(STEP, &[SCRIPT])?;
        if let Some(lockstep) = session.lockstep() {
            lockstep.tell_events(&self.events);
        }
        if let Some(input) = session.input() {
            input.tell_events(&self.events);
        }
        commands.push(MonitorCommand::open_events(self.emulation.is_virtual()));
        session.run_all(STEP, &commands).await?;
        self.has_events = true;
        Ok(())
    }

    /// Runs commands on a machine, and returns the last answer; then the main one is selected.
    async fn tell(
        &self,
        machine: usize,
        commands: Vec<MonitorCommand>,
    ) -> Result<String, EmulatorError> {
        let mut last = Ok(String::new());
        for command in commands {
            last = self.on_machine(machine, command).await;
            if last.is_err() {
                break;
            }
        }
        if let Some(session) = &self.session {
            self.emulation.select(session, MAIN).await?;
        }
        last
    }

    pub(super) fn watch_led<'a>(
        &'a mut self,
        machine: usize,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Watched, EmulatorError>> {
        Box::pin(async move {
            let name = Name::peripheral(path)?;
            let _still = self.pause().await?;
            self.open_events().await?;
            let from = self.events.count();
            let commands = vec![
                MonitorCommand::led_state(&name),
                MonitorCommand::watch_led(machine, &name),
                MonitorCommand::led_state(&name),
            ];
            let state = self.tell(machine, commands).await;
            let state = match state {
                Err(error) => return Err(self.explained(error, machine, path, LED).await),
                Ok(state) => state,
            };
            let is_on = match (state.trim(), &self.session) {
                ("True", _) => true,
                ("False", _) | (_, None) => false,
                (_, Some(session)) => return Err(session.nonsense(STEP, Unexpected::Text(state))),
            };
            Ok(Watched {
                is_on,
                events: Arc::clone(&self.events),
                from,
            })
        })
    }

    pub(super) fn press<'a>(
        &'a mut self,
        machine: usize,
        path: &'a str,
        pressed: bool,
    ) -> Outcome<'a> {
        Box::pin(async move {
            // The button stays as it is, in a board that is made again too.
            self.key = None;
            let button = Name::peripheral(path)?;
            let _still = self.pause().await?;
            let press = MonitorCommand::set_button(&button, pressed);
            match self.tell(machine, vec![press]).await {
                Err(error) => Err(self.explained(error, machine, path, BUTTON).await),
                Ok(_) => Ok(()),
            }
        })
    }

    pub(super) fn watch_pin<'a>(
        &'a mut self,
        machine: usize,
        path: &'a str,
        pin: u32,
    ) -> BoxFuture<'a, Result<Watched, EmulatorError>> {
        Box::pin(async move {
            let port = Name::peripheral(path)?;
            let _still = self.pause().await?;
            self.open_events().await?;
            let from = self.events.count();
            let watch = MonitorCommand::watch_pin(machine, &port, pin);
            let told = self.tell(machine, vec![watch]).await;
            let is_on = match told.as_deref().map(str::trim) {
                Ok("high") => true,
                Ok("low") => false,
                _ => return Err(self.no_pin(told, machine, path, pin).await),
            };
            Ok(Watched {
                is_on,
                events: Arc::clone(&self.events),
                from,
            })
        })
    }

    pub(super) fn drive_pin<'a>(
        &'a mut self,
        machine: usize,
        path: &'a str,
        pin: u32,
        is_high: bool,
    ) -> Outcome<'a> {
        Box::pin(async move {
            let port = Name::peripheral(path)?;
            let _still = self.pause().await?;
            self.open_events().await?;
            let set = MonitorCommand::set_pin(&port, pin, is_high);
            let told = self.tell(machine, vec![set]).await;
            match told.as_deref().map(str::trim) {
                Ok("set") => Ok(()),
                _ => Err(self.no_pin(told, machine, path, pin).await),
            }
        })
    }

    /// Returns the error for what a script has said of a pin that it cannot reach.
    async fn no_pin(
        &mut self,
        told: Result<String, EmulatorError>,
        machine: usize,
        path: &str,
        pin: u32,
    ) -> EmulatorError {
        let told = match told {
            Err(error) => return self.explained(error, machine, path, PORT).await,
            Ok(told) => told,
        };
        let nonsense = |this: &Self, told| match &this.session {
            Some(session) => session.nonsense(STEP, Unexpected::Text(told)),
            None => EmulatorError::unsupported(KIND, Unsupported::NoProcessor),
        };
        if told.trim() == "no pins" {
            let error = nonsense(self, told);
            return self.explained(error, machine, path, PORT).await;
        }
        match told.trim().strip_prefix("no pin of") {
            Some(known) => {
                let known = known.split_whitespace().filter_map(|it| it.parse().ok());
                let why = NoPeripheral::pin(path, PORT, pin, known.collect());
                EmulatorError::new(KIND, EmulatorErrorKind::NoPeripheral { why })
            }
            None => nonsense(self, told),
        }
    }

    /// Returns the error of a command that names `path`: if that is not `wanted`, this is what it says.
    async fn explained(
        &mut self,
        error: EmulatorError,
        machine: usize,
        path: &str,
        wanted: &'static str,
    ) -> EmulatorError {
        let is_refused = matches!(
            error.kind(),
            EmulatorErrorKind::Refused { .. } | EmulatorErrorKind::Protocol { .. }
        );
        if !is_refused || self.open_events().await.is_err() {
            return error;
        }
        let Ok(known) = self.tell(machine, vec![MonitorCommand::paths()]).await else {
            return error;
        };
        let known = known.lines().filter_map(|line| line.trim().split_once(' '));
        let why = NoPeripheral::of(path, wanted, known);
        EmulatorError::new(KIND, EmulatorErrorKind::NoPeripheral { why })
    }

    pub(super) fn begin_run_until(
        &mut self,
        machine: usize,
        place: Place,
    ) -> BoxFuture<'_, Result<Reached, EmulatorError>> {
        Box::pin(async move {
            let _still = self.pause().await?;
            self.open_events().await?;
            let Some(processor) = self.emulation.machines[machine].processors.first() else {
                return Err(EmulatorError::unsupported(KIND, Unsupported::NoProcessor));
            };
            let name = processor.name.clone();
            let (events, from) = (Arc::clone(&self.events), self.events.count());
            let text = format!("{machine} {name} reached");
            let hook = MonitorCommand::run_until(machine, &name, place);
            self.tell(machine, vec![hook]).await?;
            self.runs_until = Some(machine);
            Ok(Box::pin(async move { events.wait(from, &text).await }) as Reached)
        })
    }

    pub(super) fn finish_run_until(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(machine) = self.runs_until.take() else {
                return;
            };
            let _still = self.pause().await;
            let end = MonitorCommand::end_run_until();
            if let Err(error) = self.tell(machine, vec![end]).await {
                tracing::warn!(%error, "the processor still stops at its place");
            }
            // In real time the machine has paused there.
            if let Some(session) = &self.session
                && !self.emulation.is_virtual()
            {
                self.emulation.run(session);
            }
        })
    }
}

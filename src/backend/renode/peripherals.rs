//! LEDs, buttons, and a processor that runs to a place: events of a board of Renode.
//!
//! A script of ours reports them; it is included when a test first asks for one.

use std::sync::Arc;

use super::monitor::command::MonitorCommand;
use super::monitor::plain::Name;
use super::session::plain;
use super::setup::emulation::MAIN;
use super::{KIND, Renode};
use crate::backend::error::{Unexpected, Unsupported};
use crate::backend::{BoxFuture, EmulatorError, LedState, Outcome, Place, Reached};

const STEP: &str = "watching the board";

const SCRIPT: &str = include_str!("time/events.py");

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
        let script = session.directory().join("events.py");
        std::fs::write(&script, SCRIPT).map_err(|source| EmulatorError::io(KIND, STEP, source))?;
        if let Some(lockstep) = session.lockstep() {
            lockstep.tell_events(&self.events);
        }
        if let Some(input) = session.input() {
            input.tell_events(&self.events);
        }
        let open = MonitorCommand::open_events(self.emulation.is_virtual());
        let commands = [MonitorCommand::include(&plain(&script)?), open];
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
    ) -> BoxFuture<'a, Result<LedState, EmulatorError>> {
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
            let state = self.tell(machine, commands).await?;
            let is_on = match (state.trim(), &self.session) {
                ("True", _) => true,
                ("False", _) | (_, None) => false,
                (_, Some(session)) => return Err(session.nonsense(STEP, Unexpected::Text(state))),
            };
            Ok(LedState {
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
            self.tell(machine, vec![press]).await?;
            Ok(())
        })
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
            // In real time the board has paused there.
            if let Some(session) = &self.session
                && !self.emulation.is_virtual()
            {
                self.emulation.run(session);
            }
        })
    }
}

//! A running emulator process, of either kind: its output, its end, and who is told of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{EmulatorDeath, EmulatorError, EngineKind, OutputTail, exit};
use crate::process::{Custody, Launch, Process};
use crate::uart::Ports;

/// How long the last words of a dead process may take. Its group is dead by then, so
/// only a descendant in another session can still hold the pipe.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why we have ended an emulator ourselves, once we have.
pub(super) type EndedFor = Arc<OnceLock<String>>;

/// An emulator process; dropping it kills it without any report.
pub(super) struct Emulator {
    process: Arc<Process>,
    death: watch::Receiver<Option<Arc<EmulatorDeath>>>,
    reporter: AbortHandle,
}

impl Emulator {
    /// Starts one. When it ends by itself, or for the reason `ended_for`, every wait on one
    /// of `ports` fails at once, with the `output` that `drained` has collected.
    pub(super) fn start(
        kind: EngineKind,
        custody: &Custody,
        launch: Launch,
        output: OutputTail,
        drained: impl Future<Output = ()> + Send + 'static,
        ports: Ports,
        ended_for: EndedFor,
    ) -> Result<Self, EmulatorError> {
        let process = custody.spawn(launch)?;
        let drained = tokio::spawn(drained);
        let (sender, death) = watch::channel(None);
        let watched = Arc::clone(&process);
        let asked = Arc::downgrade(&process);
        ports.set_stopped(move || asked.upgrade().is_some_and(|process| process.is_stopped()));
        let reporter = tokio::spawn(async move {
            let exit = watched.exited().await;
            let _ = tokio::time::timeout(LAST_WORDS, drained).await;
            let output = output.text();
            let death = Arc::new(match ended_for.get() {
                Some(why) => EmulatorDeath {
                    kind,
                    what: format!("{kind} was ended: {why}"),
                    output,
                },
                None => exit::of(kind, exit, output),
            });
            ports.died(&death.to_string());
            sender.send_replace(Some(death));
        })
        .abort_handle();
        Ok(Self {
            process,
            death,
            reporter,
        })
    }

    /// The process, for whoever has to end it.
    pub(super) fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process)
    }

    /// How it ended, if it has ended by itself.
    pub(super) fn ended(&self) -> Option<Arc<EmulatorDeath>> {
        self.death.borrow().clone()
    }

    /// Waits for its end, as the error of `step`.
    pub(super) async fn death(&self, step: &'static str) -> EmulatorError {
        let mut death = self.death.clone();
        // The sender lives as long as the reporter, which only `end` and `drop` abort.
        let death = match death
            .wait_for(Option::is_some)
            .await
            .map(|death| death.clone())
        {
            Ok(Some(death)) => death,
            _ => std::future::pending().await,
        };
        EmulatorError::Died { step, death }
    }

    /// Kills it and waits until it is gone; nobody is told of a death.
    pub(super) async fn end(self) {
        self.reporter.abort();
        self.process.kill();
        self.process.exited().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.reporter.abort();
        self.process.kill();
    }
}

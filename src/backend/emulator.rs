//! A running emulator process, of either kind: its output, its end, and who is told of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{EmulatorError, EmulatorExit, OutputTail, exit};
use crate::config::BackendKind;
use crate::process::{Process, SpawnSpec, Supervisor};
use crate::uart::Ports;

/// How long the last words of a dead process may take. Its group is dead by then, so
/// only a descendant in another session can still hold the pipe.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why we have ended an emulator ourselves, once we have.
pub(super) type EndedFor = Arc<OnceLock<String>>;

/// An emulator process; dropping it kills it without any report.
pub(super) struct Emulator {
    process: Arc<Process>,
    exit: watch::Receiver<Option<Arc<EmulatorExit>>>,
    reporter: AbortHandle,
}

impl Emulator {
    /// Starts one. When it ends by itself, or for the reason `ended_for`, every wait on one
    /// of `ports` fails at once, with the `output` that `drained` has collected.
    pub(super) fn start(
        kind: BackendKind,
        supervisor: &Supervisor,
        launch: SpawnSpec,
        output: OutputTail,
        drained: impl Future<Output = ()> + Send + 'static,
        ports: Ports,
        ended_for: EndedFor,
    ) -> Result<Self, EmulatorError> {
        let process = supervisor.spawn(launch)?;
        let drained = tokio::spawn(drained);
        let (sender, exit) = watch::channel(None);
        let watched = Arc::clone(&process);
        let asked = Arc::downgrade(&process);
        ports.set_stopped(move || asked.upgrade().is_some_and(|process| process.is_stopped()));
        let reporter = tokio::spawn(async move {
            let exit = watched.exited().await;
            let _ = tokio::time::timeout(LAST_WORDS, drained).await;
            let output = output.text();
            let exit = Arc::new(match ended_for.get() {
                Some(why) => EmulatorExit {
                    kind,
                    what: format!("{kind} was ended: {why}"),
                    output,
                },
                None => exit::of(kind, exit, output),
            });
            ports.exited(&exit.to_string());
            sender.send_replace(Some(exit));
        })
        .abort_handle();
        Ok(Self {
            process,
            exit,
            reporter,
        })
    }

    /// The process, for whoever has to end it.
    pub(super) fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process)
    }

    /// How it ended, if it has ended by itself.
    pub(super) fn ended(&self) -> Option<Arc<EmulatorExit>> {
        self.exit.borrow().clone()
    }

    /// Waits for its end, as the error of `step`.
    pub(super) async fn exit(&self, step: &'static str) -> EmulatorError {
        let mut exit = self.exit.clone();
        // The sender lives as long as the reporter, which only `end` and `drop` abort.
        let exit = match exit
            .wait_for(Option::is_some)
            .await
            .map(|exit| exit.clone())
        {
            Ok(Some(exit)) => exit,
            _ => std::future::pending().await,
        };
        EmulatorError::Exited { step, exit }
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

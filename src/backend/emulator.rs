//! [`Emulator`]: a running process of QEMU or Renode, its output, and the report of its exit.
//!
//! An exit that the harness has not asked for fails every wait on the board's UARTs at once.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::error::ExitReason;
use super::{EmulatorError, EmulatorExit, OutputTail, exit};
use crate::config::BackendKind;
use crate::process::Process;
use crate::sync::lock;
use crate::uart::Ports;

/// The time limit for the rest of an exited process's output. Its group is killed by then, so
/// only a descendant in another session can still hold the pipe open.
pub(super) const OUTPUT_DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// The reason why the harness has ended an emulator; set before the harness kills it.
pub(super) type EndedFor = Arc<OnceLock<ExitReason>>;

/// An emulator process. Dropping it kills the process without a report.
pub(super) struct Emulator {
    process: Arc<Process>,
    exit: watch::Receiver<Option<Arc<EmulatorExit>>>,
    /// The tasks that read its output and report its exit.
    tasks: [AbortHandle; 2],
    board: Arc<Mutex<Board>>,
}

/// The board that the emulator runs.
#[derive(Default)]
struct Board {
    /// Its UARTs; none between two boards, and once their exit has been reported.
    ports: Option<Ports>,
    exit: Option<Arc<EmulatorExit>>,
}

impl Emulator {
    /// Watches an emulator. When the `process` exits by itself, or for the reason `ended_for`,
    /// every wait on a UART of its [board](Self::set_ports) fails at once, with the `output` that
    /// `drained` has collected.
    pub(super) fn watch(
        kind: BackendKind,
        process: Arc<Process>,
        output: OutputTail,
        drained: impl Future<Output = ()> + Send + 'static,
        ended_for: EndedFor,
    ) -> Self {
        let drained = tokio::spawn(drained);
        let reading = drained.abort_handle();
        let (sender, exit) = watch::channel(None);
        let watched = Arc::clone(&process);
        let board: Arc<Mutex<Board>> = Arc::default();
        let runs = Arc::clone(&board);
        let reporter = tokio::spawn(async move {
            let exit = watched.exited().await;
            let _ = tokio::time::timeout(OUTPUT_DRAIN_TIMEOUT, drained).await;
            let output = output.text();
            let exit = Arc::new(match ended_for.get() {
                Some(why) => EmulatorExit {
                    kind,
                    reason: why.clone(),
                    hints: Vec::new(),
                    output,
                },
                None => exit::describe(kind, exit, output),
            });
            let ports = {
                let mut runs = lock(&runs);
                runs.exit = Some(Arc::clone(&exit));
                runs.ports.take()
            };
            if let Some(ports) = ports {
                ports.exited(&exit.to_string());
            }
            sender.send_replace(Some(exit));
        })
        .abort_handle();
        Self {
            process,
            exit,
            tasks: [reading, reporter],
            board,
        }
    }

    /// Sets the UARTs of the board that it runs from now on.
    pub(super) fn set_ports(&self, ports: Option<Ports>) {
        if let Some(ports) = &ports {
            let process = Arc::downgrade(&self.process);
            ports.set_stopped(move || {
                let process = process.upgrade();
                process.is_some_and(|process| process.is_stopped())
            });
        }
        let mut board = lock(&self.board);
        match (&board.exit, ports) {
            (Some(exit), Some(ports)) => {
                let exit = exit.to_string();
                drop(board);
                ports.exited(&exit);
            }
            (_, ports) => board.ports = ports,
        }
    }

    /// Returns the process, for a caller that has to kill it.
    pub(super) fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process)
    }

    /// Returns how the emulator exited, if it has exited by itself.
    pub(super) fn ended(&self) -> Option<Arc<EmulatorExit>> {
        self.exit.borrow().clone()
    }

    /// Waits until the emulator exits, and returns its exit as the error of `step`.
    pub(super) async fn exit(&self, step: &'static str) -> EmulatorError {
        let mut exit = self.exit.clone();
        // The sender lives as long as the reporter, which only `stop_reading` aborts.
        let exit = match exit
            .wait_for(Option::is_some)
            .await
            .map(|exit| exit.clone())
        {
            Ok(Some(exit)) => exit,
            _ => std::future::pending().await,
        };
        EmulatorError::exited(step, exit)
    }

    /// Kills the process and waits until it is reaped, without a report of its exit.
    pub(super) async fn end(self) {
        self.stop_reading();
        self.process.kill();
        self.process.exited().await;
    }

    /// Ends the tasks that read its output and report its exit.
    pub(super) fn stop_reading(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop_reading();
        self.process.kill();
    }
}

//! [`Inner`]: the state that a target shares with its operations in progress.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tokio::sync::{Semaphore, oneshot};

use super::machine_uarts::MachineUarts;
use super::power::Board;
use crate::artifacts::{Report, failed};
use crate::backend::{Events, GivenBack};
use crate::caller::Caller;
use crate::config::TargetConfig;
use crate::coverage::Recorder;
use crate::error::{Error, Result};
use crate::operation::block_on;
use crate::process::Supervisor;
use crate::runtime::{self, io_thread};
use crate::uart::{Live, OffReason, Ports, Uart};

/// The state that a target shares with its operations in progress.
pub(super) struct Inner {
    pub(super) config: TargetConfig,
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) ports: Ports,
    /// The machines in the order of the description, at least one; `ports` has the UARTs of all.
    pub(super) machines: Vec<MachineUarts>,
    pub(super) board: tokio::sync::Mutex<Board>,
    /// The last state of the board that was read for a failure; locked while it is read.
    pub(super) post_mortems: tokio::sync::Mutex<Option<LastStop>>,
    /// Set while a debugger is attached: the board's failures are not explained then.
    pub(super) is_debugged: AtomicBool,
    /// Whether a failed wait stops the board for a debugger: `VTARGET_GDB`.
    pub(super) debugs_failures: bool,
    /// What the board does apart from its UARTs.
    pub(super) events: Option<Arc<Events>>,
    pub(super) report: Option<Arc<Report>>,
    /// What prints the UARTs' output as it comes, if somebody wants to see it.
    pub(super) live: Option<Live>,
    /// True if a test made the target, and not a program.
    pub(super) is_in_test: bool,
    /// Records the coverage, if it is wanted.
    pub(super) recorder: Option<Arc<Recorder>>,
    /// The place in the test that made the target.
    pub(super) at: Caller,
    /// The slots for the emulators of this process.
    pub(super) slots: Arc<Semaphore>,
    /// The process that made the target; a forked child has another number.
    pub(super) owner: u32,
}

/// The state of a machine, for all operations that failed while it was read.
pub(super) struct LastStop {
    pub(super) machine: usize,
    pub(super) text: Option<String>,
    pub(super) done: Instant,
}

impl Inner {
    /// Adds the code that has run to the coverage of the tests. The emulator has exited.
    pub(super) fn finish_coverage(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.finish();
        }
    }

    /// Adds the caller's place and the artifacts to the error of a call that took no time.
    #[track_caller]
    pub(super) fn checked<T>(&self, outcome: Result<T, impl Into<Error>>) -> Result<T> {
        let at = Location::caller();
        outcome.map_err(|error| failed(error, self.report.as_ref(), at))
    }

    /// Pauses the board for good, so that its emulator can run another board; `None` if it cannot,
    /// if the test fails, or if nothing is known of that.
    pub(super) fn give_back(self: &Arc<Self>) -> Option<GivenBack> {
        let passes = self.report.as_ref().is_some_and(|report| report.passes());
        if !passes || std::thread::panicking() || io_thread::is_current() {
            return None;
        }
        let (sender, given) = oneshot::channel();
        let shared = Arc::clone(self);
        let giving = runtime::spawn(async move {
            // Another operation is in progress: its outcome is not known.
            if let Ok(mut board) = shared.board.try_lock() {
                // The receiver waits.
                let _ = sender.send(board.give_back().await);
            }
        });
        giving.ok()?;
        block_on(given).ok()?
    }

    /// Turns the board off, and waits until its emulator's log has been read, if that has guards.
    pub(super) fn read_log_to_its_end(self: &Arc<Self>) {
        let is_guarded = !self.config.fail_on_log.is_empty();
        if !is_guarded || std::thread::panicking() || io_thread::is_current() {
            return;
        }
        let shared = Arc::clone(self);
        let ending = runtime::spawn(async move {
            if let Ok(mut board) = shared.board.try_lock() {
                // Only that of a physical board can fail, which has no log.
                let _ = board.power_off(OffReason::Dropped).await;
            }
        });
        if let Ok(ending) = ending {
            let _ = block_on(ending);
        }
    }

    /// Moves the cursors of the target's own handles to the last start of the board.
    pub(super) fn skip_to_last_start(&self) {
        let uarts = self.machines.iter().flat_map(|machine| &machine.uarts);
        uarts.for_each(Uart::skip_to_last_start);
    }
}

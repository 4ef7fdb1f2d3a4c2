//! [`VirtualTarget::run_until`] and [`VirtualTarget::watch`]: the board runs to a place.

use std::time::Duration;

use super::inner::Inner;
use super::inspect::{StoppedMachine, finished};
use super::target::VirtualTarget;
use super::{post_mortem, variable};
use crate::backend::{BoxFuture, Place, Reached};
use crate::debug::{DebugError, Frame, MemoryValue};
use crate::error::Result;
use crate::operation::Operation;
use crate::runtime::spawn;

const RUN: &str = "run to a place of";
const WATCH: &str = "watch the memory of";

/// The time limits on the host for an emulator to pause, and to tell its state.
const LIMIT: Duration = Duration::from_secs(30);

impl VirtualTarget {
    /// Lets the board run until its processor is about to execute the first instruction of a
    /// function, and returns the chain of calls at that moment. Names are those of
    /// [`symbol`](Self::symbol).
    ///
    /// With a virtual clock the board stands still there, like after any other wait, and can be
    /// looked into; else it runs on. A function that is inlined is never reached. The time limit
    /// is that of output, by default; an operation that is dropped goes on to its end.
    ///
    /// Of several machines only one is waited for; the others run meanwhile, and stand still with it.
    ///
    /// # Errors
    /// [`DebugError::NotReached`] after the time limit; those of [`symbol`](Self::symbol) and
    /// [`backtrace`](Self::backtrace), and of a wait if the board stops.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.uart().send_line("measure").wait()?;
    /// let calls = board.run_until("adc_start").wait()?;
    /// assert_eq!(calls[1].function.as_deref(), Some("measure"));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn run_until(&self, function: &str) -> Operation<Vec<Frame>> {
        self.run_until_of(0, function)
    }

    /// Lets the board run until its processor writes to an address, as a `T`, and returns the value
    /// and the chain of calls at that moment. Otherwise as [`run_until`](Self::run_until).
    ///
    /// The first function of the chain is the one that has written; its place is that instruction,
    /// or the next one. A write by a peripheral, such as DMA, is not seen.
    ///
    /// # Errors
    /// [`DebugError::NotWritten`] after the time limit; those of [`read`](Self::read) and
    /// [`backtrace`](Self::backtrace), and of a wait if the board stops.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let state = board.symbol("state").wait()?;
    /// let written = board.watch::<u32>(state).wait()?;
    /// println!("{} has written {}", written.frames[0], written.value);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn watch<T: MemoryValue>(&self, address: u64) -> Operation<Written<T>> {
        self.watch_of(0, address)
    }

    #[track_caller]
    pub(super) fn run_until_of(&self, machine: usize, function: &str) -> Operation<Vec<Frame>> {
        let function = function.to_owned();
        let what = format!("run_until({function:?})");
        self.waiting(what, None, move |shared, limit| async move {
            let files = shared.board.lock().await.program_files(machine);
            let found = variable::find(files.clone(), function.clone()).await?;
            // The lowest bit says that the code is Thumb.
            let place = Place::Code(found.symbol.address & !1);
            let missed = DebugError::NotReached {
                machine: shared.machines[machine].name.clone(),
                function,
                waited: limit,
            };
            let run = async move {
                run_to(&shared, machine, (place, missed), limit, |mut machine| {
                    Box::pin(async move { post_mortem::backtrace(&mut machine, files).await })
                })
                .await
            };
            finished(spawn(run)?).await
        })
    }

    #[track_caller]
    pub(super) fn watch_of<T: MemoryValue>(
        &self,
        machine: usize,
        address: u64,
    ) -> Operation<Written<T>> {
        let what = format!("watch({address:#x})");
        self.waiting(what, None, move |shared, limit| async move {
            let length = size_of::<T>() as u64;
            let place = Place::Write { address, length };
            let missed = DebugError::NotWritten {
                machine: shared.machines[machine].name.clone(),
                address,
                waited: limit,
            };
            let run = async move {
                let mut board = shared.board.lock().await;
                let files = board.program_files(machine);
                // There must be memory.
                let look = board.inspect(machine, WATCH, (LIMIT, LIMIT), move |mut machine| {
                    Box::pin(async move { machine.read_value::<T>(address).await })
                });
                look.await?;
                drop(board);
                run_to(&shared, machine, (place, missed), limit, |mut machine| {
                    Box::pin(async move {
                        Ok(Written {
                            value: machine.read_value(address).await?,
                            frames: post_mortem::backtrace(&mut machine, files).await?,
                        })
                    })
                })
                .await
            };
            finished(spawn(run)?).await
        })
    }
}

/// A write to a variable that was [watched](VirtualTarget::watch).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written<T> {
    /// The value after the write.
    pub value: T,
    /// The functions that were executed, first the one that has written.
    pub frames: Vec<Frame>,
}

/// Lets the board run to a place, and looks at it there; `missed` is the error after the time limit.
async fn run_to<T>(
    shared: &Inner,
    machine: usize,
    (place, missed): (Place, DebugError),
    limit: Duration,
    look: impl for<'a> FnOnce(StoppedMachine<'a>) -> BoxFuture<'a, Result<T>>,
) -> Result<T> {
    let mut board = shared.board.lock().await;
    board.check_runs(RUN)?;
    let reached = match board.backend.run_until(machine, place).await {
        Ok(reached) => wait(shared, machine, reached, limit).await,
        Err(error) => Err(error.into()),
    };
    let seen = match reached {
        Ok(true) => board.inspect(machine, RUN, (LIMIT, LIMIT), look).await,
        Ok(false) => Err(missed.into()),
        Err(error) => Err(error),
    };
    board.backend.end_run_until().await;
    seen
}

/// Lets the board run until something is reached; returns false after the time limit.
pub(super) async fn wait(
    shared: &Inner,
    machine: usize,
    reached: Reached,
    limit: Duration,
) -> Result<bool> {
    let time = shared.machines[machine].uart().let_pass(limit);
    tokio::select! {
        // What has been reached counts, and the guest must not run on.
        biased;
        () = reached => Ok(true),
        passed = time => passed.map(|()| false),
    }
}

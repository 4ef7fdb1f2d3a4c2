//! [`BoardDrivers`]: what a Renode process has for the board that it runs.
//!
//! Each board has a directory of its own, with the scripts and FIFOs of its drivers; a driver of an
//! earlier board cannot be taken for one of this board.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::time::fifos::Fifos;
use super::time::input::Input;
use super::time::lockstep::{Lockstep, LockstepHandle};
use crate::runtime::VirtualClock;

/// A function that kills Renode, because what its first argument names has failed for the reason
/// in its second.
pub(crate) type Fail = Arc<dyn Fn(&'static str, String) + Send + Sync>;

/// Returns the directory of board `number`, in that of the process.
pub(crate) fn directory_of(private: &Path, number: u32) -> PathBuf {
    private.join(format!("board-{number}"))
}

/// The directory and the drivers of one board.
pub(crate) struct BoardDrivers {
    directory: PathBuf,
    /// The FIFOs to the script of the virtual clock, until there is a clock that drives it.
    fifos: Option<Fifos>,
    /// The driver of a board with a virtual clock.
    lockstep: Option<Lockstep>,
    /// The input of its UARTs, if it runs in real time.
    input: Option<Input>,
    /// Set once the script of the input has been included.
    pub(crate) input_is_open: bool,
    /// Tasks that end with the board.
    tasks: JoinSet<()>,
}

impl BoardDrivers {
    /// Makes the directory of board `number` in that of the process, unless another process has made
    /// it, with the FIFOs of its scripts.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn make(
        private: &Path,
        number: u32,
        is_virtual: bool,
        fail: Fail,
    ) -> io::Result<Self> {
        let directory = directory_of(private, number);
        std::fs::create_dir_all(&directory)?;
        let failed = move |why| fail("sending to its UARTs", why);
        let (fifos, input) = match is_virtual {
            true => (Some(Fifos::make(&directory)?), None),
            false => (None, Some(Input::prepare(&directory, failed)?)),
        };
        Ok(Self {
            directory,
            fifos,
            lockstep: None,
            input,
            input_is_open: false,
            tasks: JoinSet::new(),
        })
    }

    /// Lets `clock` drive the script of the virtual clock.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn drive(&mut self, clock: &Arc<VirtualClock>, fail: Fail) {
        if let Some(fifos) = self.fifos.take() {
            let failed = move |why| fail("driving its clock", why);
            self.lockstep = Some(Lockstep::drive(fifos, clock, failed));
        }
    }

    /// Ends the scripts and the tasks of the board.
    pub(crate) async fn end(&mut self) {
        self.tasks.shutdown().await;
        if let Some(lockstep) = self.lockstep() {
            lockstep.end().await;
        }
        if let Some(input) = self.input().filter(|_| self.input_is_open) {
            input.end().await;
        }
    }

    /// Runs `task` until the board is dropped.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn(task));
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn has_virtual_clock(&self) -> bool {
        self.input.is_none()
    }

    pub(crate) fn lockstep(&self) -> Option<&LockstepHandle> {
        self.lockstep.as_ref().map(Lockstep::handle)
    }

    pub(crate) fn input(&self) -> Option<&Input> {
        self.input.as_ref()
    }
}

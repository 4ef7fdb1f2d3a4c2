//! The calls that a board's engine answers.

use std::pin::Pin;
use std::sync::Arc;

use super::error::{EmulatorError, EmulatorExit};
use super::identity::Identity;
use super::image::Image;
use super::metrics::Metrics;
use crate::runtime::Clock;

/// A boxed future, as `dyn Backend` needs them.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outcome of a backend's calls.
pub(crate) type Outcome<'a> = BoxFuture<'a, Result<(), EmulatorError>>;

/// Reads the present content of a log.
pub(crate) type LogText = Box<dyn Fn() -> String + Send>;

/// One board, on one engine: a single machine, or several that belong together.
///
/// A call that fails or is dropped midway leaves the board in an undefined
/// state; the target then powers it off.
pub(crate) trait Backend: Send {
    /// Which engine plays the board, for notices and reports; known better by and by.
    fn identity(&self) -> &Identity;

    /// Waits until all is known of the engine that can be known now.
    fn identified(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// What it writes down of its emulator from each power-on on, by the names of files.
    fn logs(&self) -> Vec<(&'static str, LogText)>;

    /// Whether the machine of that number can be given the image; asked before anything is started.
    fn accepts(&self, machine: usize, image: &Image) -> crate::Result<()>;

    /// Starts the emulator with the image of each machine in its memory and lets the board run;
    /// QEMU's stands still without one.
    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a>;

    /// Ends the emulator at once; returns when it is gone. Does nothing when it is not there.
    ///
    /// Only the power switch of a physical board can fail; it is let go all the same.
    fn power_off(&mut self) -> Outcome<'_>;

    /// Replaces the firmware of a machine of a running board, which starts anew with it.
    fn reload<'a>(&'a mut self, machine: usize, image: &'a Image) -> Outcome<'a>;

    /// Whether the board can be reset at all; asked before it is.
    fn can_reset(&self) -> Result<(), EmulatorError> {
        Ok(())
    }

    /// Resets one machine of a running board, or all, as the reset pin does.
    fn reset(&mut self, machine: Option<usize>) -> Outcome<'_>;

    /// Has the emulator do a command of the user's own; what it said.
    fn monitor<'a>(&'a mut self, command: &'a str) -> BoxFuture<'a, Result<String, EmulatorError>> {
        let error = self.only_renode(format!("do the monitor command `{command}`"));
        Box::pin(async { Err(error) })
    }

    /// What one machine of the board has done since power-on, or all.
    fn metrics(
        &mut self,
        _machine: Option<usize>,
    ) -> BoxFuture<'_, Result<Metrics, EmulatorError>> {
        let error = self.only_renode("measure what the board has done".to_owned());
        Box::pin(async { Err(error) })
    }

    /// The error of what the other engines cannot do.
    fn only_renode(&self, what: String) -> EmulatorError {
        EmulatorError::Unsupported {
            kind: self.identity().engine().kind,
            what,
            advice: "only Renode can: run the target there (VTARGET_BACKEND=renode)",
        }
    }

    /// What it has not finished yet, as in ``it has not done `start` ``, if that is known.
    fn unfinished(&self) -> Option<String> {
        None
    }

    /// How the emulator ended, if it was started and has ended by itself.
    fn ended(&self) -> Option<Arc<EmulatorExit>>;

    /// The guest's own clock, where it can run slower than the host's.
    fn clock(&self) -> Option<Arc<dyn Clock>>;
}

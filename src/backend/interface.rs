//! [`Backend`]: the interface between a target and the engine that runs its board.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::emulator_log::EmulatorLog;
use super::error::{EmulatorError, EmulatorExit, Unfinished, Unsupported};
use super::events::Events;
use super::guest_access::GuestAccess;
use super::identity::Identity;
use super::image::Image;
use super::metrics::Metrics;
use super::outcome::{BoxFuture, Outcome};
use crate::runtime::Clock;

/// A function that returns the current content of a log.
pub(crate) type LogText = Box<dyn Fn() -> String + Send>;

/// The right to have an emulator.
pub(crate) type Slot = OwnedSemaphorePermit;

/// A function that takes a slot, if one is free.
pub(crate) type TakeSlot = Arc<dyn Fn() -> Option<Slot> + Send + Sync>;

/// A function that keeps an emulator whose board is paused for good, for a later board. Dropping
/// this ends the emulator.
pub(crate) type GivenBack = Box<dyn FnOnce(TakeSlot) + Send>;

/// An LED or a pin, which is watched from now on.
pub(crate) struct Watched {
    /// Whether the LED is on, or the pin high.
    pub(crate) is_on: bool,
    pub(crate) events: Arc<Events>,
    /// The number of events before the state was read.
    pub(crate) from: usize,
}

/// What a processor runs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The instruction at this address, before it is executed.
    Code(u64),
    /// A write to any of these bytes, after it.
    Write { address: u64, length: u64 },
}

/// A future that is ready once the processor has reached a place.
pub(crate) type Reached = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A board on one engine: a single machine, or several machines that are connected.
///
/// A call that fails, or that is dropped before its end, leaves the board in an undefined
/// state; the target then powers it off.
pub(crate) trait Backend: Send {
    /// Returns the engine of the board, for notices and reports. Some fields are filled in only
    /// after the first start.
    fn identity(&self) -> &Identity;

    /// Waits until the identity is as complete as it can be at this time.
    fn identified(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Returns the logs of the emulator, by their file names. Each begins anew at a power-on.
    fn logs(&self) -> Vec<(&'static str, LogText)>;

    /// Returns what the emulator logs, whose lines are read as they come, if it logs anything.
    fn emulator_log(&self) -> Result<EmulatorLog, EmulatorError> {
        Err(self.unsupported(Unsupported::Log))
    }

    /// Waits until all that the emulator has logged so far has been read.
    fn read_log(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Returns an error if machine number `machine` cannot load `image`. Called before anything is
    /// started.
    fn accepts(&self, machine: usize, image: &Image) -> crate::Result<()>;

    /// Starts the emulator with each machine's image in its memory, and runs the board. QEMU's
    /// board stays paused without an image.
    fn power_on<'a>(&'a mut self, images: &'a [Option<Image>]) -> Outcome<'a>;

    /// Kills the emulator, and returns when it has exited. Does nothing if it does not run.
    ///
    /// Only the power-off command of a physical board can fail; its port is released even then.
    fn power_off(&mut self) -> Outcome<'_>;

    /// Pauses a running board for good, so that its emulator can run another board later; `None` if
    /// it cannot. The board no longer has the emulator then.
    fn give_back(&mut self) -> BoxFuture<'_, Option<GivenBack>> {
        Box::pin(async { None })
    }

    /// Replaces the firmware of a machine of a running board, and starts the machine again with it.
    fn reload<'a>(&'a mut self, machine: usize, image: &'a Image) -> Outcome<'a>;

    /// Returns an error if the board has no reset. Called before [`reset`](Self::reset).
    fn can_reset(&self) -> Result<(), EmulatorError> {
        Ok(())
    }

    /// Resets one machine of a running board, or all machines, as the reset pin does.
    fn reset(&mut self, machine: Option<usize>) -> Outcome<'_>;

    /// Runs a command of the user in the emulator's monitor, and returns the output.
    fn monitor<'a>(&'a mut self, command: &'a str) -> BoxFuture<'a, Result<String, EmulatorError>> {
        let error = self.unsupported(Unsupported::MonitorCommand {
            command: command.to_owned(),
        });
        Box::pin(async { Err(error) })
    }

    /// Returns the metrics of one machine, or of all machines, since the last power-on.
    fn metrics(
        &mut self,
        _machine: Option<usize>,
    ) -> BoxFuture<'_, Result<Metrics, EmulatorError>> {
        let error = self.unsupported(Unsupported::Metrics);
        Box::pin(async { Err(error) })
    }

    /// Returns the access to the board's processors and memories, if the engine gives it.
    fn guest_access(&mut self) -> Option<&mut dyn GuestAccess> {
        None
    }

    /// Returns what the board does apart from its UARTs, if the engine can report it.
    fn events(&self) -> Option<Arc<Events>> {
        None
    }

    /// Returns the state of an LED of a machine, whose changes are events from now on.
    fn led<'a>(
        &'a mut self,
        _machine: usize,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Watched, EmulatorError>> {
        let path = path.to_owned();
        let error = self.unsupported(Unsupported::Led { path });
        Box::pin(async { Err(error) })
    }

    /// Presses or releases a button of a machine.
    fn set_button<'a>(&'a mut self, _machine: usize, path: &'a str, _pressed: bool) -> Outcome<'a> {
        let path = path.to_owned();
        let error = self.unsupported(Unsupported::Button { path });
        Box::pin(async { Err(error) })
    }

    /// Returns the level of a pin of a machine's GPIO port, whose changes are events from now on.
    fn pin<'a>(
        &'a mut self,
        _machine: usize,
        port: &'a str,
        pin: u32,
    ) -> BoxFuture<'a, Result<Watched, EmulatorError>> {
        let port = port.to_owned();
        let error = self.unsupported(Unsupported::Pin { port, pin });
        Box::pin(async { Err(error) })
    }

    /// Drives a pin of a machine's GPIO port from outside.
    fn set_pin<'a>(
        &'a mut self,
        _machine: usize,
        port: &'a str,
        pin: u32,
        _is_high: bool,
    ) -> Outcome<'a> {
        let port = port.to_owned();
        let error = self.unsupported(Unsupported::Pin { port, pin });
        Box::pin(async { Err(error) })
    }

    /// Lets a machine run until its processor has reached a place. It stays there until
    /// [`end_run_until`](Self::end_run_until).
    fn run_until(
        &mut self,
        _machine: usize,
        _place: Place,
    ) -> BoxFuture<'_, Result<Reached, EmulatorError>> {
        let error = self.unsupported(Unsupported::RunUntil);
        Box::pin(async { Err(error) })
    }

    /// Ends what [`run_until`](Self::run_until) has begun, and lets the board run.
    fn end_run_until(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Returns the error of a `request` that this engine does not support.
    fn unsupported(&self, request: Unsupported) -> EmulatorError {
        EmulatorError::unsupported(self.identity().engine().kind, request)
    }

    /// Returns the unfinished part of the running call, if that is known.
    fn unfinished(&self) -> Option<Unfinished> {
        None
    }

    /// Returns how the emulator exited, if it was started and has exited by itself.
    fn ended(&self) -> Option<Arc<EmulatorExit>>;

    /// Returns the guest's clock, if guest time can advance slower than the host's time.
    fn clock(&self) -> Option<Arc<dyn Clock>>;
}

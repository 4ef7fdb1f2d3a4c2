//! [`Pin`] of a board of Renode.

use std::time::Duration;

use super::inner::Inner;
use super::peripherals::has_come;
use super::target::VirtualTarget;
use crate::debug::DebugError;
use crate::error::Result;
use crate::operation::Operation;

const LOOK: &str = "look at a pin of";
const SET: &str = "set a pin of";

impl VirtualTarget {
    /// Returns a pin of a GPIO port by the port's path in Renode, such as `sysbus.gpioPortD`, and the
    /// pin's number in it.
    ///
    /// ```no_run
    /// # use virtual_target::millis;
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let (over_temperature, heater) = (board.pin("sysbus.gpioPortA", 3), board.pin("sysbus.gpioPortD", 12));
    /// heater.expect_high().wait()?;
    /// over_temperature.set_high().wait()?;
    /// heater.expect_low().within(millis(1)).wait()?;
    /// # Ok(()) }
    /// ```
    pub fn pin(&self, port: &str, pin: u32) -> Pin<'_> {
        self.pin_of(0, port, pin)
    }

    pub(super) fn pin_of(&self, machine: usize, port: &str, pin: u32) -> Pin<'_> {
        Pin {
            target: self,
            machine,
            port: port.to_owned(),
            pin,
        }
    }
}

/// A pin of a GPIO port; on Renode only.
///
/// The changes of a pin stand in the [transcript](VirtualTarget::transcript) and among the artifacts, in
/// `events.txt`, from the first look on.
#[derive(Debug, Clone)]
pub struct Pin<'a> {
    target: &'a VirtualTarget,
    machine: usize,
    port: String,
    pin: u32,
}

impl Pin<'_> {
    /// Waits until the pin is high; returns at once if it is. With a virtual clock the board stands
    /// still at the very instruction that has set it.
    ///
    /// The time limit is that of output, by default.
    ///
    /// # Errors
    /// [`DebugError::NoLevel`] after the time limit; those of [`is_high`](Self::is_high), and of a wait
    /// if the board stops.
    #[track_caller]
    pub fn expect_high(&self) -> Operation<()> {
        self.expect(true)
    }

    /// Waits until the pin is low. As [`expect_high`](Self::expect_high).
    ///
    /// # Errors
    /// Those of [`expect_high`](Self::expect_high).
    #[track_caller]
    pub fn expect_low(&self) -> Operation<()> {
        self.expect(false)
    }

    /// Returns true if the pin is high: as the firmware has set it, or as
    /// [`set_high`](Self::set_high) or a part of the board has, if Renode's port shows its inputs.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) if the board is off; [`EmulatorError`](crate::EmulatorError)
    /// if there is no such port or pin, with what there is, or the engine is not Renode.
    #[track_caller]
    pub fn is_high(&self) -> Operation<bool> {
        let (machine, port, pin) = (self.machine, self.port.clone(), self.pin);
        self.target.operation(move |shared, _| async move {
            let mut board = shared.board.lock().await;
            board.check_runs(LOOK)?;
            Ok(board.backend.pin(machine, &port, pin).await?.is_on)
        })
    }

    /// Drives the pin high from outside, as an input of the firmware; it keeps this level until it is
    /// set again.
    ///
    /// # Errors
    /// Those of [`is_high`](Self::is_high).
    #[track_caller]
    pub fn set_high(&self) -> Operation<()> {
        self.set(true)
    }

    /// Drives the pin low from outside. As [`set_high`](Self::set_high).
    ///
    /// # Errors
    /// Those of [`is_high`](Self::is_high).
    #[track_caller]
    pub fn set_low(&self) -> Operation<()> {
        self.set(false)
    }

    #[track_caller]
    fn expect(&self, wanted: bool) -> Operation<()> {
        let (machine, port, pin) = (self.machine, self.port.clone(), self.pin);
        let level = level(wanted);
        let what = format!("pin({port:?}, {pin}).expect_{level}()");
        self.target
            .waiting(what, None, move |shared, limit| async move {
                wait_for(&shared, (machine, port, pin), wanted, limit).await
            })
    }

    #[track_caller]
    fn set(&self, is_high: bool) -> Operation<()> {
        let (machine, port, pin) = (self.machine, self.port.clone(), self.pin);
        let what = format!("pin({port:?}, {pin}).set_{}()", level(is_high));
        self.target
            .waiting(what, None, move |shared, _| async move {
                let mut board = shared.board.lock().await;
                board.check_runs(SET)?;
                Ok(board.backend.set_pin(machine, &port, pin, is_high).await?)
            })
    }
}

fn level(is_high: bool) -> &'static str {
    if is_high { "high" } else { "low" }
}

/// Waits until a pin has a level.
async fn wait_for(
    shared: &Inner,
    (machine, port, pin): (usize, String, u32),
    wanted: bool,
    limit: Duration,
) -> Result<()> {
    let mut board = shared.board.lock().await;
    board.check_runs(LOOK)?;
    let watched = board.backend.pin(machine, &port, pin).await?;
    drop(board);
    let text = format!("{machine} {port} {pin} {}", level(wanted));
    match has_come(shared, machine, watched, (wanted, text), limit).await? {
        true => Ok(()),
        false => Err(DebugError::NoLevel {
            machine: shared.machines[machine].name.clone(),
            port,
            pin,
            wanted,
            waited: limit,
        }
        .into()),
    }
}

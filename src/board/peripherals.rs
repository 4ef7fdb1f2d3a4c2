//! [`Led`] and [`Button`] of a board of Renode.

use std::time::Duration;

use super::inner::Inner;
use super::run_until::wait;
use super::target::VirtualTarget;
use crate::backend::Watched;
use crate::debug::DebugError;
use crate::error::Result;
use crate::operation::Operation;

const LOOK: &str = "look at an LED of";
const PRESS: &str = "press a button of";

impl VirtualTarget {
    /// Returns an LED by its path in Renode, such as `sysbus.gpioPortD.UserLED`.
    ///
    /// ```no_run
    /// # use virtual_target::millis;
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// let led = board.led("sysbus.gpioPortD.UserLED");
    /// board.button("sysbus.gpioPortA.UserButton").press_for(millis(50)).wait()?;
    /// led.expect_on().wait()?;
    /// # Ok(()) }
    /// ```
    pub fn led(&self, path: &str) -> Led<'_> {
        self.led_of(0, path)
    }

    /// Returns a button by its path in Renode, such as `sysbus.gpioPortA.UserButton`.
    pub fn button(&self, path: &str) -> Button<'_> {
        self.button_of(0, path)
    }

    pub(super) fn led_of(&self, machine: usize, path: &str) -> Led<'_> {
        Led {
            target: self,
            machine,
            path: path.to_owned(),
        }
    }

    pub(super) fn button_of(&self, machine: usize, path: &str) -> Button<'_> {
        Button {
            target: self,
            machine,
            path: path.to_owned(),
        }
    }
}

/// An LED of a board; on Renode only.
///
/// The changes of an LED stand in the [transcript](VirtualTarget::transcript) and among the artifacts, in
/// `events.txt`, from the first look on.
#[derive(Debug, Clone)]
pub struct Led<'a> {
    target: &'a VirtualTarget,
    machine: usize,
    path: String,
}

impl Led<'_> {
    /// Waits until the LED is on; returns at once if it is. With a virtual clock the board stands
    /// still at the very instruction that has turned it on.
    ///
    /// The time limit is that of output, by default.
    ///
    /// # Errors
    /// [`DebugError::NoChange`] after the time limit; those of [`state`](Self::state), and of a
    /// wait if the board stops.
    #[track_caller]
    pub fn expect_on(&self) -> Operation<()> {
        self.expect(true)
    }

    /// Waits until the LED is off. As [`expect_on`](Self::expect_on).
    ///
    /// # Errors
    /// Those of [`expect_on`](Self::expect_on).
    #[track_caller]
    pub fn expect_off(&self) -> Operation<()> {
        self.expect(false)
    }

    /// Returns true if the LED is on.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) if the board is off; [`EmulatorError`](crate::EmulatorError)
    /// if there is no such LED, with what there is, or the engine is not Renode.
    #[track_caller]
    pub fn state(&self) -> Operation<bool> {
        let (machine, path) = (self.machine, self.path.clone());
        self.target.operation(move |shared, _| async move {
            let mut board = shared.board.lock().await;
            board.check_runs(LOOK)?;
            Ok(board.backend.led(machine, &path).await?.is_on)
        })
    }

    #[track_caller]
    fn expect(&self, wanted: bool) -> Operation<()> {
        let (machine, path) = (self.machine, self.path.clone());
        let word = if wanted { "on" } else { "off" };
        let what = format!("led({path:?}).expect_{word}()");
        self.target
            .waiting(what, None, move |shared, limit| async move {
                let mut board = shared.board.lock().await;
                board.check_runs(LOOK)?;
                let watched = board.backend.led(machine, &path).await?;
                drop(board);
                let text = format!("{machine} {path} {word}");
                match has_come(&shared, machine, watched, (wanted, text), limit).await? {
                    true => Ok(()),
                    false => Err(DebugError::NoChange {
                        machine: shared.machines[machine].name.clone(),
                        led: path,
                        wanted,
                        waited: limit,
                    }
                    .into()),
                }
            })
    }
}

/// A button of a board; on Renode only.
#[derive(Debug, Clone)]
pub struct Button<'a> {
    target: &'a VirtualTarget,
    machine: usize,
    path: String,
}

impl Button<'_> {
    /// Presses the button, until it is released.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) if the board is off; [`EmulatorError`](crate::EmulatorError)
    /// if there is no such button, with what there is, or the engine is not Renode.
    #[track_caller]
    pub fn press(&self) -> Operation<()> {
        self.set(true)
    }

    /// Releases the button.
    ///
    /// # Errors
    /// Those of [`press`](Self::press).
    #[track_caller]
    pub fn release(&self) -> Operation<()> {
        self.set(false)
    }

    /// Presses the button, lets `duration` pass in the board's clock, and releases the button.
    ///
    /// # Errors
    /// Those of [`press`](Self::press), and of a wait if the board stops; the button stays pressed
    /// then.
    #[track_caller]
    pub fn press_for(&self, duration: Duration) -> Operation<()> {
        let (machine, path) = (self.machine, self.path.clone());
        let what = format!("button({path:?}).press_for({duration:?})");
        self.target
            .waiting(what, None, move |shared, _| async move {
                set(&shared, machine, &path, true).await?;
                shared.machines[machine].uart().let_pass(duration).await?;
                set(&shared, machine, &path, false).await
            })
    }

    #[track_caller]
    fn set(&self, pressed: bool) -> Operation<()> {
        let (machine, path) = (self.machine, self.path.clone());
        let act = if pressed { "press" } else { "release" };
        let what = format!("button({path:?}).{act}()");
        self.target
            .waiting(what, None, move |shared, _| async move {
                set(&shared, machine, &path, pressed).await
            })
    }
}

/// Waits until an LED or a pin has the wanted state, which the event says; returns false after the time
/// limit.
pub(super) async fn has_come(
    shared: &Inner,
    machine: usize,
    watched: Watched,
    (wanted, event): (bool, String),
    limit: Duration,
) -> Result<bool> {
    let Watched {
        is_on,
        events,
        from,
    } = watched;
    if is_on == wanted {
        return Ok(true);
    }
    let changed = Box::pin(async move { events.wait(from, &event).await });
    wait(shared, machine, changed, limit).await
}

/// Presses or releases a button.
async fn set(shared: &Inner, machine: usize, path: &str, pressed: bool) -> Result<()> {
    let mut board = shared.board.lock().await;
    board.check_runs(PRESS)?;
    Ok(board.backend.set_button(machine, path, pressed).await?)
}

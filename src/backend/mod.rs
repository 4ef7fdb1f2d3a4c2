//! The engines that run a target's board: they start, stop, load and reset it, and connect its
//! UARTs.
//!
//! A [`Backend`] runs one board in an emulator, or controls a physical one. The target calls it on
//! the I/O thread, one call at a time. A backend does not use tests, expectations or handles.

mod emulator;
mod emulator_log;
pub(crate) mod error;
mod events;
mod executable;
mod exit;
mod guest_access;
mod identity;
mod image;
mod installed;
mod interface;
mod interrupts;
mod metrics;
mod outcome;
mod output;
mod program_output;
pub(crate) mod qemu;
pub(crate) mod renode;
pub(crate) mod serial;

pub(crate) use emulator_log::{EmulatorLog, Searched};
pub use error::{EmulatorError, EmulatorErrorKind, EmulatorExit};
pub(crate) use events::{At, Change, Event, Events};
pub(crate) use executable::is_in_path;
pub(crate) use guest_access::{Attached, DebuggerLink, GuestAccess, LogNote, NamedCpu, chunks};
pub use identity::EmulatorInfo;
pub(crate) use identity::Identity;
pub(crate) use image::Image;
pub(crate) use interface::{Backend, GivenBack, LogText, Place, Reached, Slot, TakeSlot, Watched};
pub(crate) use interrupts::INTERRUPTS;
pub use metrics::Metrics;
pub(crate) use outcome::{BoxFuture, Outcome};
pub(crate) use output::OutputTail;

//! The errors of emulators and physical boards, as data, and all their texts. The backends pass
//! only data.
//!
//! [`EmulatorError`] has the engine, the [places](ErrorPlace) and an [`EmulatorErrorKind`].
//! [`EmulatorExit`] is an exit that nobody asked for.

mod emulator_error;
mod exit;
mod kind;
mod no_peripheral;
mod not_there;
mod place;
mod refusal;
mod serial;
mod unexpected;
mod unsupported;
mod unusable_path;
mod value;

pub use emulator_error::EmulatorError;
pub use exit::{EmulatorExit, ExitReason, StartHint};
pub use kind::{EmulatorErrorKind, Unfinished, Unreached};
pub use no_peripheral::NoPeripheral;
pub use not_there::{NotThere, ProgramFlaw};
pub use place::{ErrorPlace, NoUart};
pub use refusal::RefusalReason;
pub use serial::{CommandEnd, PortFlaw};
pub(super) use unexpected::ProtocolError;
pub use unexpected::{BoardDifference, Unexpected};
pub use unsupported::Unsupported;
pub(super) use unusable_path::{PathFlaw, UnusablePath};
pub use value::{ValueFlaw, ValueRole};

//! `VirtualTarget`: the board that a test holds.
//!
//! Power and firmware are kept here, in the terms of a bench: on, off, cycle,
//! flash, reset. What they mean to an emulator is the backend's business.

mod builder;
mod concurrency;
mod error;
mod inner;
mod machine;
mod machine_uarts;
mod power;
mod select_backend;
mod target;

pub use builder::TargetBuilder;
pub use error::PowerError;
pub use machine::Machine;
pub use target::VirtualTarget;

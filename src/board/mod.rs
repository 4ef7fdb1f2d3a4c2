//! A test's board: [`VirtualTarget`], its [`TargetBuilder`], and its machines, [`Machine`].
//!
//! This module has the operations of a lab bench: on, off, cycle, flash, reset. The backend
//! implements them for its emulator or physical board.

mod builder;
mod concurrency;
mod debugger;
mod error;
mod explained;
mod inner;
mod inspect;
mod interact;
mod keys;
mod log;
mod look;
mod machine;
mod machine_uarts;
mod patience;
mod peripherals;
mod pin;
mod post_mortem;
mod power;
mod program_files;
mod run_until;
mod select_backend;
mod target;
mod terminal;
mod transcript;
mod variable;

pub use builder::TargetBuilder;
pub use error::PowerError;
pub use machine::Machine;
pub use peripherals::{Button, Led};
pub use pin::Pin;
pub use run_until::Written;
pub use target::VirtualTarget;

//! Says where stopped firmware is and why, from the registers and the memory of its processor and
//! from its ELF files.
//!
//! Nothing here talks to an engine: an engine gives a [`CpuState`], and the bytes of the ranges
//! that a [`MemoryImage`] lists as missing.

mod error;
mod exception;
mod frame;
mod guest;
mod loops;
mod post_mortem;
mod program;
#[cfg(test)]
mod recorded;
mod registers;
mod snapshot;
mod stack;
mod unwind;
mod value;
mod wait_instruction;
mod wake_up;

pub use error::DebugError;
pub use frame::Frame;
pub(crate) use post_mortem::{PostMortem, SLEEPS};
pub(crate) use program::{DwarfReader, Programs, load_dwarf};
pub use registers::Registers;
pub(crate) use snapshot::{BLOCK, Core, CpuState, MemoryImage, RunState};
pub use value::MemoryValue;
pub(crate) use wait_instruction::{BEFORE_PC, sleeps};

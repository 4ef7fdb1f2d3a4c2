//! Says where stopped firmware is and why, from the registers and the memory of its processor and
//! from its ELF files.
//!
//! Nothing here talks to an engine: an engine gives a [`CpuState`], and the bytes of the ranges
//! that a [`MemoryImage`] lists as missing.

mod snapshot;

pub(crate) use snapshot::{BLOCK, Core, CpuState, MemoryImage, RunState};

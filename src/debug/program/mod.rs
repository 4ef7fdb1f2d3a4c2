//! The program in a target's memory, from its ELF files: symbols, lines, code, unwind tables.

mod dwarf;
mod elf;
mod exidx;
mod members;
mod programs;
mod symbols;

pub(crate) use dwarf::{DwarfReader, load_dwarf};
pub(super) use elf::Program;
pub(super) use exidx::{Entry, ExidxStep, unwind_steps};
pub(crate) use programs::Programs;

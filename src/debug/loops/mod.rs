//! The loop in which a processor waits, and what it waits for.
//!
//! The decoders know what such loops are made of, and give instructions of one kind for all
//! processors.

mod counting;
mod evaluation;
mod find;
mod instruction;
mod poll;
mod progress;
mod risc_v;
mod thumb;
mod value;

pub(super) use find::{Loop, find};

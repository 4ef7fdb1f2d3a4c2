//! Coverage of firmware that was not instrumented: which lines of its sources have run.
//!
//! An engine reports the start of each block of code when it translates the block, which costs
//! nothing afterwards. A `Recorder` collects these for a target, finds the instructions up to the
//! block's first branch (`blocks`) and the lines that begin at them (DWARF: `program`), and
//! merges the lines into `lcov.info` of the run (`store`).

mod blocks;
mod code;
mod dwarf;
mod error;
mod executed;
mod known;
mod lcov;
mod program;
mod programs;
mod recorder;
mod report;
mod run;
mod sources;
mod store;

pub use error::CoverageError;
pub(crate) use executed::BlockStarts;
pub(crate) use programs::MachineFiles;
pub(crate) use recorder::{Recorder, Recording};
pub use report::{CoverageReport, FileCoverage};

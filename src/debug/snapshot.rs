//! The state of a stopped processor: its registers, and the memory that was read.
//!
//! An engine fills a [`CpuState`] and reads no memory by itself. The analysis runs on a
//! [`MemoryImage`]; what it misses there is listed, the engine reads it, and the analysis runs
//! again, until nothing is missing:
//!
//! ```text
//! let mut memory = MemoryImage::default();
//! let report = loop {
//!     let report = analyse(&state, &programs, &mut memory);
//!     let missing = memory.take_missing();
//!     if missing.is_empty() { break report; }
//!     for range in missing {
//!         let bytes = …;                       // `None`: there is no plain memory
//!         memory.insert(range, bytes);
//!     }
//! };
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A kind of processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    /// Armv6-M, Armv7-M or Armv8-M.
    CortexM,
    /// 32-bit or 64-bit RISC-V.
    RiscV,
}

/// What a processor does at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    /// It executes instructions.
    Running,
    /// It sleeps in WFI or WFE.
    Waiting,
    /// The engine does not let it run.
    Halted,
    /// A fault in a fault handler has stopped it.
    LockedUp,
}

/// The state of a processor at a stop, read without executing an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CpuState {
    pub(crate) core: Core,
    pub(crate) state: RunState,
    /// Names and values; a register that the engine does not model is left out.
    ///
    /// Cortex-M: `r0` to `r12`, `sp`, `lr`, `pc`, `xpsr`, `msp`, `psp`, `primask`, `basepri`,
    /// `faultmask`, `control`; of the System Control Block `cfsr`, `hfsr`, `mmfar`, `bfar`; if it
    /// sleeps, `vtor`, and of the NVIC `iser0` to `iser7`, `ispr0` to `ispr7`.
    /// RISC-V: `x0` to `x31`, `pc`, `mstatus`, `mie`, `mtvec`, `mcause`, `mepc`, `mtval`.
    pub(crate) registers: Vec<(String, u64)>,
    /// The address ranges of RAM and ROM as the engine reports them; empty if it does not.
    pub(crate) memories: Vec<Range<u64>>,
}

impl CpuState {
    /// Returns the value of a register, if the engine models it.
    pub(crate) fn register(&self, name: &str) -> Option<u64> {
        let mut registers = self.registers.iter();
        registers.find(|it| it.0 == name).map(|it| it.1)
    }
}

/// The size of the aligned blocks that are read.
pub(crate) const BLOCK: u64 = 256;

/// The largest number of blocks that one analysis may ask for.
const MOST_BLOCKS: usize = 256;

/// The memory of a stopped processor, as far as it has been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryImage {
    /// The blocks by their first address; `None` is no plain memory.
    blocks: BTreeMap<u64, Option<Vec<u8>>>,
    missing: BTreeSet<u64>,
    is_gone: bool,
}

impl MemoryImage {
    /// Returns the memory of an emulator that has ended: nothing can be read any more.
    pub(crate) fn gone() -> Self {
        Self {
            is_gone: true,
            ..Self::default()
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Returns the bytes of a range, or `None` where they are unknown or no plain memory.
    ///
    /// Unknown blocks become missing.
    pub(super) fn read(&mut self, address: u64, length: usize) -> Option<Vec<u8>> {
        let end = address.checked_add(length as u64)?;
        if self.is_gone {
            return None;
        }
        let mut bytes = Vec::new();
        let mut complete = true;
        let mut start = address - address % BLOCK;
        while start < end {
            let next = start.checked_add(BLOCK)?;
            match self.blocks.get(&start) {
                Some(Some(block)) => {
                    let from = address.max(start) - start;
                    let to = end.min(next) - start;
                    bytes.extend_from_slice(block.get(from as usize..to as usize)?);
                }
                Some(None) => return None,
                None => {
                    complete = false;
                    if self.blocks.len() + self.missing.len() < MOST_BLOCKS {
                        self.missing.insert(start);
                    }
                }
            }
            start = next;
        }
        complete.then_some(bytes)
    }

    /// Adds what was read of a range from [`take_missing`](Self::take_missing); `None` where
    /// there is no plain memory.
    pub(crate) fn insert(&mut self, range: Range<u64>, bytes: Option<Vec<u8>>) {
        let size = range.end.saturating_sub(range.start);
        if let Some(bytes) = bytes.filter(|it| it.len() as u64 == size) {
            let starts = (range.start..).step_by(BLOCK as usize);
            for (start, block) in starts.zip(bytes.chunks(BLOCK as usize)) {
                self.blocks.insert(start, Some(block.to_vec()));
            }
        } else {
            for start in range.step_by(BLOCK as usize) {
                self.blocks.insert(start, None);
            }
        }
    }

    /// Removes and returns the ranges that the analysis has missed, in order of address.
    ///
    /// Each is made of whole blocks of [`BLOCK`] bytes; where an engine cannot read all of a
    /// range, it reads and inserts the blocks one by one.
    pub(crate) fn take_missing(&mut self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for start in std::mem::take(&mut self.missing) {
            let end = start.saturating_add(BLOCK);
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn what_is_not_known_becomes_missing_in_whole_blocks_and_is_read_then() {
        let mut memory = MemoryImage::default();
        assert_eq!(memory.read(0x2000_00fe, 4), None);
        let missing = memory.take_missing();
        assert_eq!(missing, slice::from_ref(&(0x2000_0000..0x2000_0200)));
        let bytes = (0..512_u32).map(|it| it as u8).collect();
        memory.insert(missing[0].clone(), Some(bytes));
        assert_eq!(memory.read(0x2000_00fe, 4), Some(vec![0xfe, 0xff, 0, 1]));
        assert_eq!(memory.take_missing(), []);
    }

    #[test]
    fn a_block_that_is_no_plain_memory_is_asked_for_once() {
        let mut memory = MemoryImage::default();
        assert_eq!(memory.read(0, 1), None);
        assert_eq!(memory.take_missing(), slice::from_ref(&(0..256)));
        memory.insert(0..256, None);
        assert_eq!(memory.read(0, 1), None);
        assert_eq!(memory.take_missing(), []);
    }

    #[test]
    fn one_analysis_reads_a_bounded_amount() {
        let mut memory = MemoryImage::default();
        for address in (0..1 << 20).step_by(64) {
            memory.read(address, 4);
        }
        let missing = memory.take_missing();
        assert_eq!(missing, slice::from_ref(&(0..MOST_BLOCKS as u64 * BLOCK)));
        assert_eq!(memory.read(u64::MAX, 4), None);
        assert_eq!(memory.read(u64::MAX - 4, 4), None);
    }
}

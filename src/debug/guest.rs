//! [`Guest`]: a stopped processor with its memory and programs, as the analysis reads them.

use super::program::Programs;
use super::snapshot::{BLOCK, Core, CpuState, MemoryImage};

/// A stopped target.
pub(super) struct Guest<'a> {
    pub(super) cpu: &'a CpuState,
    pub(super) programs: &'a Programs,
    memory: &'a mut MemoryImage,
}

impl<'a> Guest<'a> {
    pub(super) fn new(
        cpu: &'a CpuState,
        programs: &'a Programs,
        memory: &'a mut MemoryImage,
    ) -> Self {
        Self {
            cpu,
            programs,
            memory,
        }
    }

    /// Returns true if the emulator has ended.
    pub(super) fn is_memory_gone(&self) -> bool {
        self.memory.is_gone()
    }

    /// The size in bytes of an address.
    pub(super) fn word_size(&self) -> u64 {
        let is_64 = self.cpu.core == Core::RiscV && self.programs.all.iter().any(|it| it.is_64);
        if is_64 { 8 } else { 4 }
    }

    /// Returns true if an address may be read: a peripheral may lose a byte by it.
    ///
    /// If the engine does not say where memory is, this is known from the architecture or from
    /// the programs.
    pub(super) fn is_memory(&self, address: u64) -> bool {
        if !self.cpu.memories.is_empty() {
            return self.cpu.memories.iter().any(|it| it.contains(&address));
        }
        match self.cpu.core {
            Core::CortexM => {
                matches!(address, 0..0x4000_0000 | 0x6000_0000..0xa000_0000)
            }
            Core::RiscV => {
                let mut all = self.programs.all.iter().flat_map(|it| &it.statics);
                all.any(|it| it.range.contains(&address))
            }
        }
    }

    /// Returns bytes of memory: code and constants from the ELF files, other bytes from the
    /// target. `None` where there is no memory, or as long as it has not been read.
    pub(super) fn bytes(&mut self, address: u64, length: usize) -> Option<Vec<u8>> {
        if let Some(bytes) = self.programs.constant(address, length) {
            return Some(bytes.to_vec());
        }
        let last = address.checked_add(length as u64)?.checked_sub(1)?;
        if !self.is_memory(address) || !self.is_memory(last) {
            return None;
        }
        self.memory.read(address, length)
    }

    /// Returns the unsigned number at an address.
    pub(super) fn number(&mut self, address: u64, size: u64) -> Option<u64> {
        let bytes = self.bytes(address, usize::try_from(size).ok()?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, it| sum << 8 | u64::from(*it)),
        )
    }

    /// Returns the word at an address.
    pub(super) fn word(&mut self, address: u64) -> Option<u64> {
        self.number(address, self.word_size())
    }

    /// Has the engine read the blocks from an address on at once, instead of one after the other.
    pub(super) fn prefetch(&mut self, address: u64, length: u64) {
        for offset in (0..length).step_by(BLOCK as usize) {
            if let Some(start) = address.checked_add(offset) {
                self.bytes(start, 1);
            }
        }
    }

    /// Returns true if an ELF file has code at an address.
    pub(super) fn is_code(&self, address: u64) -> bool {
        self.programs.is_code(address)
    }

    /// Returns true if the instruction before an address is a call.
    pub(super) fn follows_call(&mut self, address: u64) -> bool {
        self.is_code(address) && self.is_after_call(address)
    }

    /// Returns true if the bytes before an address in memory are a call.
    pub(super) fn is_after_call(&mut self, address: u64) -> bool {
        let half = |guest: &mut Self, back: u64| guest.number(address.checked_sub(back)?, 2);
        let (wide, narrow) = (half(self, 4), half(self, 2));
        match self.cpu.core {
            Core::CortexM => {
                let bl = wide.is_some_and(|it| it & 0xf800 == 0xf000)
                    && narrow.is_some_and(|it| it & 0xd000 == 0xd000);
                let blx = narrow.is_some_and(|it| it & 0xff87 == 0x4780);
                bl || blx
            }
            Core::RiscV => {
                // JAL and JALR with `ra`, C.JAL, C.JALR.
                let links = wide.is_some_and(|it| matches!(it & 0xfff, 0x0ef | 0x0e7));
                let compressed = narrow.is_some_and(|it| {
                    it & 0xe003 == 0x2001 || it & 0xf07f == 0x9002 && it & 0x0f80 != 0
                });
                links || compressed
            }
        }
    }
}

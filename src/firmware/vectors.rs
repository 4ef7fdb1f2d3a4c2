//! [`Contents`]: the memory that an image fills, and the search for a Cortex-M's vector table in
//! it.
//!
//! The table begins with the stack pointer and the addresses of the handlers of reset, NMI and
//! HardFault. These addresses are odd, because the processor executes Thumb code only. Nothing
//! else in an image looks like a table.

use std::ops::Range;

/// The largest image that is read; an image for a microcontroller is far smaller.
pub(super) const LARGEST: u64 = 64 << 20;

/// The bytes of an image, their load addresses, and the ranges where the code runs.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The pieces in the order of their addresses; adjoining pieces are joined.
    pub(super) pieces: Vec<Piece>,
    /// The ranges where the code may run, in addition to those where it is loaded.
    pub(super) runs_at: Vec<Range<u64>>,
    /// The lowest address of an ELF file's sections, if the file also has symbols.
    pub(super) lowest_section: Option<u64>,
    /// The program's start address in an S-record file.
    pub(super) start: Option<u64>,
}

/// Returns at most `length` bytes from `address` on, of those that begin at `start`; `None` without any.
pub(crate) fn bytes_at(start: u64, bytes: &[u8], address: u64, length: u64) -> Option<&[u8]> {
    let from = usize::try_from(address.checked_sub(start)?).ok()?;
    let rest = bytes.get(from..).filter(|it| !it.is_empty())?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Some(&rest[..rest.len().min(length)])
}

/// Contiguous bytes in memory.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

/// The values with which a processor starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) stack: u32,
    pub(crate) pc: u32,
}

impl Contents {
    /// Sorts the pieces and joins adjoining ones. Where two overlap, the later one counts.
    pub(super) fn join(&mut self) {
        self.pieces.retain(|piece| !piece.bytes.is_empty());
        self.pieces.sort_by_key(|piece| piece.address);
        let mut joined: Vec<Piece> = Vec::new();
        for piece in self.pieces.drain(..) {
            match joined.last_mut() {
                Some(last) if last.end() == piece.address => last.bytes.extend(piece.bytes),
                _ => joined.push(piece),
            }
        }
        self.pieces = joined;
    }

    /// Returns at most `length` bytes that are loaded from `address` on.
    pub(crate) fn bytes(&self, address: u64, length: u64) -> &[u8] {
        // Where pieces overlap, the later one counts.
        let mut pieces = self.pieces.iter().rev();
        let found = pieces.find_map(|it| bytes_at(it.address, &it.bytes, address, length));
        found.unwrap_or_default()
    }

    /// Returns the lowest load address.
    pub(crate) fn lowest(&self) -> Option<u64> {
        Some(self.pieces.first()?.address)
    }

    pub(crate) fn lowest_section(&self) -> Option<u64> {
        self.lowest_section
    }

    /// Returns the program's start address in an S-record file, if the contents include it.
    pub(crate) fn start(&self) -> Option<u32> {
        let start = self.start.filter(|&start| self.has_code(start))?;
        u32::try_from(start).ok()
    }

    /// Reads the table at `address`, if the contents include its code.
    pub(crate) fn entry_at(&self, address: u64) -> Option<Entry> {
        let [stack, pc] = self.words(address)?;
        let runs = stack != 0 && stack % 4 == 0 && self.has_code(u64::from(pc & !1));
        runs.then_some(Entry { stack, pc })
    }

    /// Returns the addresses of complete tables.
    pub(crate) fn tables(&self) -> Vec<u64> {
        const ALIGNMENT: u64 = 128;
        let places = self.pieces.iter().flat_map(|piece| {
            let first = piece.address.checked_next_multiple_of(ALIGNMENT);
            let places = first.map(|first| (first..piece.end()).step_by(ALIGNMENT as usize));
            places.into_iter().flatten()
        });
        places.filter(|&place| self.is_table(place)).collect()
    }

    fn is_table(&self, address: u64) -> bool {
        const MEMORY: Range<u32> = 0x0100_0000..0xA000_0000;
        let Some([stack, reset, nmi, fault]) = self.words(address) else {
            return false;
        };
        let is_handler = |word: u32| word & 1 == 1 && self.has_code(u64::from(word & !1));
        stack % 4 == 0 && MEMORY.contains(&stack) && [reset, nmi, fault].into_iter().all(is_handler)
    }

    fn has_code(&self, address: u64) -> bool {
        let loaded = self.pieces.iter().map(|piece| piece.address..piece.end());
        loaded
            .chain(self.runs_at.iter().cloned())
            .any(|range| range.contains(&(address & !1)))
    }

    /// Reads the words at `address`, if all of them are loaded.
    fn words<const N: usize>(&self, address: u64) -> Option<[u32; N]> {
        let after = self
            .pieces
            .partition_point(|piece| piece.address <= address);
        let piece = &self.pieces[after.checked_sub(1)?];
        let from = usize::try_from(address - piece.address).ok()?;
        let bytes = piece.bytes.get(from..)?.get(..4 * N)?;
        let (words, _) = bytes.as_chunks::<4>();
        words
            .iter()
            .map(|&word| u32::from_le_bytes(word))
            .collect::<Vec<_>>()
            .try_into()
            .ok()
    }
}

impl Piece {
    pub(super) fn end(&self) -> u64 {
        self.address.saturating_add(self.bytes.len() as u64)
    }
}

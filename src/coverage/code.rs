//! The code of an image: its instructions, the lines that begin at them, and its functions.

use std::ops::Range;

use object::read::{Object, ObjectSection, ObjectSymbol};
use object::{SectionFlags, SymbolKind, elf};

use crate::firmware::bytes_at;

/// A line of a source, and the address of an instruction at which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineStart {
    pub(super) address: u64,
    /// The index of the source.
    pub(super) file: usize,
    pub(super) line: u32,
}

/// A function of a source, or an inlined copy of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// The index of the source.
    pub(super) file: usize,
    pub(super) line: u32,
    pub(super) code: Vec<Range<u64>>,
}

/// The sections that a processor can execute, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Code {
    sections: Vec<(u64, Vec<u8>)>,
    /// Set if a function is at address 0.
    at_zero: bool,
}

impl Code {
    pub(super) fn read(file: &object::File<'_>) -> Self {
        let mut sections = Vec::new();
        for section in file.sections() {
            if let SectionFlags::Elf { sh_flags, .. } = section.flags()
                && sh_flags.contains(elf::SHF_ALLOC)
                && sh_flags.contains(elf::SHF_EXECINSTR)
                && let Ok(data) = section.data()
            {
                sections.push((section.address(), data.to_vec()));
            }
        }
        let is_at_zero = |symbol: object::Symbol<'_, '_>| {
            symbol.kind() == SymbolKind::Text && symbol.is_definition() && symbol.address() <= 1
        };
        Self {
            sections,
            at_zero: file.symbols().any(is_at_zero),
        }
    }

    /// Returns true if linked code begins at an address. Code that was not linked begins at 0, or
    /// outside of every section.
    pub(super) fn contains(&self, address: u64) -> bool {
        (address != 0 || self.at_zero) && self.half_word(address).is_some()
    }

    pub(super) fn half_word(&self, address: u64) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(address, 2).try_into().ok()?))
    }

    /// Returns at most `length` bytes from `address` on.
    pub(super) fn bytes(&self, address: u64, length: u64) -> &[u8] {
        let mut sections = self.sections.iter();
        let found = sections.find_map(|(start, bytes)| bytes_at(*start, bytes, address, length));
        found.unwrap_or_default()
    }
}

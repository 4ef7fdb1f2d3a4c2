//! [`Program`]: one ELF file, read for its addresses, names and unwind tables.

use std::ops::Range;

use object::read::{Architecture, Object, ObjectSection, SectionFlags};
use object::{SectionKind, elf};

use super::dwarf::{CallFrame, Dwarf};
use super::exidx::Exidx;
use super::members;
use super::symbols::{Symbol, Symbols};
use crate::debug::frame::Frame;

/// A section with writable contents, such as `.bss`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) struct Static {
    pub(in crate::debug) name: String,
    pub(in crate::debug) range: Range<u64>,
}

/// What is known of a program from one ELF file.
pub(in crate::debug) struct Program {
    pub(in crate::debug) name: String,
    pub(in crate::debug) entry: u64,
    pub(in crate::debug) is_64: bool,
    pub(in crate::debug) statics: Vec<Static>,
    code: Vec<Range<u64>>,
    /// Code and constants, which the program does not change.
    constants: Vec<(u64, Vec<u8>)>,
    symbols: Symbols,
    dwarf: Dwarf,
    pub(super) exidx: Option<Exidx>,
}

impl Program {
    /// Reads a little-endian ELF file; `None` if it cannot be parsed.
    pub(super) fn parse(name: String, bytes: &[u8]) -> Option<Self> {
        let file = object::File::parse(bytes).ok()?;
        if !file.is_little_endian() {
            return None;
        }
        let mut code = Vec::new();
        let mut constants = Vec::new();
        let mut statics = Vec::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            let start = section.address();
            let Some(end) = start.checked_add(section.size()) else {
                continue;
            };
            if !sh_flags.contains(elf::SHF_ALLOC) || start == end {
                continue;
            }
            if sh_flags.contains(elf::SHF_WRITE) {
                let name = section.name().unwrap_or_default().to_owned();
                let range = start..end;
                statics.push(Static { name, range });
            } else if let Ok(data) = section.data()
                && data.len() as u64 == end - start
            {
                constants.push((start, data.to_vec()));
            }
            if section.kind() == SectionKind::Text || sh_flags.contains(elf::SHF_EXECINSTR) {
                code.push(start..end);
            }
        }
        let is_code = |address| code.iter().any(|it: &Range<u64>| it.contains(&address));
        let symbols = Symbols::read(&file, is_code);
        let arm = file.architecture() == Architecture::Arm;
        Some(Self {
            name,
            entry: file.entry() & !u64::from(arm),
            is_64: file.is_64(),
            dwarf: Dwarf::read(&file),
            exidx: arm.then(|| Exidx::read(&file)).flatten(),
            symbols,
            statics,
            code,
            constants,
        })
    }

    /// Returns true if a processor can execute what this file has at an address.
    pub(super) fn is_code(&self, address: u64) -> bool {
        self.code.iter().any(|it| it.contains(&address))
    }

    /// Returns code or constants.
    pub(in crate::debug) fn constant(&self, address: u64, length: usize) -> Option<&[u8]> {
        self.constants.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(from..from.checked_add(length)?)
        })
    }

    /// Returns the functions at an address of code, the inlined ones first; the last one has the
    /// name in the symbol table, if debug information has none.
    pub(super) fn frames(&self, address: u64) -> Vec<Frame> {
        let mut frames = self.dwarf.frames(address);
        if frames.is_empty() {
            frames.push(Frame {
                address,
                function: None,
                file: None,
                line: None,
                certain: true,
            });
        }
        if let Some(last) = frames.last_mut()
            && last.function.is_none()
        {
            last.function = self.function(address).map(|it| it.name.clone());
        }
        frames
    }

    pub(in crate::debug) fn function(&self, address: u64) -> Option<&Symbol> {
        let found = self.symbols.function(address);
        found.filter(|_| self.is_code(address))
    }

    pub(in crate::debug) fn variable(&self, address: u64) -> Option<&Symbol> {
        self.symbols.variable(address)
    }

    /// Returns the name of the variable or the part of one at an address, such as `job.finished`, or
    /// `job+4` if its type is not known.
    pub(super) fn place(&self, address: u64) -> Option<String> {
        let variable = self.variable(address)?;
        let name = &variable.name;
        let info = self.dwarf.info();
        Some(
            match info.and_then(|it| members::part(it, variable.address, address)) {
                Some(part) => format!("{name}{part}"),
                None if variable.address == address => name.clone(),
                None => format!("{name}+{}", address - variable.address),
            },
        )
    }

    /// Returns the value of a symbol that a linker script defines.
    pub(in crate::debug) fn mark(&self, name: &str) -> Option<u64> {
        self.symbols.mark(name)
    }

    pub(super) fn call_frame(&self, address: u64) -> Option<CallFrame> {
        self.dwarf.call_frame(address)
    }

    pub(super) fn is_stripped(&self) -> bool {
        self.symbols.is_empty() && !self.dwarf.has_lines()
    }
}

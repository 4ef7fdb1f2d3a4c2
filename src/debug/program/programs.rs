//! [`Programs`]: several ELF files, such as an application and its boot loader.

use super::dwarf::CallFrame;
use super::elf::Program;
use super::exidx::Entry;
use super::symbols::Symbol;
use crate::debug::frame::Frame;

/// The ELF files of a target.
#[derive(Default)]
pub(crate) struct Programs(pub(in crate::debug) Vec<Program>);

impl Programs {
    /// Adds an ELF file; returns false if it is none, or none for a little-endian processor.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> bool {
        let program = Program::parse(name.to_owned(), bytes);
        let added = program.is_some();
        self.0.extend(program);
        added
    }

    /// Returns the functions at an address, the inlined ones first; at least one.
    ///
    /// The address is that of an instruction; for the line of a call it is in the call, not after
    /// it.
    pub(crate) fn frames(&self, address: u64) -> Vec<Frame> {
        match self.program(address) {
            Some(program) => program.frames(address),
            None => vec![Frame {
                address,
                function: None,
                file: None,
                line: None,
                certain: true,
            }],
        }
    }

    /// Returns true if an ELF file has code at an address.
    pub(crate) fn is_code(&self, address: u64) -> bool {
        self.program(address).is_some()
    }

    pub(in crate::debug) fn constant(&self, address: u64, length: usize) -> Option<&[u8]> {
        let mut all = self.0.iter();
        all.find_map(|it| it.constant(address, length))
    }

    pub(in crate::debug) fn function(&self, address: u64) -> Option<&Symbol> {
        self.program(address)?.function(address)
    }

    pub(in crate::debug) fn variable(&self, address: u64) -> Option<&Symbol> {
        let mut all = self.0.iter();
        all.find_map(|it| it.variable(address))
    }

    pub(in crate::debug) fn call_frame(&self, address: u64) -> Option<CallFrame> {
        self.program(address)?.call_frame(address)
    }

    pub(in crate::debug) fn exidx(&self, address: u64) -> Option<Entry> {
        let program = self.program(address)?;
        let constant = |at: u64| {
            let bytes = program.constant(at, 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        program.exidx.as_ref()?.entry(address, constant)
    }

    /// Returns true if an address is that of the first instruction's function.
    pub(in crate::debug) fn is_entry(&self, address: u64) -> bool {
        let Some(program) = self.program(address) else {
            return false;
        };
        let function = program.function(address);
        function.is_some_and(|it| it.address == program.entry)
    }

    /// Returns the name of the file with code at an address, if the file is stripped.
    pub(in crate::debug) fn stripped(&self, address: u64) -> Option<&str> {
        let program = self.program(address)?;
        program.is_stripped().then_some(&program.name)
    }

    fn program(&self, address: u64) -> Option<&Program> {
        self.0.iter().find(|it| it.is_code(address))
    }
}

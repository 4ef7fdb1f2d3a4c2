//! [`Programs`]: several ELF files, such as an application and its boot loader.

use super::dwarf::CallFrame;
use super::elf::Program;
use super::exidx::Entry;
use super::symbols::Symbol;
use crate::debug::frame::Frame;

/// The ELF files of a target.
#[derive(Default)]
pub(crate) struct Programs {
    pub(in crate::debug) all: Vec<Program>,
    /// The name of an image that is no ELF file.
    image: Option<String>,
    /// The name of an ELF file that was left out, because it is of another program.
    other: Option<String>,
}

impl Programs {
    /// Adds an ELF file; returns false if it is none, or none for a little-endian processor.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> bool {
        let program = Program::parse(name.to_owned(), bytes);
        let added = program.is_some();
        self.all.extend(program);
        added
    }

    /// Names the image in the target's memory that is no ELF file, and so says nothing.
    pub(crate) fn set_image(&mut self, name: &str) {
        self.image = Some(name.to_owned());
    }

    /// Names an ELF file that was left out, because it is of another program than the image.
    pub(crate) fn set_other(&mut self, name: &str) {
        self.other = Some(name.to_owned());
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
        let mut all = self.all.iter();
        all.find_map(|it| it.constant(address, length))
    }

    pub(in crate::debug) fn function(&self, address: u64) -> Option<&Symbol> {
        self.program(address)?.function(address)
    }

    /// Returns the name of what is at an address in the program that is executed at `pc`, such as
    /// `job.finished`.
    pub(in crate::debug) fn place(&self, pc: u64, address: u64) -> Option<String> {
        self.running(pc)?.place(address)
    }

    /// Returns the program that is executed at `pc`; the firmware, if that is nowhere.
    pub(in crate::debug) fn running(&self, pc: u64) -> Option<&Program> {
        self.program(pc & !1).or(self.all.first())
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

    /// Returns why the code at an address has no names, as in `app.elf is stripped`.
    pub(in crate::debug) fn nameless(&self, address: u64) -> Option<String> {
        let why = match (self.program(address), &self.image) {
            (Some(program), _) if program.is_stripped() => {
                format!("{} is stripped", program.name)
            }
            (None, Some(image)) => format!("{image} has no symbols"),
            _ => return None,
        };
        Some(match &self.other {
            Some(file) => format!("{why}, and {file} is of another program"),
            None => why,
        })
    }

    /// Returns the file with code at an address, rather one that is not stripped.
    fn program(&self, address: u64) -> Option<&Program> {
        let mut having = self.all.iter().filter(|it| it.is_code(address));
        let first = having.next()?;
        match first.is_stripped() {
            true => having.find(|it| !it.is_stripped()).or(Some(first)),
            false => Some(first),
        }
    }
}

//! [`ProgramFiles`]: the files that say what is in the memory of a machine.

use std::path::Path;

use crate::debug::{DebugError, Programs};
use crate::error::Result;
use crate::firmware::{Difference, Firmware, Format};
use crate::uart::{Address, named};

/// What the description and the builder say of a machine's program.
#[derive(Debug)]
pub(super) struct MachineProgram {
    /// The name of the machine in messages.
    pub(super) name: String,
    /// The address of a raw binary.
    pub(super) load_address: Option<u64>,
    /// The ELF files that are given for their symbols.
    pub(super) symbols: Vec<Firmware>,
}

/// The firmware of a machine, and the ELF files that are given for their symbols.
#[derive(Debug, Clone)]
pub(super) struct ProgramFiles {
    /// The name of the machine in messages.
    pub(super) machine: String,
    pub(super) firmware: Option<Firmware>,
    load_address: Option<u64>,
    symbols: Vec<Firmware>,
}

impl ProgramFiles {
    pub(super) fn new(program: &MachineProgram, firmware: Option<&Firmware>) -> Self {
        Self {
            machine: program.name.clone(),
            firmware: firmware.cloned(),
            load_address: program.load_address,
            symbols: program.symbols.clone(),
        }
    }

    /// Returns the files whose names are those of the program in the memory, the firmware first; and
    /// why another one was left out.
    ///
    /// Reads the files; not for the I/O thread.
    pub(super) fn usable(&self) -> (Vec<&Firmware>, Option<OtherProgram>) {
        let mut left_out = None;
        let mut files: Vec<&Firmware> = self.firmware.iter().collect();
        for file in &self.symbols {
            match self.difference(file) {
                None => files.push(file),
                Some(other) => left_out = left_out.or(Some(other)),
            }
        }
        (files, left_out)
    }

    /// Returns how an ELF file differs from the flashed image, if it is of another program.
    fn difference(&self, file: &Firmware) -> Option<OtherProgram> {
        let image = self.firmware.as_ref()?;
        // An image that can no longer be read is compared with nothing.
        let difference = image.difference(file, self.load_address).ok()??;
        Some(OtherProgram {
            file: file.clone(),
            image: image.clone(),
            difference,
        })
    }

    /// Reads the ELF files among them; not for the I/O thread.
    pub(super) fn read_now(&self) -> Programs {
        let mut programs = Programs::default();
        let (files, left_out) = self.usable();
        for file in files {
            let name = name(file.path());
            if file.format() != Format::Elf {
                programs.set_image(&name);
            } else if let Ok(bytes) = std::fs::read(file.path()) {
                programs.add(&name, &bytes);
            }
        }
        if let Some(other) = left_out {
            programs.set_other(&name(other.file.path()));
        }
        programs
    }

    /// Reads the ELF files among them.
    pub(super) async fn read(self) -> Programs {
        // A large file takes a while; the I/O thread serves other boards as well.
        let read = tokio::task::spawn_blocking(move || self.read_now()).await;
        read.unwrap_or_default()
    }

    /// Returns a line for each address that is one of code.
    pub(super) async fn names(self, addresses: Vec<Address>) -> Vec<String> {
        let name = tokio::task::spawn_blocking(move || named(&addresses, &self.read_now())).await;
        name.unwrap_or_default()
    }

    /// Returns an error if an ELF file was left out, whose names would be wrong.
    pub(super) async fn check(self) -> Result<()> {
        let check = move || self.usable().1;
        let left_out = tokio::task::spawn_blocking(check).await.unwrap_or_default();
        left_out.map_or(Ok(()), |other| Err(other.error().into()))
    }
}

/// An ELF file that is of another program than the flashed image.
pub(super) struct OtherProgram {
    file: Firmware,
    image: Firmware,
    difference: Difference,
}

impl OtherProgram {
    pub(super) fn error(&self) -> DebugError {
        let Difference {
            common,
            differing,
            first,
        } = self.difference;
        DebugError::OtherProgram {
            file: self.file.path().to_owned(),
            image: self.image.path().to_owned(),
            common,
            differing,
            first,
        }
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

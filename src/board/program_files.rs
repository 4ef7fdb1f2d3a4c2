//! [`ProgramFiles`]: the files that say what is in the memory of a machine.

use super::power::Board;
use crate::debug::Programs;
use crate::firmware::{Firmware, Format};

/// The firmware of a machine, and the ELF files that are given for their symbols.
#[derive(Debug, Clone)]
pub(super) struct ProgramFiles {
    /// The name of the machine in messages.
    pub(super) machine: String,
    pub(super) firmware: Option<Firmware>,
    pub(super) symbols: Vec<Firmware>,
}

impl Board {
    /// Returns the files of a machine.
    pub(super) fn program_files(&self, machine: usize) -> ProgramFiles {
        ProgramFiles {
            machine: self.machine.clone(),
            firmware: self.firmware(machine).cloned(),
            symbols: self.symbols(machine).to_vec(),
        }
    }
}

impl ProgramFiles {
    /// Returns the files, the firmware first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Firmware> {
        self.firmware.iter().chain(&self.symbols)
    }

    /// Reads the ELF files among them.
    pub(super) async fn read(self) -> Programs {
        let read = move || {
            let mut programs = Programs::default();
            for file in self.iter() {
                let name = file.path().file_name().unwrap_or_default();
                let name = name.to_string_lossy();
                if file.format() != Format::Elf {
                    programs.set_image(&name);
                } else if let Ok(bytes) = std::fs::read(file.path()) {
                    programs.add(&name, &bytes);
                }
            }
            programs
        };
        // A large file takes a while; the I/O thread serves other boards as well.
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_default()
    }
}

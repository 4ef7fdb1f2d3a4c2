//! Variables by their names in the ELF file of a machine's firmware.

use std::path::PathBuf;

use super::power::Board;
use crate::debug::{DebugError, MemoryValue};
use crate::error::Result;
use crate::firmware::{Firmware, Symbol};

/// The least similarity of a name that is suggested.
const SIMILAR: f64 = 0.8;

/// The firmware of a machine.
pub(super) struct Program {
    machine: String,
    firmware: Option<Firmware>,
}

/// A symbol, and the file that has it.
pub(super) struct Variable {
    pub(super) symbol: Symbol,
    file: PathBuf,
}

impl Board {
    /// Returns the firmware of a machine.
    pub(super) fn program(&self, machine: usize) -> Program {
        Program {
            machine: self.machine.clone(),
            firmware: self.firmware(machine).cloned(),
        }
    }
}

/// Finds the symbol of this name.
pub(super) async fn find(program: Program, name: String) -> Result<Variable> {
    let Program { machine, firmware } = program;
    let Some(firmware) = firmware else {
        let file = None;
        return Err(DebugError::NoSymbols { machine, file }.into());
    };
    let file = firmware.path().to_owned();
    // A large file takes a while; the I/O thread serves other boards as well.
    let symbols = tokio::task::spawn_blocking(move || firmware.symbols()).await;
    let symbols = symbols.unwrap_or_else(|_| Ok(Vec::new()))?;
    if symbols.is_empty() {
        let file = Some(file);
        return Err(DebugError::NoSymbols { machine, file }.into());
    }
    if let Some(symbol) = symbols.iter().find(|it| it.name == name) {
        let symbol = symbol.clone();
        return Ok(Variable { symbol, file });
    }
    let similarity = |symbol: &Symbol| strsim::jaro_winkler(&symbol.name, &name);
    let best = symbols.iter().map(|it| (similarity(it), it));
    let best = best.filter(|(similarity, _)| *similarity > SIMILAR);
    let best = best.max_by(|(a, _), (b, _)| a.total_cmp(b));
    let similar = best.map(|(_, it)| it.name.clone());
    Err(DebugError::NoSymbol {
        name,
        file,
        similar,
    }
    .into())
}

impl Variable {
    /// Returns the address, if the variable has the size of `T`.
    pub(super) fn sized<T: MemoryValue>(self) -> Result<u64, DebugError> {
        let Symbol {
            name,
            address,
            size,
        } = self.symbol;
        let wanted = size_of::<T>() as u64;
        if size == wanted {
            return Ok(address);
        }
        Err(DebugError::WrongSize {
            name,
            file: self.file,
            size,
            wanted,
            of_type: T::NAME,
        })
    }
}

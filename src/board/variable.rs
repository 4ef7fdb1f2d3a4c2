//! Variables by their names in the ELF file of a machine's firmware.

use std::path::PathBuf;

use super::program_files::ProgramFiles;
use crate::debug::{DebugError, MemoryValue};
use crate::error::Result;
use crate::firmware::Symbol;

/// The least similarity of a name that is suggested.
const SIMILAR: f64 = 0.8;

/// A symbol, and the file that has it.
pub(super) struct Variable {
    pub(super) symbol: Symbol,
    file: PathBuf,
}

/// Finds the symbol of this name.
pub(super) async fn find(files: ProgramFiles, name: String) -> Result<Variable> {
    // A large file takes a while; the I/O thread serves other boards as well.
    let find = tokio::task::spawn_blocking(move || find_in(&files, &name));
    match find.await {
        Ok(found) => found,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await, // aborted, which nobody does
        },
    }
}

fn find_in(files: &ProgramFiles, name: &str) -> Result<Variable> {
    let mut similar: Option<(f64, String)> = None;
    let mut searched = None;
    let (usable, left_out) = files.usable();
    for file in usable {
        let symbols = file.symbols()?;
        if symbols.is_empty() {
            continue;
        }
        let file = file.path().to_owned();
        if let Some(symbol) = symbols.iter().find(|it| it.is_named(name)) {
            let symbol = symbol.clone();
            return Ok(Variable { symbol, file });
        }
        for symbol in symbols {
            let likeness = strsim::jaro_winkler(&symbol.name, name);
            if likeness > similar.as_ref().map_or(SIMILAR, |it| it.0) {
                similar = Some((likeness, symbol.name));
            }
        }
        searched.get_or_insert(file);
    }
    let Some(file) = searched else {
        if let Some(other) = left_out {
            return Err(other.error().into());
        }
        let machine = files.machine.clone();
        let file = files.firmware.as_ref().map(|it| it.path().to_owned());
        return Err(DebugError::NoSymbols { machine, file }.into());
    };
    Err(DebugError::NoSymbol {
        name: name.to_owned(),
        file,
        similar: similar.map(|(_, name)| name),
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
            ..
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

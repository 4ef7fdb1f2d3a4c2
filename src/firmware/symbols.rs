//! [`Symbol`]: a name in an ELF file, with its address.

use std::fs;

use object::{Object, ObjectSymbol, SymbolKind};

use super::Format;
use super::error::FirmwareError;
use super::probe::Firmware;

/// A function or variable of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) address: u64,
    /// The size in bytes; 0 if it is not known.
    pub(crate) size: u64,
}

impl Firmware {
    /// Returns the symbols of an ELF file; none of other formats, or of a stripped file.
    pub(crate) fn symbols(&self) -> Result<Vec<Symbol>, FirmwareError> {
        if self.format() != Format::Elf {
            return Ok(Vec::new());
        }
        let bytes = fs::read(self.path());
        let bytes = bytes.map_err(|source| FirmwareError::unreadable(self.path(), source))?;
        let Ok(file) = object::File::parse(&*bytes) else {
            return Ok(Vec::new());
        };
        let symbols = file.symbols().filter_map(|symbol| {
            let is_named = matches!(
                symbol.kind(),
                SymbolKind::Text | SymbolKind::Data | SymbolKind::Unknown
            );
            let name = symbol.name().ok().filter(|it| !it.is_empty())?;
            // Mapping symbols of the Arm ABI, such as `$t`, name no place of the program.
            (is_named && symbol.is_definition() && !name.starts_with('$')).then(|| Symbol {
                name: name.to_owned(),
                address: symbol.address(),
                size: symbol.size(),
            })
        });
        Ok(symbols.collect())
    }
}

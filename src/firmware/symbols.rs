//! [`Symbol`]: a name in an ELF file, with its address.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use addr2line::demangle_auto;
use object::{Object, ObjectSymbol, SymbolKind};

use super::Format;
use super::error::{FirmwareError, FirmwareErrorKind};
use super::probe::Firmware;

/// A function or variable of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The name in the source, such as `sensor::COUNT`; C++'s functions have their parameters.
    pub(crate) name: String,
    /// The name in the file, which compilers of C++ and Rust make.
    pub(crate) mangled: String,
    pub(crate) address: u64,
    /// The size in bytes; 0 if it is not known.
    pub(crate) size: u64,
}

impl Firmware {
    /// Opens an ELF file for its symbols; others than [`open`](Self::open) does, a file without
    /// symbols is an error.
    pub(crate) fn open_symbols(path: impl AsRef<Path>) -> Result<Self, FirmwareError> {
        let file = Self::open(path)?;
        if file.symbols()?.is_empty() {
            let format = file.format();
            let kind = FirmwareErrorKind::NoSymbols { format };
            return Err(FirmwareError::new(file.path(), kind));
        }
        Ok(file)
    }

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
                name: demangle_auto(Cow::from(name), None).into_owned(),
                mangled: name.to_owned(),
                address: symbol.address(),
                size: symbol.size(),
            })
        });
        Ok(symbols.collect())
    }
}

impl Symbol {
    /// Returns true if this is the symbol of this name, in the source or in the file.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.mangled == name
    }
}

//! The symbol table of an ELF file: which function or variable is at an address.

use std::borrow::Cow;

use object::read::{Object, ObjectSymbol, SymbolKind};

/// A function or a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) struct Symbol {
    pub(in crate::debug) name: String,
    pub(in crate::debug) address: u64,
    /// 0 if it is not known, as for a label in assembler.
    pub(in crate::debug) size: u64,
}

/// The symbols of one file, in order of address.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    functions: Vec<Symbol>,
    variables: Vec<Symbol>,
    /// Symbols without a place in a section, most of them from the linker script.
    marks: Vec<Symbol>,
}

impl Symbols {
    pub(super) fn read(file: &object::File<'_>, is_code: impl Fn(u64) -> bool) -> Self {
        let mut symbols = Self::default();
        for symbol in file.symbols() {
            let Ok(name) = symbol.name() else { continue };
            // Mapping symbols and local labels.
            if name.is_empty() || name.starts_with(['$', '.']) {
                continue;
            }
            let thumb = u64::from(symbol.kind() == SymbolKind::Text);
            let entry = Symbol {
                name: addr2line::demangle_auto(Cow::from(name), None).into_owned(),
                address: symbol.address() & !thumb,
                size: symbol.size(),
            };
            match symbol.kind() {
                SymbolKind::Text if symbol.is_definition() => symbols.functions.push(entry),
                SymbolKind::Data if symbol.is_definition() => symbols.variables.push(entry),
                SymbolKind::Unknown | SymbolKind::Label if !symbol.is_undefined() => {
                    if symbol.section_index().is_some() && is_code(entry.address) {
                        symbols.functions.push(entry);
                    } else if entry.size > 0 {
                        // Some assemblers give static variables no type.
                        symbols.variables.push(entry);
                    } else {
                        symbols.marks.push(entry);
                    }
                }
                _ => {}
            }
        }
        for list in [&mut symbols.functions, &mut symbols.variables] {
            // Of several names for one address, the largest one comes last and is used.
            list.sort_by_key(|it| (it.address, it.size));
        }
        symbols
    }

    /// Returns true if the file has neither functions nor variables: it is stripped.
    pub(super) fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.variables.is_empty()
    }

    pub(super) fn function(&self, address: u64) -> Option<&Symbol> {
        at(&self.functions, address)
    }

    /// Returns the variable that occupies an address.
    pub(super) fn variable(&self, address: u64) -> Option<&Symbol> {
        at(&self.variables, address).filter(|it| it.size > 0)
    }

    /// Returns the value of a symbol that a linker script defines.
    pub(super) fn mark(&self, name: &str) -> Option<u64> {
        let mut all = self.marks.iter().chain(&self.variables);
        all.find(|it| it.name == name).map(|it| it.address)
    }
}

fn at(symbols: &[Symbol], address: u64) -> Option<&Symbol> {
    let after = symbols.partition_point(|it| it.address <= address);
    let symbol = symbols.get(after.checked_sub(1)?)?;
    let inside = address - symbol.address < symbol.size.max(1);
    (symbol.size == 0 || inside).then_some(symbol)
}

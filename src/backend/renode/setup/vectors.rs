//! The vector table of a Cortex-M, if Renode does not find it by itself.
//!
//! Renode looks for the table at the lowest section of an ELF file that has symbols. For any
//! other image Renode needs the address; the lowest address is the equivalent guess. If the
//! table is not there, [`locate`] looks for it in the contents.

use crate::backend::renode::monitor::load::VectorTable;
use crate::config::LoadCommand;
use crate::firmware::{Contents, Entry};

/// The place of an image's vectors, as far as its contents show it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// The usual place; none if Renode finds it by itself.
    Usual(Option<VectorTable>),
    /// Another place.
    Found(u64),
    /// Several possible places.
    Several(Vec<u64>),
}

/// Returns the place of the vectors in `contents`, whose `address` the user may have named.
pub(crate) fn locate(contents: &Contents, command: LoadCommand, address: Option<u64>) -> Vectors {
    let (usual, place) = match (address, command) {
        (Some(address), _) => (Some(VectorTable::At(address)), Some(address)),
        (None, LoadCommand::Elf | LoadCommand::SymbolsFrom) => (None, contents.lowest_section()),
        (None, _) => (Some(VectorTable::Lowest), contents.lowest()),
    };
    if place.and_then(|place| contents.entry_at(place)).is_some() {
        return Vectors::Usual(usual);
    }
    let found = contents.tables();
    match found[..] {
        [] => Vectors::Usual(usual),
        [table] => Vectors::Found(table),
        _ => Vectors::Several(found),
    }
}

/// Returns the stack pointer and program counter to start a processor with; none if Renode
/// needs none. For an S-record file Renode takes the program counter from the last record,
/// which may lack it, and regards the stack pointer as set as well.
pub(crate) fn entry(
    contents: &Contents,
    command: LoadCommand,
    table: VectorTable,
) -> Option<Entry> {
    if command != LoadCommand::SRecord {
        return None;
    }
    let entry = contents.entry_at(match table {
        VectorTable::At(address) => address,
        VectorTable::Lowest => contents.lowest()?,
    })?;
    let pc = contents.start().unwrap_or(entry.pc);
    Some(Entry { pc, ..entry })
}

/// Returns the table of `processor` that the user's commands set, if one does.
pub(crate) fn users(commands: &[String], processor: &str) -> Option<Option<VectorTable>> {
    let mut places = commands.iter().filter_map(|command| {
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        let [object, "VectorTableOffset", value] = words[..] else {
            return None;
        };
        (object == processor).then(|| address(value).map(VectorTable::At))
    });
    places.next_back()
}

/// Parses an address as the monitor reads and prints it.
pub(crate) fn address(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

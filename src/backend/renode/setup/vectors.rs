//! The vector table of a Cortex-M, where Renode does not find it by itself.
//!
//! Renode looks for them at the lowest section of an ELF file that has symbols; of any other
//! image it has to be told, and the lowest address is as good a guess. Where the table is not
//! there, it is looked for in the contents.

use crate::backend::renode::monitor::load::VectorTable;
use crate::config::LoadCommand;
use crate::firmware::{Contents, Entry};

/// What an image shows about its vectors.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// Where they usually are, which Renode may know by itself.
    Usual(Option<VectorTable>),
    /// At another place.
    Found(u64),
    /// At one of several places.
    Several(Vec<u64>),
}

/// Returns the vectors of `contents`, whose `address` the user may have named.
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

/// What a processor has to be started with: of an S-record file Renode takes the program
/// counter from its last record, which may not say it, and the stack pointer for set as well.
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

/// An address as the monitor reads and writes it.
pub(crate) fn address(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

//! The loading of firmware into a board's memory: [`Load`], and the place of its vectors.

use std::fmt;

use super::plain::{Name, PlainPath};
use crate::config::LoadCommand;
use crate::firmware::Entry;

/// The place of a vector table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VectorTable {
    At(u64),
    /// At the lowest loaded address.
    Lowest,
}

/// The commands that load firmware into a board's memory, at every reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) command: LoadCommand,
    pub(crate) file: PlainPath,
    /// The address of a raw binary.
    pub(crate) address: Option<u64>,
    /// The processor that runs the firmware.
    pub(crate) processor: Option<Name>,
    /// The vector table, if Renode does not find it by itself.
    pub(crate) vectors: Option<VectorTable>,
    /// The first stack pointer and program counter, if not those of the table.
    pub(crate) entry: Option<Entry>,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.command.as_str(), self.file.token())?;
        if let Some(address) = self.address {
            write!(f, " {address:#x}")?;
        }
        let Some(cpu) = &self.processor else {
            return Ok(());
        };
        match self.vectors {
            Some(VectorTable::At(address)) => write!(f, "; {cpu} VectorTableOffset {address:#x}")?,
            Some(VectorTable::Lowest) => write!(
                f,
                "; $table=`sysbus LowestLoadedAddress`; {cpu} VectorTableOffset $table"
            )?,
            None => {}
        }
        match self.entry {
            Some(Entry { stack, pc }) => write!(f, "; {cpu} SP {stack:#x}; {cpu} PC {pc:#x}"),
            None => Ok(()),
        }
    }
}

//! [`Format`]: the file formats of firmware images.

use std::fmt;

/// The file format of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ELF, detected by its first four bytes, whatever the file's name is.
    Elf,
    /// Intel HEX, detected by its first record: `.hex`, `.ihex`, `.mcs`, `.h86` and others.
    IntelHex,
    /// Motorola S-record, detected by its first record: `.srec`, `.s19`, `.s37`, `.mot` and others.
    SRecord,
    /// Any other file: the bytes of the memory, without an address.
    Binary,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::IntelHex => "Intel HEX",
            Self::SRecord => "S-record",
            Self::Binary => "raw binary",
        })
    }
}

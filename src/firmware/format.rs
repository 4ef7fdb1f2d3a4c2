//! [`Format`]: the file formats of firmware images.

use std::fmt;

/// The file format of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ELF, known by its first four bytes whatever the file is called.
    Elf,
    /// Intel HEX, known by its first record: `.hex`, `.ihex`, `.mcs`, `.h86` and others.
    IntelHex,
    /// Motorola S-record, known by its first record: `.srec`, `.s19`, `.s37`, `.mot` and others.
    SRecord,
    /// Anything else: bytes as they go into memory, without an address.
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

//! [`ImageProblem`] and [`RecordProblem`]: what the readers of the formats find, and the texts.

use std::fmt;

use super::super::format::Format;

/// The reason why a file is not a complete image of its format.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageProblem {
    /// A line of a file of text records is bad.
    #[non_exhaustive]
    Record {
        /// The line's number, counted from 1.
        line: u64,
        /// The problem of the line.
        problem: RecordProblem,
    },
    /// A file of text records has no last record.
    #[non_exhaustive]
    NoEndRecord {
        /// The file's format.
        format: Format,
    },
    /// The file does not begin as an ELF file does.
    NotElf,
    /// A part of an ELF file is missing or damaged.
    #[non_exhaustive]
    Damaged {
        /// The part.
        part: ElfPart,
    },
    /// The ELF file is an object, not a linked program.
    NotLinked,
    /// No segment of the ELF file is loaded into memory.
    NothingLoaded,
}

impl ImageProblem {
    /// Returns what to do.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Record { .. } => return None,
            Self::NoEndRecord { .. } => "is it cut off?",
            Self::NotElf => "name a raw binary `.bin`, or fetch the file if this is a placeholder",
            Self::Damaged { .. } => "build it again",
            Self::NotLinked => "name what the linker wrote",
            Self::NothingLoaded => "check the linker script",
        })
    }
}

impl fmt::Display for ImageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { line, problem } => write!(f, "line {line}: {problem}"),
            Self::NoEndRecord { format } => {
                let end = match format {
                    Format::SRecord => "S7, S8 or S9",
                    _ => "`:00000001FF`",
                };
                write!(f, "it ends without an end record ({end})")
            }
            Self::NotElf => f.write_str("its first bytes are not those of one"),
            Self::Damaged { part } => write!(f, "{part} is cut off or damaged"),
            Self::NotLinked => f.write_str("it is not a linked program"),
            Self::NothingLoaded => f.write_str("nothing in it is loaded into memory"),
        }
    }
}

/// A part of an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElfPart {
    /// The header at the file's start.
    Header,
    /// The table of segments.
    Segments,
    /// The content of a segment.
    Segment,
    /// The table of sections.
    Sections,
    /// The end of the file.
    End,
}

impl fmt::Display for ElfPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "its header",
            Self::Segments => "its table of segments",
            Self::Segment => "one of its segments",
            Self::Sections => "its table of sections",
            Self::End => "its end",
        })
    }
}

/// The reason why a text record is bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordProblem {
    /// The line does not begin as a record does.
    #[error("a record begins with `{mark}`")]
    #[non_exhaustive]
    NoMark {
        /// The first character of a record.
        mark: char,
    },
    /// The line has other characters than pairs of hexadecimal digits.
    #[error("a record consists of pairs of hexadecimal digits")]
    NotHexadecimal,
    /// The record has too few bytes for any type.
    #[error("the record is too short")]
    TooShort,
    /// The record's length is not the one that it states.
    #[error("the record has {found} bytes, but says {stated}")]
    #[non_exhaustive]
    Length {
        /// The number of bytes.
        found: usize,
        /// The number that the record states.
        stated: usize,
    },
    /// The record's checksum is wrong.
    #[error("the checksum is {found:02X}, but the bytes give {right:02X}")]
    #[non_exhaustive]
    Checksum {
        /// The checksum in the record.
        found: u8,
        /// The right checksum.
        right: u8,
    },
    /// The format has no records of this type.
    #[error("there is no record type {kind}")]
    #[non_exhaustive]
    UnknownType {
        /// The type as it is in the file, such as `07` or `S4`.
        kind: String,
    },
    /// The record has not as much data as its type has.
    #[error("a record of type {kind:02X} has {expected} bytes of data, and this one has {found}")]
    #[non_exhaustive]
    DataLength {
        /// The record's type.
        kind: u8,
        /// The number of bytes that its type has.
        expected: usize,
        /// The number of bytes that it has.
        found: usize,
    },
    /// The record has data, and its type has none.
    #[error("a record S{digit} has no data")]
    #[non_exhaustive]
    NeedsNoData {
        /// The digit of the record's type.
        digit: char,
    },
    /// The number of data records before the record is not the one that it states.
    #[error("it counts {stated} records of data, and there are {found} before it")]
    #[non_exhaustive]
    Count {
        /// The number of records.
        found: u64,
        /// The number that the record states.
        stated: u64,
    },
    /// The record's data does not fit below the last address.
    #[error("the data at {address:#010x} goes beyond the last address, 0xffffffff")]
    #[non_exhaustive]
    TooHigh {
        /// The address of the data.
        address: u64,
    },
    /// The last record comes before any data.
    #[error("it ends, and no record has had data")]
    NoData,
}

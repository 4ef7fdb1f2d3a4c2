//! Reads of an ELF file what has to be known before it is loaded: what it is
//! built for, that it is linked, and that nothing of it is cut off.
//!
//! Knows nothing of what an emulator makes of it.

use std::io::{Read, Seek};

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};

use super::Architecture;
use super::error::Flaw;

/// The first bytes of every ELF file.
pub(super) const MAGIC: [u8; 4] = elf::ELFMAG;

/// Reads the headers only, however large the file.
pub(super) fn inspect(file: impl Read + Seek) -> Result<Architecture, Flaw> {
    let data = &ReadCache::new(file);
    let (magic, class) = match data.read_bytes_at(0, 5) {
        Ok([magic @ .., class]) => (magic, *class),
        _ => return Err(damaged("its header")),
    };
    if magic != MAGIC {
        let problem = "its first bytes are not those of one: \
                       name a raw binary `.bin`, or fetch the file if this is a placeholder";
        return Err(problem.to_owned().into());
    }
    if class == elf::ELFCLASS64.0 {
        program::<FileHeader64<Endianness>, _>(data)
    } else {
        program::<FileHeader32<Endianness>, _>(data)
    }
}

fn program<'a, H, R>(data: R) -> Result<Architecture, Flaw>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).map_err(|_| damaged("its header"))?;
    let endian = header.endian().map_err(|_| damaged("its header"))?;
    let kind = header.e_type(endian);
    if kind != elf::ET_EXEC && kind != elf::ET_DYN {
        let problem = "it is not a linked program: name what the linker wrote";
        return Err(problem.to_owned().into());
    }
    let size = data.len().map_err(|()| damaged("its end"))?;
    let segments = header
        .program_headers(endian, data)
        .map_err(|_| damaged("its table of segments"))?;
    for segment in segments {
        let (offset, length) = segment.file_range(endian);
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(damaged("one of its segments"));
        }
    }
    let is_loaded = |segment: &H::ProgramHeader| {
        segment.p_type(endian) == elf::PT_LOAD && segment.file_range(endian).1 > 0
    };
    if !segments.iter().any(is_loaded) {
        let problem = "nothing in it is loaded into memory: check the linker script";
        return Err(problem.to_owned().into());
    }
    // Most linkers write this table last: it goes first when a file is cut off.
    header
        .section_headers(endian, data)
        .map_err(|_| damaged("its table of sections"))?;
    Ok(architecture(header, endian))
}

fn architecture<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
) -> Architecture {
    match (header.e_machine(endian), header.is_class_64()) {
        (elf::EM_ARM, _) if header.is_big_endian() => Architecture::ArmBigEndian,
        (elf::EM_ARM, _) => Architecture::Arm,
        (elf::EM_AARCH64, _) => Architecture::AArch64,
        (elf::EM_RISCV, false) => Architecture::RiscV32,
        (elf::EM_RISCV, true) => Architecture::RiscV64,
        (elf::EM_386, _) => Architecture::X86,
        (elf::EM_X86_64, _) => Architecture::X86_64,
        (elf::EM_XTENSA, _) => Architecture::Xtensa,
        (other, _) => Architecture::Other(other.0),
    }
}

fn damaged(part: &str) -> Flaw {
    Flaw::Content(format!("{part} is cut off or damaged: build it again"))
}

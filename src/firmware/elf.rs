//! Inspects an ELF file before it is loaded: reads its architecture, and checks that the file
//! is linked and not truncated.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::{ReadCache, ReadRef};

use super::architecture::Architecture;
use super::error::{ElfPart, Flaw, ImageProblem};
use super::vectors::{Contents, LARGEST, Piece};

/// The first bytes of every ELF file.
pub(super) const MAGIC: [u8; 4] = elf::ELFMAG;

/// Checks the headers and returns the architecture; the file may have any size.
pub(super) fn inspect(file: impl Read + Seek) -> Result<Architecture, Flaw> {
    let data = &ReadCache::new(file);
    let (magic, class) = match data.read_bytes_at(0, 5) {
        Ok([magic @ .., class]) => (magic, *class),
        _ => return Err(damaged(ElfPart::Header)),
    };
    if magic != MAGIC {
        return Err(ImageProblem::NotElf.into());
    }
    if class == elf::ELFCLASS64.0 {
        program::<FileHeader64<Endianness>, _>(data)
    } else {
        program::<FileHeader32<Endianness>, _>(data)
    }
}

/// Limits each segment to its content in the file: the program clears the rest itself, or keeps
/// it over a reset.
pub(super) fn leave_out_nobits(file: &mut File) -> Result<(), Flaw> {
    let mut class = [0; 5];
    file.rewind()?;
    file.read_exact(&mut class)?;
    let is_64 = class[4] == elf::ELFCLASS64.0;
    let headers = match is_64 {
        true => segment_headers::<FileHeader64<Endianness>, _>(&ReadCache::new(&mut *file)),
        false => segment_headers::<FileHeader32<Endianness>, _>(&ReadCache::new(&mut *file)),
    }?;
    // The offsets, in a segment's header, of its sizes in the file and in memory.
    let (in_file, in_memory, length) = if is_64 { (32, 40, 8) } else { (16, 20, 4) };
    for header in headers {
        let mut size = [0; 8];
        let size = &mut size[..length];
        file.seek(SeekFrom::Start(header + in_file))?;
        file.read_exact(size)?;
        file.seek(SeekFrom::Start(header + in_memory))?;
        file.write_all(size)?;
    }
    Ok(())
}

/// Returns the file offsets of the loaded segments' headers.
fn segment_headers<'a, H, R>(data: R) -> Result<Vec<u64>, Flaw>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).map_err(|_| damaged(ElfPart::Header))?;
    let endian = header.endian().map_err(|_| damaged(ElfPart::Header))?;
    let segments = header
        .program_headers(endian, data)
        .map_err(|_| damaged(ElfPart::Segments))?;
    let first: u64 = header.e_phoff(endian).into();
    let size = u64::from(header.e_phentsize(endian));
    let headers = (0..).zip(segments);
    let loaded = headers.filter(|(_, segment)| segment.p_type(endian) == elf::PT_LOAD);
    Ok(loaded.map(|(number, _)| first + number * size).collect())
}

/// Reads the memory contents of a little-endian 32-bit file. Other files are not for a Cortex-M
/// and give empty contents.
///
/// A file that cannot be parsed gives empty contents: it has been inspected before.
pub(super) fn contents(file: impl Read + Seek) -> Result<Contents, Flaw> {
    let data = &ReadCache::new(file);
    let Ok(header) = FileHeader32::<Endianness>::parse(data) else {
        return Ok(Contents::default());
    };
    let Ok(endian) = header.endian() else {
        return Ok(Contents::default());
    };
    let segments = header
        .program_headers(endian, data)
        .map_err(|_| damaged(ElfPart::Segments))?;
    let loaded = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    let size: u64 = loaded.clone().map(|it| it.file_range(endian).1).sum();
    if header.is_big_endian() || size > LARGEST {
        return Ok(Contents::default());
    }
    let mut contents = Contents::default();
    for segment in loaded {
        let bytes = segment
            .data(endian, data)
            .map_err(|()| damaged(ElfPart::Segment))?;
        let runs_at = u64::from(segment.p_vaddr(endian));
        contents
            .runs_at
            .push(runs_at..runs_at + u64::from(segment.p_memsz(endian)));
        contents.pieces.push(Piece {
            address: segment.p_paddr(endian).into(),
            bytes: bytes.to_vec(),
        });
    }
    let sections = header
        .sections(endian, data)
        .map_err(|_| damaged(ElfPart::Sections))?;
    if sections
        .iter()
        .any(|section| section.sh_type(endian) == elf::SHT_SYMTAB)
    {
        let in_memory = sections.iter().filter(|it| {
            it.sh_type(endian) != elf::SHT_NULL && it.sh_flags(endian).contains(elf::SHF_ALLOC)
        });
        contents.lowest_section = in_memory.map(|it| it.sh_addr(endian).into()).min();
    }
    Ok(contents)
}

fn program<'a, H, R>(data: R) -> Result<Architecture, Flaw>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).map_err(|_| damaged(ElfPart::Header))?;
    let endian = header.endian().map_err(|_| damaged(ElfPart::Header))?;
    let kind = header.e_type(endian);
    if kind != elf::ET_EXEC && kind != elf::ET_DYN {
        return Err(ImageProblem::NotLinked.into());
    }
    let size = data.len().map_err(|()| damaged(ElfPart::End))?;
    let segments = header
        .program_headers(endian, data)
        .map_err(|_| damaged(ElfPart::Segments))?;
    for segment in segments {
        let (offset, length) = segment.file_range(endian);
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(damaged(ElfPart::Segment));
        }
    }
    let is_loaded = |segment: &H::ProgramHeader| {
        segment.p_type(endian) == elf::PT_LOAD && segment.file_range(endian).1 > 0
    };
    if !segments.iter().any(is_loaded) {
        return Err(ImageProblem::NothingLoaded.into());
    }
    // Most linkers write this table last, so it is the first to be missing in a truncated file.
    header
        .section_headers(endian, data)
        .map_err(|_| damaged(ElfPart::Sections))?;
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

fn damaged(part: ElfPart) -> Flaw {
    ImageProblem::Damaged { part }.into()
}

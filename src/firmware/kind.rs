//! Tells what kind of file an image is, by its first bytes and its name.
//!
//! The content counts first: a name says what a file should be, the content what it is.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::{Format, elf, records};

/// How many of the first bytes are looked at: more than the longest record has.
const HEAD: u64 = 1024;

/// The first bytes of a `file`, which is then at its beginning.
pub(super) fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

/// What a file that begins so is, and what to do, where nothing here can load it.
pub(super) fn foreign(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const CONVERTED: &str = "flash the ELF, HEX or raw binary file that it was made from";
    const PACKED: &str = "unpack it and name the image in it";
    const KINDS: [(&[u8], &str, &str); 8] = [
        (b"UF2\n\x57\x51\x5d\x9e", "a UF2 file", CONVERTED),
        (b"DfuSe", "a DfuSe file", CONVERTED),
        (b"PK\x03\x04", "a zip archive", PACKED),
        (b"\x1f\x8b\x08", "compressed by gzip", PACKED),
        (b"\xfd7zXZ\0", "compressed by xz", PACKED),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd", PACKED),
        (b"!<arch>\n", "a library", "name what the linker wrote"),
        (
            b"version https://git-lfs",
            "a placeholder of Git LFS",
            "fetch the file (git lfs pull)",
        ),
    ];
    let (_, kind, advice) = KINDS.iter().find(|(magic, ..)| head.starts_with(magic))?;
    Some((kind, advice))
}

/// The format of the file in `path`, which begins with `head`.
pub(super) fn format(head: &[u8], path: &Path) -> Format {
    if head.starts_with(&elf::MAGIC) {
        return Format::Elf;
    }
    if records::is_intel_hex(head) {
        return Format::IntelHex;
    }
    if records::is_s_record(head) {
        return Format::SRecord;
    }
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        // Named so but not so: the check that follows says it.
        Some("elf" | "axf") => Format::Elf,
        Some("hex" | "ihex" | "ihx" | "mcs" | "h86") => Format::IntelHex,
        Some("srec" | "s19" | "s28" | "s37" | "mot" | "s1" | "s2" | "s3") => Format::SRecord,
        _ => Format::Binary,
    }
}

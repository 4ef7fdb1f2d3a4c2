//! Firmware images: which formats are recognised, and the error for every bad image.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rstest::rstest;
use tempfile::TempDir;
use virtual_target::firmware::{Architecture, Firmware, Format};

const ARM: u16 = 40;
const X86_64: u16 = 62;
const RISCV: u16 = 243;
const EXECUTABLE: u16 = 2;
const OBJECT: u16 = 1;

const HEX: &str = ":020000040800F2\n:0400000001020304F2\n:00000001FF\n";
const SREC: &str = "S00600004844521B\nS107080001020304E6\nS9030000FC\n";

/// Returns the smallest 32-bit little-endian ELF file: a header and one segment of 4 bytes.
fn elf32(kind: u16, machine: u16) -> Vec<u8> {
    let mut elf = b"\x7fELF\x01\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend(kind.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    // Version, entry, program headers, section headers, flags.
    for word in [1, 0x0800_0000, 52, 0, 0_u32] {
        elf.extend(word.to_le_bytes());
    }
    // Header size, then entry size and count of both tables, names.
    for half in [52, 32, 1, 40, 0, 0_u16] {
        elf.extend(half.to_le_bytes());
    }
    // Type, offset, two addresses, two sizes, flags, alignment.
    for word in [1, 84, 0x0800_0000, 0x0800_0000, 4, 4, 5, 4_u32] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(b"code");
    elf
}

/// Returns the same with 64 bits.
fn elf64(machine: u16) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend(EXECUTABLE.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    elf.extend(1_u32.to_le_bytes());
    for long in [0, 64, 0_u64] {
        elf.extend(long.to_le_bytes());
    }
    elf.extend(0_u32.to_le_bytes());
    for half in [64, 56, 1, 64, 0, 0_u16] {
        elf.extend(half.to_le_bytes());
    }
    for word in [1, 5_u32] {
        elf.extend(word.to_le_bytes());
    }
    for long in [120, 0, 0, 4, 4, 4_u64] {
        elf.extend(long.to_le_bytes());
    }
    elf.extend(b"code");
    elf
}

fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    (dir, path)
}

/// Returns the error on opening such a file, with its name in place of its path.
fn error_text(name: &str, content: impl AsRef<[u8]>) -> String {
    let (_dir, path) = file(name, content);
    without_dir(&path, &Firmware::open(&path).unwrap_err().to_string())
}

fn without_dir(path: &Path, message: &str) -> String {
    let dir = format!("{}/", path.parent().unwrap().display());
    message.replace(&dir, "")
}

#[rstest]
#[case("fw.elf", elf32(EXECUTABLE, ARM), Format::Elf)]
#[case("any name, even .hex", elf32(EXECUTABLE, ARM), Format::Elf)]
#[case("fw.hex", HEX, Format::IntelHex)]
#[case("fw.HEX", HEX.replace('\n', "\r\n"), Format::IntelHex)]
#[case("fw.s19", SREC, Format::SRecord)]
#[case("fw.bin", "\x00\x01", Format::Binary)]
#[case("fw", "abc", Format::Binary)]
#[case("fw.s3", SREC, Format::SRecord)]
#[case("fw.mcs", HEX, Format::IntelHex)]
#[case("fw.h86", HEX, Format::IntelHex)]
#[case("fw", HEX, Format::IntelHex)]
#[case("fw.bin", HEX.replace('\n', "  \r\n\r\n"), Format::IntelHex)]
#[case("fw.exo", SREC, Format::SRecord)]
#[case("fw.bin", ":020000040800F3 looks like it", Format::Binary)]
fn open_recognises_the_format(
    #[case] name: &str,
    #[case] content: impl AsRef<[u8]>,
    #[case] expected: Format,
) {
    let (_dir, path) = file(name, content);
    assert_eq!(Firmware::open(path).unwrap().format(), expected);
}

#[rstest]
#[case(elf32(EXECUTABLE, ARM), Architecture::Arm)]
#[case(elf32(EXECUTABLE, RISCV), Architecture::RiscV32)]
#[case(elf64(RISCV), Architecture::RiscV64)]
#[case(elf64(X86_64), Architecture::X86_64)]
#[case(elf32(EXECUTABLE, 83), Architecture::Other(83))]
fn open_reads_the_architecture(#[case] content: Vec<u8>, #[case] expected: Architecture) {
    let (_dir, path) = file("fw.elf", content);
    let firmware = Firmware::open(path).unwrap();
    assert_eq!(firmware.architecture(), Some(expected));
    firmware.check_architecture(expected, "board").unwrap();
}

#[test]
fn a_wrong_architecture_is_refused() {
    let (_dir, path) = file("fw.elf", elf64(X86_64));
    let firmware = Firmware::open(&path).unwrap();
    let error = firmware
        .check_architecture(Architecture::Arm, "netduinoplus2")
        .unwrap_err();
    assert_eq!(
        without_dir(&path, &error.to_string()),
        "firmware `fw.elf` is built for x86-64, but netduinoplus2 is 32-bit Arm: \
         is it the right file, and the right board? Or build it with arm-none-eabi-gcc, in Rust for \
         thumbv7em-none-eabi, or the like"
    );
}

#[test]
fn a_raw_binary_needs_a_load_address() {
    let (_dir, path) = file("fw.bin", "raw");
    let firmware = Firmware::open(&path).unwrap();
    firmware.check_load_address(Some(0)).unwrap();
    let error = firmware.check_load_address(None).unwrap_err();
    assert_eq!(
        without_dir(&path, &error.to_string()),
        "firmware `fw.bin` is a raw binary, which does not say where it belongs: \
         set `load_address`, such as 0x08000000, or use the ELF file"
    );
    firmware
        .check_architecture(Architecture::Arm, "board")
        .unwrap();
}

#[rstest]
#[case("fw; \"a\" $x 'é`.elf")]
#[case(&"x".repeat(200))]
fn open_accepts_any_file_name(#[case] name: &str) {
    let (_dir, path) = file(name, elf32(EXECUTABLE, ARM));
    assert_eq!(Firmware::open(&path).unwrap().path(), path);
}

#[test]
fn open_refuses_missing_and_special_files() {
    let dir = tempfile::tempdir().unwrap();
    let error_text = |path: &Path| Firmware::open(path).unwrap_err().to_string();
    let missing = dir.path().join("none.elf");
    assert_eq!(
        without_dir(&missing, &error_text(&missing)),
        "there is no firmware `none.elf`: build it, or correct the path"
    );
    assert_eq!(
        error_text(dir.path()),
        format!(
            "firmware `{}` is a directory: name the image in it",
            dir.path().display()
        )
    );
    assert_eq!(
        error_text(Path::new("/dev/null")),
        "firmware `/dev/null` is not a regular file: copy it into one"
    );
}

#[test]
fn bad_elf_files_are_refused() {
    let whole = elf32(EXECUTABLE, ARM);
    let mut far_sections = whole.clone();
    far_sections[32..36].copy_from_slice(&4096_u32.to_le_bytes());
    far_sections[48..50].copy_from_slice(&3_u16.to_le_bytes());
    let mut nothing_loaded = whole.clone();
    nothing_loaded[52] = 4;

    let elf: &[(&[u8], &str)] = &[
        (
            b"\x7fELF",
            "its header is cut off or damaged: build it again",
        ),
        (
            b"#!/bin/sh\n",
            "its first bytes are not those of one: name a raw binary `.bin`, or fetch the file if this is a placeholder",
        ),
        (
            &whole[..40],
            "its header is cut off or damaged: build it again",
        ),
        (
            &whole[..60],
            "its table of segments is cut off or damaged: build it again",
        ),
        (
            &whole[..86],
            "one of its segments is cut off or damaged: build it again",
        ),
        (
            &far_sections,
            "its table of sections is cut off or damaged: build it again",
        ),
        (
            &nothing_loaded,
            "nothing in it is loaded into memory: check the linker script",
        ),
        (
            &elf32(OBJECT, ARM),
            "it is not a linked program: name what the linker wrote",
        ),
    ];
    assert_eq!(
        error_text("fw.elf", b""),
        "firmware `fw.elf` is empty: build it again"
    );
    for (content, expected) in elf {
        assert_eq!(
            error_text("fw.elf", content),
            format!("firmware `fw.elf` is not a usable ELF file: {expected}")
        );
    }
}

#[test]
fn bad_record_files_are_refused() {
    let hex = [
        ("hello\n", "line 1: a record begins with `:`"),
        (":00\n", "line 1: the record is too short"),
        (
            ":0400000001020304F\n",
            "line 1: a record consists of pairs of hexadecimal digits",
        ),
        (
            ":04000000010203G4F2\n",
            "line 1: a record consists of pairs of hexadecimal digits",
        ),
        (
            ":0500000001020304F2\n",
            "line 1: the record has 9 bytes, but says 10",
        ),
        (
            ":020000040800F2\n\n:0400000001020304F3\n",
            "line 3: the checksum is F3, but the bytes give F2",
        ),
        (":00000009F7\n", "line 1: there is no record type 09"),
        (
            ":00000001FF\n",
            "line 1: it ends, and no record has had data",
        ),
        (
            ":020000040800F2\n:0000000000\n:00000001FF\n",
            "line 3: it ends, and no record has had data",
        ),
        (
            ":00000004FC\n",
            "line 1: a record of type 04 has 2 bytes of data, and this one has 0",
        ),
        (
            ":0400000408000000F0\n",
            "line 1: a record of type 04 has 2 bytes of data, and this one has 4",
        ),
        (
            ":0100000200FD\n",
            "line 1: a record of type 02 has 2 bytes of data, and this one has 1",
        ),
        (
            ":020000050000F9\n",
            "line 1: a record of type 05 has 4 bytes of data, and this one has 2",
        ),
        (
            ":0400000001020304F2\n:0100000100FE\n",
            "line 2: a record of type 01 has 0 bytes of data, and this one has 1",
        ),
        (
            ":02000004FFFFFC\n:02FFFF000102FD\n",
            "line 2: the data at 0xffffffff goes beyond the last address, 0xffffffff",
        ),
        (
            "\u{feff}:0400000001020304F2\n",
            "line 1: a record begins with `:`",
        ),
        (
            ":020000040800F2\n",
            "it ends without an end record (`:00000001FF`): is it cut off?",
        ),
    ];
    for (content, expected) in hex {
        assert_eq!(
            error_text("fw.hex", content),
            format!("firmware `fw.hex` is not a usable Intel HEX file: {expected}")
        );
    }
    let srec = [
        ("S\n", "line 1: the record is too short"),
        ("S4030000FC\n", "line 1: there is no record type S4"),
        ("S9020000\n", "line 1: the record is too short"),
        ("S9040000FC\n", "line 1: the record has 4 bytes, but says 5"),
        (
            "S9030000FD\n",
            "line 1: the checksum is FD, but the bytes give FC",
        ),
        (
            "S9030000FC\n",
            "line 1: it ends, and no record has had data",
        ),
        (
            "S107080001020304E6\nS9040000AA51\n",
            "line 2: a record S9 has no data",
        ),
        (
            "S107080001020304E6\nS5030002FA\nS9030000FC\n",
            "line 2: it counts 2 records of data, and there are 1 before it",
        ),
        ("S5040000AA51\n", "line 1: a record S5 has no data"),
        (
            "S00600004844521B\n",
            "it ends without an end record (S7, S8 or S9): is it cut off?",
        ),
    ];
    for (content, expected) in srec {
        assert_eq!(
            error_text("fw.srec", content),
            format!("firmware `fw.srec` is not a usable S-record file: {expected}")
        );
    }
}

/// Files of other types, under any name.
#[rstest]
#[case(
    b"UF2\n\x57\x51\x5d\x9e\0\x20\0\0",
    "a UF2 file: flash the ELF, HEX or raw binary file that it was made from"
)]
#[case(b"PK\x03\x04rest", "a zip archive: unpack it and name the image in it")]
#[case(
    b"\x1f\x8b\x08rest",
    "compressed by gzip: unpack it and name the image in it"
)]
#[case(b"!<arch>\n", "a library: name what the linker wrote")]
#[case(
    b"version https://git-lfs.github.com/spec/v1\n",
    "a placeholder of Git LFS: fetch the file (git lfs pull)"
)]
fn other_file_types_are_refused(#[case] content: &[u8], #[case] expected: &str) {
    for name in ["fw.bin", "fw.elf", "fw.uf2", "fw"] {
        assert_eq!(
            error_text(name, content),
            format!("firmware `{name}` is {expected}")
        );
    }
}

#[test]
fn pipes_and_huge_files_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.elf");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error_text = |path: &Path| Firmware::open(path).unwrap_err().to_string();
    assert_eq!(
        without_dir(&pipe, &error_text(&pipe)),
        "firmware `pipe.elf` is not a regular file: copy it into one"
    );
    let huge = dir.path().join("huge.hex");
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(
        without_dir(&huge, &error_text(&huge)),
        "firmware `huge.hex` has 1099511627776 bytes, and at most 1073741824 are loaded: is it the right file?"
    );
}

/// The samples, cut off at each byte: no panic, and no incomplete image is accepted.
#[rstest]
#[case("hello.elf")]
#[case("hello.hex")]
#[case("hello.srec")]
fn a_file_that_is_cut_off_is_refused(#[case] name: &str) {
    let whole = fs::read(format!("firmware-samples/prebuilt/stm32f4/{name}")).unwrap();
    let (_dir, path) = file(name, &whole);
    Firmware::open(&path).unwrap();
    // A file of records without its last line end is still complete.
    let end = whole.trim_ascii_end().len();
    for length in (0..end).rev() {
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length as u64)
            .unwrap();
        let refused = Firmware::open(&path).is_err();
        assert!(refused, "{length} of {end} bytes are accepted");
    }
}

proptest! {
    /// Complete files with a few bytes changed and cut off somewhere, and plain noise.
    #[test]
    fn open_never_panics(
        wide: bool,
        changes in prop::collection::vec((0..128_usize, any::<u8>()), 0..8),
        length in 0..130_usize,
        noise: Vec<u8>,
    ) {
        let mut elf = if wide { elf64(RISCV) } else { elf32(EXECUTABLE, ARM) };
        for (at, byte) in changes {
            if let Some(old) = elf.get_mut(at) {
                *old = byte;
            }
        }
        elf.truncate(length);
        for name in ["fw.elf", "fw.hex", "fw.s19"] {
            for content in [&elf, &noise, &[b":", &noise[..]].concat(), &[b"S1", &noise[..]].concat()] {
                let (_dir, path) = file(name, content);
                let _ = Firmware::open(path);
            }
        }
    }
}

//! Firmware images in forms that this project's compilers do not produce, from bytes.

use std::path::{Path, PathBuf};
use std::{fs, iter};

use crate::sample;

/// The address of the STM32F4's flash.
pub const FLASH: u32 = 0x0800_0000;

/// Returns the shell sample as its bytes in the flash.
pub fn shell() -> Vec<u8> {
    fs::read(sample("shell.bin")).unwrap()
}

/// Returns the same without a vector table at its beginning, and the address of another one after
/// the code, from which it starts.
pub fn shell_with_late_vectors() -> (Vec<u8>, u32) {
    let mut image = shell();
    let table = image[..64].to_vec();
    image[..8].fill(0);
    image.resize(image.len().next_multiple_of(512), 0);
    let place = FLASH + image.len() as u32;
    image.extend(table);
    (image, place)
}

/// Returns firmware that sleeps, but for a SysTick interrupt each millisecond of its 72 MHz.
pub fn systick() -> Vec<u8> {
    const START: u32 = FLASH + 0x41;
    const OTHER: u32 = FLASH + 0x55;
    const TICK: u32 = FLASH + 0x53;
    let mut words = vec![0x2001_0000, START];
    words.resize(15, OTHER);
    words.push(TICK);
    words.extend([
        0x4906_4805, // ldr r0, =SYST_CSR; ldr r1, =71999
        0x2100_6041, // str r1, [r0, #4]; movs r1, #0
        0x2107_6081, // str r1, [r0, #8]; movs r1, #7
        0xbf30_6001, // str r1, [r0]; wfi
        0x4770_e7fd, // b to wfi; bx lr
        0x0000_e7fe, // b to itself
        0xe000_e010,
        71_999,
    ]);
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Returns firmware that counts to `delay`, reads the word at `address` once, and then loops at its end,
/// 0x08000012.
pub fn reading(delay: u32, address: u32) -> Vec<u8> {
    let words = [
        0x2000_1000,
        FLASH + 9,
        0x4803_4a02, // ldr r2, =delay; ldr r0, =address
        0xd1fd_3a01, // subs r2, #1; bne to it
        0xe7fe_6801, // ldr r1, [r0]; b to itself
        delay,
        address,
    ];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Returns [`systick`] as an ELF file whose entry is its reset handler, as a linker writes it: a Renode
/// without this crate starts there.
pub fn systick_elf() -> Vec<u8> {
    let image = systick();
    let mut elf = elf(&image);
    elf[24..28].copy_from_slice(&image[4..8]);
    elf
}

/// Returns an Intel HEX file of `bytes` in the flash, with lines that end in `end`.
pub fn hex(bytes: &[u8], end: &str) -> String {
    let page = iter::once(hex_record(4, 0, &FLASH.to_be_bytes()[..2]));
    let data = bytes.chunks(16).enumerate();
    let data = data.map(|(number, chunk)| hex_record(0, number as u16 * 16, chunk));
    let records = page.chain(data).chain([hex_record(1, 0, &[])]);
    records.map(|record| record + end).collect()
}

fn hex_record(kind: u8, address: u16, data: &[u8]) -> String {
    let [high, low] = address.to_be_bytes();
    let head = [data.len() as u8, high, low, kind];
    let bytes = || head.iter().chain(data);
    let sum = bytes().fold(0_u8, |sum, &byte| sum.wrapping_sub(byte));
    let digits: String = bytes()
        .chain([&sum])
        .map(|it| format!("{it:02X}"))
        .collect();
    format!(":{digits}")
}

/// Returns an ELF file of `bytes` in the flash, with neither sections nor symbols.
pub fn elf(bytes: &[u8]) -> Vec<u8> {
    let mut elf = b"\x7fELF\x01\x01\x01".to_vec();
    elf.resize(16, 0);
    let halves = |elf: &mut Vec<u8>, halves: &[u16]| {
        halves.iter().for_each(|it| elf.extend(it.to_le_bytes()));
    };
    let words = |elf: &mut Vec<u8>, words: &[u32]| {
        words.iter().for_each(|it| elf.extend(it.to_le_bytes()));
    };
    let size = bytes.len() as u32;
    halves(&mut elf, &[2, 40]); // executable, Arm
    words(&mut elf, &[1, FLASH, 52, 0, 0x0500_0000]);
    halves(&mut elf, &[52, 32, 1, 40, 0, 0]);
    words(&mut elf, &[1, 84, FLASH, FLASH, size, size, 5, 4]);
    elf.extend(bytes);
    elf
}

/// Returns the shell sample's ELF file with its zero-initialized data at address 0, as in
/// firmware whose first memory is RAM.
pub fn elf_with_nothing_at_0() -> Vec<u8> {
    const NOBITS: u32 = 8;
    let mut elf = fs::read(sample("shell.elf")).unwrap();
    let word = |elf: &[u8], at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap());
    let sections = word(&elf, 32) as usize;
    let count = u16::from_le_bytes([elf[48], elf[49]]);
    let headers = (0..usize::from(count)).map(|number| sections + 40 * number);
    let bss = headers.into_iter().find(|&it| word(&elf, it + 4) == NOBITS);
    let address = bss.expect("a NOBITS section") + 12;
    elf[address..address + 4].fill(0);
    elf
}

/// Writes an image to `name` in `directory`.
pub fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    path
}

//! Whether two images are of the same program: an ELF file, and what was flashed.

use super::Format;
use super::error::FirmwareError;
use super::probe::Firmware;
use super::vectors::{Contents, Piece};

/// The number of bytes that may differ in any case, and their part of all: a checksum or a signature
/// that is added after linking makes no other program.
const FEW: u64 = 64;
const PART: u64 = 64;

/// How an ELF file differs from the flashed image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The number of bytes that both have, and of those that differ.
    pub(crate) common: u64,
    pub(crate) differing: u64,
    /// The address of the first that differs.
    pub(crate) first: u64,
}

impl Firmware {
    /// Returns how an ELF file differs from this image, which is loaded at `address` if it is a raw
    /// binary; `None` if both are the same program, or have no bytes in common.
    pub(crate) fn difference(
        &self,
        elf: &Self,
        address: Option<u64>,
    ) -> Result<Option<Difference>, FirmwareError> {
        if self.format() == Format::Binary && address.is_none() {
            return Ok(None);
        }
        let flashed = Contents::read(self.path(), self.format(), address)?;
        let named = Contents::read(elf.path(), elf.format(), None)?;
        let found = flashed.difference(&named);
        Ok(found.filter(|it| it.differing > FEW.max(it.common / PART)))
    }
}

impl Contents {
    /// Compares the bytes of both at the same addresses; `None` if all are equal.
    fn difference(&self, other: &Self) -> Option<Difference> {
        let (mut common, mut differing, mut first) = (0, 0, None);
        for piece in &self.pieces {
            for (address, ours, theirs) in other.pieces.iter().filter_map(|it| overlap(piece, it)) {
                common += ours.len() as u64;
                let bytes = (address..).zip(ours.iter().zip(theirs));
                for (at, _) in bytes.filter(|(_, (ours, theirs))| ours != theirs) {
                    differing += 1;
                    first.get_or_insert(at);
                }
            }
        }
        first.map(|first| Difference {
            common,
            differing,
            first,
        })
    }
}

/// Returns the bytes of two pieces at the addresses that both have.
fn overlap<'a>(a: &'a Piece, b: &'a Piece) -> Option<(u64, &'a [u8], &'a [u8])> {
    let start = a.address.max(b.address);
    let end = a.end().min(b.end());
    let part = |piece: &'a Piece| {
        let from = usize::try_from(start - piece.address).ok()?;
        let length = usize::try_from(end.checked_sub(start)?).ok()?;
        piece.bytes.get(from..from.checked_add(length)?)
    };
    Some((start, part(a)?, part(b)?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FLASH: Option<u64> = Some(0x0800_0000);

    fn sample(name: &str) -> Firmware {
        Firmware::open(format!("firmware-samples/prebuilt/stm32f4/{name}")).unwrap()
    }

    #[test]
    fn each_format_of_a_program_is_the_same_program() {
        let elf = sample("shell.elf");
        for name in ["shell.bin", "shell.hex", "shell.srec", "shell.stripped"] {
            assert_eq!(
                sample(name).difference(&elf, FLASH).unwrap(),
                None,
                "{name}"
            );
        }
        for name in ["hello.bin", "hello.hex", "hello.srec", "hello.elf"] {
            let found = sample(name).difference(&elf, FLASH).unwrap().unwrap();
            assert!(found.differing * 2 > found.common, "{name}: {found:?}");
            assert!(
                (0x0800_0000..0x0800_0200).contains(&found.first),
                "{found:?}"
            );
        }
        let no_address = sample("hello.bin").difference(&elf, None).unwrap();
        assert_eq!(no_address, None);
        let elsewhere = sample("hello.bin").difference(&elf, Some(0x0801_0000));
        assert_eq!(elsewhere.unwrap(), None);
    }

    #[test]
    fn a_checksum_makes_no_other_program() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shell.bin");
        let mut image = fs::read("firmware-samples/prebuilt/stm32f4/shell.bin").unwrap();
        image[0x1c..0x20].copy_from_slice(&[1, 2, 3, 4]);
        fs::write(&file, &image).unwrap();
        let patched = Firmware::open(&file).unwrap();
        assert_eq!(
            patched.difference(&sample("shell.elf"), FLASH).unwrap(),
            None
        );
        // Code that has moved by one instruction.
        image.splice(0x400..0x400, [0x00, 0xbf]);
        fs::write(&file, &image).unwrap();
        let moved = Firmware::open(&file).unwrap();
        let found = moved.difference(&sample("shell.elf"), FLASH).unwrap();
        assert!(found.is_some());
    }
}

//! What an image puts into memory, and where a Cortex-M may find its vectors in it.
//!
//! The table begins with the stack pointer and the addresses of the handlers of reset, NMI and
//! HardFault, which are odd: the processor knows no other code than Thumb. Nothing else in an
//! image looks like that.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;

use super::error::Flaw;
use super::records::{self, Record};
use super::{FirmwareError, Format, elf};

/// How much of an image is looked at; that for a microcontroller is far smaller.
pub(super) const LARGEST: u64 = 64 << 20;

/// The bytes of an image, where they go, and where they run.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// In the order of their addresses, no two of them adjoining.
    pub(super) pieces: Vec<Piece>,
    /// Where its code may run, beside where it is loaded.
    pub(super) runs_at: Vec<Range<u64>>,
    /// The lowest address that an ELF file's sections have, if it has symbols, too.
    pub(super) lowest_section: Option<u64>,
    /// Where an S-record file says that the program begins.
    pub(super) start: Option<u64>,
}

/// Bytes that follow each other in memory.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

/// What a processor starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) stack: u32,
    pub(crate) pc: u32,
}

impl Contents {
    /// Reads the image in `file`; that of a raw binary goes to `address`.
    ///
    /// One that is too large for a microcontroller is as good as empty.
    pub(crate) fn read(
        file: &Path,
        format: Format,
        address: Option<u64>,
    ) -> Result<Self, FirmwareError> {
        Self::parse(file, format, address.unwrap_or_default()).map_err(|flaw| flaw.of(file, format))
    }

    fn parse(file: &Path, format: Format, address: u64) -> Result<Self, Flaw> {
        let file = File::open(file)?;
        if format != Format::Elf && file.metadata()?.len() > LARGEST {
            return Ok(Self::default());
        }
        let mut contents = Self::default();
        let mut take = |_: &[u8], record| {
            match record {
                Record::Data(address, bytes) => contents.pieces.push(Piece { address, bytes }),
                Record::End(start) => contents.start = start,
                Record::Other => {}
            }
            Ok(())
        };
        match format {
            Format::Elf => contents = elf::contents(file)?,
            Format::IntelHex => records::intel_hex(BufReader::new(file), &mut take)?,
            Format::SRecord => records::s_record(BufReader::new(file), &mut take)?,
            Format::Binary => {
                let mut bytes = Vec::new();
                file.take(LARGEST).read_to_end(&mut bytes)?;
                contents.pieces.push(Piece { address, bytes });
            }
        }
        contents.join();
        Ok(contents)
    }

    /// Makes one piece of those that adjoin. Where they overlap, the later one is what counts.
    fn join(&mut self) {
        self.pieces.retain(|piece| !piece.bytes.is_empty());
        self.pieces.sort_by_key(|piece| piece.address);
        let mut joined: Vec<Piece> = Vec::new();
        for piece in self.pieces.drain(..) {
            match joined.last_mut() {
                Some(last) if last.end() == piece.address => last.bytes.extend(piece.bytes),
                _ => joined.push(piece),
            }
        }
        self.pieces = joined;
    }

    /// The lowest address that is loaded.
    pub(crate) fn lowest(&self) -> Option<u64> {
        Some(self.pieces.first()?.address)
    }

    pub(crate) fn lowest_section(&self) -> Option<u64> {
        self.lowest_section
    }

    /// Where an S-record file says that the program begins, if that is in the contents.
    pub(crate) fn start(&self) -> Option<u32> {
        let start = self.start.filter(|&start| self.has_code(start))?;
        u32::try_from(start).ok()
    }

    /// What the table at `address` has a processor start with, if its code is in the contents.
    pub(crate) fn entry_at(&self, address: u64) -> Option<Entry> {
        let [stack, pc] = self.words(address)?;
        let runs = stack != 0 && stack % 4 == 0 && self.has_code(u64::from(pc & !1));
        runs.then_some(Entry { stack, pc })
    }

    /// Where whole tables are.
    pub(crate) fn tables(&self) -> Vec<u64> {
        const ALIGNMENT: u64 = 128;
        let places = self.pieces.iter().flat_map(|piece| {
            let first = piece.address.checked_next_multiple_of(ALIGNMENT);
            let places = first.map(|first| (first..piece.end()).step_by(ALIGNMENT as usize));
            places.into_iter().flatten()
        });
        places.filter(|&place| self.is_table(place)).collect()
    }

    fn is_table(&self, address: u64) -> bool {
        const MEMORY: Range<u32> = 0x0100_0000..0xA000_0000;
        let Some([stack, reset, nmi, fault]) = self.words(address) else {
            return false;
        };
        let is_handler = |word: u32| word & 1 == 1 && self.has_code(u64::from(word & !1));
        stack % 4 == 0 && MEMORY.contains(&stack) && [reset, nmi, fault].into_iter().all(is_handler)
    }

    fn has_code(&self, address: u64) -> bool {
        let loaded = self.pieces.iter().map(|piece| piece.address..piece.end());
        loaded
            .chain(self.runs_at.iter().cloned())
            .any(|range| range.contains(&(address & !1)))
    }

    /// The words at `address`, if all of them are loaded.
    fn words<const N: usize>(&self, address: u64) -> Option<[u32; N]> {
        let after = self
            .pieces
            .partition_point(|piece| piece.address <= address);
        let piece = &self.pieces[after.checked_sub(1)?];
        let from = usize::try_from(address - piece.address).ok()?;
        let bytes = piece.bytes.get(from..)?.get(..4 * N)?;
        let (words, _) = bytes.as_chunks::<4>();
        words
            .iter()
            .map(|&word| u32::from_le_bytes(word))
            .collect::<Vec<_>>()
            .try_into()
            .ok()
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.address.saturating_add(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::firmware::Firmware;

    const FLASH: u64 = 0x0800_0000;

    fn sample(name: &str) -> Vec<u8> {
        fs::read(format!("firmware-samples/prebuilt/stm32f4/{name}")).unwrap()
    }

    fn read(content: &[u8], format: Format) -> Result<Contents, FirmwareError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, content).unwrap();
        Contents::read(file.path(), format, Some(FLASH))
    }

    #[test]
    fn every_format_of_a_program_has_the_same_vectors() {
        let of = |name: &str, format| read(&sample(name), format).unwrap();
        let expected = of("shell.bin", Format::Binary).entry_at(FLASH).unwrap();
        assert_eq!(expected.stack, 0x2002_0000);
        for (name, format) in [
            ("shell.bin", Format::Binary),
            ("shell.hex", Format::IntelHex),
            ("shell.srec", Format::SRecord),
            ("shell.elf", Format::Elf),
            ("shell.stripped", Format::Elf),
        ] {
            let contents = of(name, format);
            assert_eq!(contents.lowest(), Some(FLASH), "{name}");
            assert_eq!(contents.entry_at(FLASH), Some(expected), "{name}");
            assert_eq!(contents.entry_at(FLASH + 4), None, "{name}");
            assert_eq!(contents.tables(), [FLASH], "{name}");
        }
        assert_eq!(of("shell.elf", Format::Elf).lowest_section(), Some(FLASH));
        assert_eq!(of("shell.stripped", Format::Elf).lowest_section(), None);
        let entry = of("shell.srec", Format::SRecord).start();
        assert_eq!(entry, Some(expected.pc));
    }

    #[test]
    fn a_staged_copy_has_the_same_content() {
        let directory = tempfile::tempdir().unwrap();
        let sample = sample("shell.hex");
        let odd = directory.path().join("odd.hex");
        // Addresses of segments, of which one record crosses a multiple of 64 KiB.
        let segments = ":020000021000EC\n:04FFFE0001020304F5\n:00000001FF\nrest\n";
        for (content, expected) in [(&sample[..], FLASH), (segments.as_bytes(), 0x1_FFFE)] {
            fs::write(&odd, content).unwrap();
            let staged = Firmware::open(&odd)
                .unwrap()
                .stage(directory.path(), "staged");
            let (before, after) = (
                Contents::read(&odd, Format::IntelHex, None).unwrap(),
                Contents::read(&staged.unwrap(), Format::IntelHex, None).unwrap(),
            );
            assert_eq!(after.lowest(), Some(expected));
            assert_eq!(after.pieces[0].bytes, before.pieces[0].bytes);
            assert_eq!(after.pieces.len(), before.pieces.len());
        }
    }

    proptest! {
        /// Samples with a few bytes changed, cut off anywhere.
        #[test]
        fn no_content_makes_it_panic(
            which in 0..4_usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            length: prop::sample::Index,
            address: u64,
        ) {
            let (name, format) = [
                ("hello.elf", Format::Elf),
                ("hello.hex", Format::IntelHex),
                ("hello.srec", Format::SRecord),
                ("hello.bin", Format::Binary),
            ][which];
            let mut content = sample(name);
            for (at, byte) in changes {
                // Most that matters stands at the beginning.
                let at = at.index(content.len().min(256));
                content[at] = byte;
            }
            content.truncate(content.len() - length.index(content.len()) / 2);
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join(name);
            fs::write(&file, content).unwrap();
            if let Ok(contents) = Contents::read(&file, format, Some(address)) {
                contents.tables();
                contents.entry_at(address);
            }
            if let Ok(firmware) = Firmware::open(&file) {
                let _ = firmware.stage(directory.path(), "staged");
            }
        }
    }
}

//! Reads the bytes that an image of any format loads into memory, as [`Contents`].

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::elf;
use super::error::{FirmwareError, Flaw};
use super::format::Format;
use super::records::{self, Record};
use super::vectors::{Contents, LARGEST, Piece};

impl Contents {
    /// Reads the image in `file`; a raw binary is loaded at `address`.
    ///
    /// An image too large for a microcontroller counts as empty.
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
    fn every_file_format_has_the_same_vectors() {
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
        // Segment addresses; one record crosses a multiple of 64 KiB.
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
        /// The files are samples with a few changed bytes, cut off anywhere.
        #[test]
        fn contents_of_damaged_files_cause_no_panic(
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
                // Most bytes that matter are at the beginning.
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

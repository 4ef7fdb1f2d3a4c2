//! A UART's output as files: `uart.log`, byte for byte, and `uart.txt`, with the
//! time at which each line began. Bounded: a file that has grown large becomes
//! `uart.older.log`, in place of the one before. Knows nothing of UARTs but how
//! to read one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

/// From here on a file is set aside and a new one begun.
const LARGE: u64 = 8 << 20;

/// Something whose output can be copied.
pub(crate) trait Console: Send + Sync {
    /// How much has arrived.
    fn end(&self) -> u64;

    /// Some of what has arrived from `from` on, which is before the end.
    fn bytes(&self, from: u64) -> Result<Vec<u8>, Lost>;

    /// When the byte at `offset` arrived.
    fn arrived(&self, offset: u64) -> Instant;
}

/// Output that is no longer there.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Where it goes on.
    pub(crate) until: u64,
    /// What became of it.
    pub(crate) why: String,
}

/// How far a UART has been copied.
#[derive(Debug, Default)]
pub(super) struct Copy {
    copied: u64,
    /// The text stands within a line.
    in_line: bool,
}

impl Copy {
    /// Appends what has arrived since the last call.
    pub(super) fn advance(
        &mut self,
        directory: &Path,
        console: &dyn Console,
        began: Instant,
    ) -> io::Result<()> {
        let end = console.end();
        let mut log = Growing::open(directory, "log")?;
        let mut text = Growing::open(directory, "txt")?;
        if end - self.copied > LARGE {
            let skipped = end - LARGE - self.copied;
            text.write(format!("[{skipped} bytes are left out]\n").as_bytes())?;
            self.copied = end - LARGE;
            self.in_line = false;
        }
        while self.copied < end {
            match console.bytes(self.copied) {
                Ok(bytes) => {
                    log.write(&bytes)?;
                    text.write(&self.stamped(&bytes, console, began))?;
                    self.copied += bytes.len() as u64;
                }
                Err(Lost { until, why }) => {
                    text.write(format!("\n[{why}]\n").as_bytes())?;
                    self.copied = until.max(self.copied + 1);
                    self.in_line = false;
                }
            }
        }
        Ok(())
    }

    /// `bytes`, each line with its time, in seconds.
    fn stamped(&mut self, bytes: &[u8], console: &dyn Console, began: Instant) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len() * 2);
        let mut offset = self.copied;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.in_line {
                let time = console.arrived(offset).saturating_duration_since(began);
                text.extend(format!("{:11.6} ", time.as_secs_f64()).as_bytes());
            }
            text.extend(line.iter().filter(|byte| **byte != b'\r'));
            self.in_line = !line.ends_with(b"\n");
            offset += line.len() as u64;
        }
        text
    }
}

/// A file that is appended to, and set aside when it is large.
struct Growing<'a> {
    directory: &'a Path,
    extension: &'static str,
    file: File,
    length: u64,
}

impl<'a> Growing<'a> {
    fn open(directory: &'a Path, extension: &'static str) -> io::Result<Self> {
        let path = directory.join("uart").with_extension(extension);
        let file = File::options().append(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            directory,
            extension,
            file,
            length,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.length > 0 && self.length + bytes.len() as u64 > LARGE {
            let name = |name: &str| self.directory.join(name).with_extension(self.extension);
            let older = format!("uart.older.{}", self.extension);
            fs::rename(name("uart"), self.directory.join(older))?;
            *self = Self::open(self.directory, self.extension)?;
        }
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Said {
        bytes: Vec<u8>,
        began: Instant,
    }

    impl Console for Said {
        fn end(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn bytes(&self, from: u64) -> Result<Vec<u8>, Lost> {
            let from = from as usize;
            let to = self.bytes.len().min(from + (64 << 10));
            Ok(self.bytes[from..to].to_vec())
        }

        fn arrived(&self, offset: u64) -> Instant {
            self.began + Duration::from_millis(offset)
        }
    }

    fn said(bytes: &[u8]) -> Said {
        Said {
            bytes: bytes.to_vec(),
            began: Instant::now(),
        }
    }

    #[test]
    fn each_line_has_its_time_whatever_is_copied_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut console = said(b"one\r\ntw");
        let mut copy = Copy::default();
        let began = console.began;
        copy.advance(directory.path(), &console, began).unwrap();
        console.bytes.extend(b"o\r\nthree\r\n");
        copy.advance(directory.path(), &console, began).unwrap();
        copy.advance(directory.path(), &console, began).unwrap();
        let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(read("uart.log"), "one\r\ntwo\r\nthree\r\n");
        assert_eq!(
            read("uart.txt"),
            "   0.000000 one\n   0.005000 two\n   0.010000 three\n"
        );
    }

    #[test]
    fn the_end_is_kept_and_the_size_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let mut console = said(&vec![b'x'; 3 * LARGE as usize]);
        let began = console.began;
        let mut copy = Copy::default();
        copy.advance(directory.path(), &console, began).unwrap();
        for _ in 0..3 {
            console.bytes.extend(vec![b'y'; LARGE as usize / 2 + 1]);
            copy.advance(directory.path(), &console, began).unwrap();
        }
        console.bytes.extend(b"the end");
        copy.advance(directory.path(), &console, began).unwrap();
        let log = fs::read(directory.path().join("uart.log")).unwrap();
        assert!(log.ends_with(b"the end"));
        let sizes = fs::read_dir(directory.path()).unwrap();
        let total: u64 = sizes.map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(total <= 4 * LARGE, "{total}");
    }
}

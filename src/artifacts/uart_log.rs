//! [`UartLogWriter`]: copies a UART's output, a [`UartLog`], to files.
//!
//! `uart.log` has the exact bytes, `uart.txt` the time at which each line began. Their size is
//! limited: a large file is renamed to `uart.older.log`, which replaces the previous one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The size at which a file is renamed and a new file started.
const MAX_SIZE: u64 = 8 << 20;

/// The output of a UART, to be copied.
pub(crate) trait UartLog: Send + Sync {
    /// Returns the number of bytes that have arrived.
    fn end(&self) -> u64;

    /// Returns some of the bytes from `from` on; `from` is before the end.
    fn bytes(&self, from: u64) -> Result<Vec<u8>, Lost>;

    /// Returns the time at which the byte at `offset` arrived: since `began`, or by the board's own
    /// clock.
    fn arrived(&self, offset: u64, began: Instant) -> Duration;
}

/// Output that is no longer available.
#[derive(Debug)]
pub(crate) struct Lost {
    /// The offset at which available output continues.
    pub(crate) until: u64,
    /// The reason why the output is lost.
    pub(crate) why: String,
}

/// The writer of a UART's files, with its position in the output.
pub(crate) struct UartLogWriter {
    /// The name of the files, such as `uart`.
    name: String,
    log: Arc<dyn UartLog>,
    copied: u64,
    /// True if the text ends within a line.
    in_line: bool,
    /// The first bytes of a character whose last bytes have not arrived.
    partial: Vec<u8>,
}

impl UartLogWriter {
    /// Creates a writer that has copied nothing yet.
    pub(crate) fn new(name: &str, log: Arc<dyn UartLog>) -> Self {
        Self {
            name: name.to_owned(),
            log,
            copied: 0,
            in_line: false,
            partial: Vec::new(),
        }
    }

    /// Begins anew, for another directory.
    pub(super) fn rewind(&mut self) {
        self.copied = 0;
        self.in_line = false;
        self.partial.clear();
    }

    /// Appends the output that has arrived since the last call.
    pub(crate) fn advance(&mut self, directory: &Path, began: Instant) -> io::Result<()> {
        let end = self.log.end();
        let name = self.name.clone();
        let mut log = RotatedFile::open(directory, &name, "log")?;
        let mut text = RotatedFile::open(directory, &name, "txt")?;
        if end - self.copied > MAX_SIZE {
            let skipped = end - MAX_SIZE - self.copied;
            text.write(format!("[{skipped} bytes are left out]\n").as_bytes())?;
            self.copied = end - MAX_SIZE;
            self.in_line = false;
        }
        while self.copied < end {
            match self.log.bytes(self.copied) {
                Ok(bytes) => {
                    log.write(&bytes)?;
                    text.write(&self.add_timestamps(&bytes, began))?;
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

    /// Returns `bytes` as text, each line with its time in seconds.
    fn add_timestamps(&mut self, bytes: &[u8], began: Instant) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len() * 2);
        let mut offset = self.copied;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.in_line {
                let time = self.log.arrived(offset, began);
                text.extend(format!("{:11.6} ", time.as_secs_f64()).as_bytes());
            }
            let kept: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\r').collect();
            self.push(&kept, &mut text);
            self.in_line = !line.ends_with(b"\n");
            offset += line.len() as u64;
        }
        text
    }
}

impl UartLogWriter {
    /// Appends `line` to `text`; bytes that are not UTF-8 are escaped, as in `\\x80`.
    fn push(&mut self, line: &[u8], text: &mut Vec<u8>) {
        self.partial.extend(line);
        let bytes = std::mem::take(&mut self.partial);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.extend(chunk.valid().as_bytes());
            let invalid = chunk.invalid();
            let is_partial = str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
            match chunks.peek().is_none() && is_partial {
                true => self.partial = invalid.to_vec(),
                false => text.extend(invalid.escape_ascii()),
            }
        }
    }
}

/// A file that is appended to, and renamed when it is large.
struct RotatedFile<'a> {
    directory: &'a Path,
    name: &'a str,
    extension: &'static str,
    file: File,
    length: u64,
}

impl<'a> RotatedFile<'a> {
    fn open(directory: &'a Path, name: &'a str, extension: &'static str) -> io::Result<Self> {
        let path = directory.join(format!("{name}.{extension}"));
        let file = File::options().append(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            directory,
            name,
            extension,
            file,
            length,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self {
            directory,
            name,
            extension,
            ..
        } = *self;
        if self.length > 0 && self.length + bytes.len() as u64 > MAX_SIZE {
            let present = directory.join(format!("{name}.{extension}"));
            fs::rename(present, directory.join(format!("{name}.older.{extension}")))?;
            *self = Self::open(directory, name, extension)?;
        }
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct FakeLog {
        bytes: Mutex<Vec<u8>>,
        began: Instant,
    }

    impl FakeLog {
        fn new(bytes: &[u8]) -> Arc<Self> {
            let bytes = Mutex::new(bytes.to_vec());
            let began = Instant::now();
            Arc::new(Self { bytes, began })
        }

        fn append(&self, more: &[u8]) {
            self.bytes.lock().unwrap().extend(more);
        }
    }

    impl UartLog for FakeLog {
        fn end(&self) -> u64 {
            self.bytes.lock().unwrap().len() as u64
        }

        fn bytes(&self, from: u64) -> Result<Vec<u8>, Lost> {
            let bytes = self.bytes.lock().unwrap();
            let from = from as usize;
            let to = bytes.len().min(from + (64 << 10));
            Ok(bytes[from..to].to_vec())
        }

        fn arrived(&self, offset: u64, began: Instant) -> Duration {
            (self.began + Duration::from_millis(offset)).saturating_duration_since(began)
        }
    }

    #[test]
    fn each_line_has_its_own_time_in_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let fake = FakeLog::new(b"one\r\ntw");
        let began = fake.began;
        let mut writer = UartLogWriter::new("uart-b.c", Arc::clone(&fake) as _);
        writer.advance(directory.path(), began).unwrap();
        fake.append(b"o\r\nthree\r\n");
        writer.advance(directory.path(), began).unwrap();
        writer.advance(directory.path(), began).unwrap();
        let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(read("uart-b.c.log"), "one\r\ntwo\r\nthree\r\n");
        assert_eq!(
            read("uart-b.c.txt"),
            "   0.000000 one\n   0.005000 two\n   0.010000 three\n"
        );
    }

    #[test]
    fn the_log_is_utf_8_for_any_output() {
        let directory = tempfile::tempdir().unwrap();
        let fake = FakeLog::new(b"\x80 21 \xc2");
        let began = fake.began;
        let mut writer = UartLogWriter::new("uart", Arc::clone(&fake) as _);
        writer.advance(directory.path(), began).unwrap();
        fake.append(b"\xb0C\xe2\x82\n\xf0\x9f");
        writer.advance(directory.path(), began).unwrap();
        fake.append(b"\x98\x80");
        writer.advance(directory.path(), began).unwrap();
        let text = fs::read_to_string(directory.path().join("uart.txt")).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| &line[12..]).collect();
        assert_eq!(lines, [r"\x80 21 °C\xe2\x82", "😀"]);
    }

    #[test]
    fn the_end_is_kept_and_the_size_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let fake = FakeLog::new(&vec![b'x'; 3 * MAX_SIZE as usize]);
        let began = fake.began;
        let mut writer = UartLogWriter::new("uart", Arc::clone(&fake) as _);
        writer.advance(directory.path(), began).unwrap();
        for _ in 0..3 {
            fake.append(&vec![b'y'; MAX_SIZE as usize / 2 + 1]);
            writer.advance(directory.path(), began).unwrap();
        }
        fake.append(b"the end");
        writer.advance(directory.path(), began).unwrap();
        let log = fs::read(directory.path().join("uart.log")).unwrap();
        assert!(log.ends_with(b"the end"));
        let sizes = fs::read_dir(directory.path()).unwrap();
        let total: u64 = sizes.map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(total <= 4 * MAX_SIZE, "{total}");
    }
}

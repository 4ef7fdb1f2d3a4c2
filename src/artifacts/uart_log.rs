//! A UART's output as files, such as `uart.log`, byte for byte, and `uart.txt`,
//! with the time at which each line began. Bounded: a file that has grown large
//! becomes `uart.older.log`, in place of the one before. Knows nothing of UARTs but how
//! to read one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From here on a file is set aside and a new one begun.
const LARGE: u64 = 8 << 20;

/// Something whose output can be copied.
pub(crate) trait UartLog: Send + Sync {
    /// How much has arrived.
    fn end(&self) -> u64;

    /// Some of what has arrived from `from` on, which is before the end.
    fn bytes(&self, from: u64) -> Result<Vec<u8>, Lost>;

    /// When the byte at `offset` arrived: since `began`, or in the board's own clock.
    fn arrived(&self, offset: u64, began: Instant) -> Duration;
}

/// Output that is no longer there.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Where it goes on.
    pub(crate) until: u64,
    /// What became of it.
    pub(crate) why: String,
}

/// The copy of a UART's output, and how far it is.
pub(crate) struct UartLogWriter {
    /// The files' name, such as `uart`.
    name: String,
    console: Arc<dyn UartLog>,
    copied: u64,
    /// The text stands within a line.
    in_line: bool,
    /// The beginning of a character, whose end has not come.
    partial: Vec<u8>,
}

impl UartLogWriter {
    /// Nothing is copied yet.
    pub(crate) fn new(name: &str, console: Arc<dyn UartLog>) -> Self {
        Self {
            name: name.to_owned(),
            console,
            copied: 0,
            in_line: false,
            partial: Vec::new(),
        }
    }

    /// Appends what has arrived since the last call.
    pub(crate) fn advance(&mut self, directory: &Path, began: Instant) -> io::Result<()> {
        let end = self.console.end();
        let name = self.name.clone();
        let mut log = Growing::open(directory, &name, "log")?;
        let mut text = Growing::open(directory, &name, "txt")?;
        if end - self.copied > LARGE {
            let skipped = end - LARGE - self.copied;
            text.write(format!("[{skipped} bytes are left out]\n").as_bytes())?;
            self.copied = end - LARGE;
            self.in_line = false;
        }
        while self.copied < end {
            match self.console.bytes(self.copied) {
                Ok(bytes) => {
                    log.write(&bytes)?;
                    text.write(&self.stamped(&bytes, began))?;
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
    fn stamped(&mut self, bytes: &[u8], began: Instant) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len() * 2);
        let mut offset = self.copied;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.in_line {
                let time = self.console.arrived(offset, began);
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
    /// Adds `line` to `text`; what is no UTF-8 in it, as in `\\x80`.
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

/// A file that is appended to, and set aside when it is large.
struct Growing<'a> {
    directory: &'a Path,
    name: &'a str,
    extension: &'static str,
    file: File,
    length: u64,
}

impl<'a> Growing<'a> {
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
        if self.length > 0 && self.length + bytes.len() as u64 > LARGE {
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

    struct Said {
        bytes: Mutex<Vec<u8>>,
        began: Instant,
    }

    impl Said {
        fn new(bytes: &[u8]) -> Arc<Self> {
            let bytes = Mutex::new(bytes.to_vec());
            let began = Instant::now();
            Arc::new(Self { bytes, began })
        }

        fn say(&self, more: &[u8]) {
            self.bytes.lock().unwrap().extend(more);
        }
    }

    impl UartLog for Said {
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
        let console = Said::new(b"one\r\ntw");
        let began = console.began;
        let mut copy = UartLogWriter::new("uart-b.c", Arc::clone(&console) as _);
        copy.advance(directory.path(), began).unwrap();
        console.say(b"o\r\nthree\r\n");
        copy.advance(directory.path(), began).unwrap();
        copy.advance(directory.path(), began).unwrap();
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
        let console = Said::new(b"\x80 21 \xc2");
        let began = console.began;
        let mut copy = UartLogWriter::new("uart", Arc::clone(&console) as _);
        copy.advance(directory.path(), began).unwrap();
        console.say(b"\xb0C\xe2\x82\n\xf0\x9f");
        copy.advance(directory.path(), began).unwrap();
        console.say(b"\x98\x80");
        copy.advance(directory.path(), began).unwrap();
        let text = fs::read_to_string(directory.path().join("uart.txt")).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| &line[12..]).collect();
        assert_eq!(lines, [r"\x80 21 °C\xe2\x82", "😀"]);
    }

    #[test]
    fn the_end_is_kept_and_the_size_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let console = Said::new(&vec![b'x'; 3 * LARGE as usize]);
        let began = console.began;
        let mut copy = UartLogWriter::new("uart", Arc::clone(&console) as _);
        copy.advance(directory.path(), began).unwrap();
        for _ in 0..3 {
            console.say(&vec![b'y'; LARGE as usize / 2 + 1]);
            copy.advance(directory.path(), began).unwrap();
        }
        console.say(b"the end");
        copy.advance(directory.path(), began).unwrap();
        let log = fs::read(directory.path().join("uart.log")).unwrap();
        assert!(log.ends_with(b"the end"));
        let sizes = fs::read_dir(directory.path()).unwrap();
        let total: u64 = sizes.map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(total <= 4 * LARGE, "{total}");
    }
}

//! The end of Renode's log, for artifacts and error messages.
//!
//! Renode writes the log to a file in its private directory, which is removed when Renode
//! ends. [`LogFile`] keeps the file open, so it can still be read afterwards.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::log_end::MARK;
use crate::sync::lock;

/// The number of bytes that are read from the end.
const READ: u64 = 64 << 10;

/// The log of the Renode process that runs now, or ran last; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFile(Arc<Mutex<Option<File>>>);

impl LogFile {
    /// Opens the log at `path`, unless it is open already. The file may be missing: Renode may
    /// have exited before it created the file.
    pub(crate) fn hold(&self, path: &Path) {
        let mut held = self.lock();
        if held.is_none() {
            *held = File::open(path).ok();
        }
    }

    /// Closes the log of an earlier Renode.
    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    /// Returns the end of the log as text; empty if there is no log.
    pub(crate) fn text(&self) -> String {
        self.text_from(0)
    }

    /// Returns the length of the log in bytes.
    pub(crate) fn length(&self) -> u64 {
        let held = self.lock();
        let metadata = held.as_ref().and_then(|file| file.metadata().ok());
        metadata.map_or(0, |it| it.len())
    }

    /// Returns the end of the log as text, of what lies behind the byte `start`.
    pub(crate) fn text_from(&self, start: u64) -> String {
        let read = self.lock().as_ref().map(|file| tail(file, start));
        match read {
            Some(Ok(bytes)) => without_marks(&String::from_utf8_lossy(&bytes)),
            Some(Err(error)) => format!("cannot read Renode's log: {error}\n"),
            None => String::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        lock(&self.0)
    }
}

/// Returns the text without the lines that are ours.
fn without_marks(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !line.contains(MARK)).collect()
}

/// Reads the end of `file`, from the start of a line on, but nothing before `start`.
fn tail(file: &File, start: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let behind = length.saturating_sub(start);
    let read = behind.min(READ);
    let mut tail = vec![0; read as usize];
    file.read_exact_at(&mut tail, length - read)?;
    if behind > READ
        && let Some(end) = tail.iter().position(|byte| *byte == b'\n')
    {
        tail.drain(..=end);
    }
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_outlives_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("renode.log");
        let log = LogFile::default();
        log.hold(&path);
        assert_eq!(log.text(), "");
        std::fs::write(&path, "first line\n".repeat(10_000) + "the end\n").unwrap();
        log.hold(&path);
        drop(directory);
        let text = log.text();
        assert!(text.len() as u64 <= READ, "{}", text.len());
        assert!(text.starts_with("first line\n") && text.ends_with("first line\nthe end\n"));
        assert_eq!(log.text_from(log.length() - 8), "the end\n");
        assert_eq!(log.text_from(0), text);
        assert_eq!(log.text_from(log.length()), "");
        log.clear();
        assert_eq!(log.text(), "");
    }
}

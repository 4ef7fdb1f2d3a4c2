//! The file for the output that no longer fits in memory.
//!
//! The file has no name, so it disappears however the process ends. A [`Spill`] is a ring:
//! beyond its capacity the newest bytes overwrite the oldest.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// A ring of bytes on disk, addressed by their offset in the transcript.
#[derive(Debug)]
pub(crate) struct Spill {
    file: OnceLock<File>,
    capacity: u64,
}

impl Spill {
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            file: OnceLock::new(),
            capacity,
        }
    }

    /// Returns the first offset that is kept once everything before `end` is written.
    pub(crate) fn oldest_kept(&self, end: u64) -> u64 {
        end.saturating_sub(self.capacity)
    }

    /// Writes `bytes`, no more than the capacity, to the place of `offset`.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile()?;
                self.file.get_or_init(|| file)
            }
        };
        let (place, room) = self.place(offset);
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        file.write_all_at(first, place)?;
        file.write_all_at(rest, 0)
    }

    /// Fills `bytes` with the bytes that were written from `offset` on.
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let Some(file) = self.file.get() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (place, room) = self.place(offset);
        let (first, rest) = bytes.split_at_mut(room.min(bytes.len()));
        file.read_exact_at(first, place)?;
        file.read_exact_at(rest, 0)
    }

    /// Returns the place of `offset` in the file, and the number of bytes that fit between it and
    /// the file's end.
    fn place(&self, offset: u64) -> (u64, usize) {
        let place = offset % self.capacity;
        let room = usize::try_from(self.capacity - place).unwrap_or(usize::MAX);
        (place, room)
    }
}

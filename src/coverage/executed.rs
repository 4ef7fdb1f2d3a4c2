//! [`BlockStarts`]: what an emulator has written of the blocks that it has translated.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::{Path, PathBuf};

/// Reads the addresses at which blocks start, as one emulator writes them.
type ReadStarts = fn(&mut BufReader<File>) -> io::Result<BTreeSet<u64>>;

/// A file into which an emulator writes the starts of blocks. It is open, so it can be read after
/// the emulator and its directory are gone.
#[derive(Debug)]
pub(crate) struct BlockStarts {
    file: File,
    read: ReadStarts,
}

impl BlockStarts {
    /// Creates a file in `directory`, which the emulator opens by the path that is returned.
    pub(crate) fn create_in(directory: &Path, read: ReadStarts) -> io::Result<(Self, PathBuf)> {
        let file = tempfile::Builder::new()
            .prefix("blocks-")
            .tempfile_in(directory)?;
        let (file, path) = file.keep()?;
        Ok((Self { file, read }, path))
    }

    /// Reads what was written so far.
    pub(super) fn read(&self) -> io::Result<BTreeSet<u64>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        (self.read)(&mut BufReader::new(file))
    }
}

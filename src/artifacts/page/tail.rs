//! [`Tail`]: the end of a file that may be large.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The end of a file, from the beginning of a line if there is one.
pub(super) struct Tail {
    pub(super) text: String,
    /// The number of bytes before it.
    pub(super) left_out: u64,
}

impl Tail {
    /// Reads the last bytes of a file, at most `max_len`.
    pub(super) fn read(path: &Path, max_len: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut left_out = file.metadata()?.len().saturating_sub(max_len);
        file.seek(SeekFrom::Start(left_out))?;
        let mut bytes = Vec::new();
        file.take(max_len).read_to_end(&mut bytes)?;
        if left_out > 0
            && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
            && end + 1 < bytes.len()
        {
            left_out += end as u64 + 1;
            bytes.drain(..=end);
        }
        Ok(Self {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            left_out,
        })
    }
}

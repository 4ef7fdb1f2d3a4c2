//! Limits for the output that is kept, and for the size of its chunks.

use crate::config::KEPT_OUTPUT;

/// The sizes that a transcript keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes in memory.
    pub(in crate::uart) memory: usize,
    /// Bytes in the file.
    pub(in crate::uart) disk: u64,
    /// The size at which a chunk is closed.
    pub(in crate::uart) chunk: usize,
}

impl Limits {
    /// Returns the size from which a read becomes a chunk without being copied.
    pub(super) fn adopted_from(self) -> usize {
        self.chunk / 2
    }

    /// Returns the size up to which an open chunk is copied for a reader; a larger one is closed.
    pub(super) fn copied_up_to(self) -> usize {
        self.chunk / 16
    }
}

impl Default for Limits {
    /// Keeps little in memory, which is faster than much: the buffers are reused while they
    /// are in the processor's caches, and no new ones have to be mapped.
    fn default() -> Self {
        Self {
            memory: 4 << 20,
            disk: KEPT_OUTPUT,
            chunk: 64 << 10,
        }
    }
}

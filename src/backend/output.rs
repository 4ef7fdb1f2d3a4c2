//! The last of what an emulator wrote, kept for error messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is kept.
const KEPT: usize = 8 * 1024;

/// The end of an output; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutputTail(Arc<Mutex<VecDeque<u8>>>);

impl OutputTail {
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// What is kept, as text.
    pub(crate) fn text(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).into_owned()
    }

    /// What gives the text at any later time.
    pub(crate) fn reader(&self) -> super::LogText {
        let tail = self.clone();
        Box::new(move || tail.text())
    }

    /// Reads `from` to its end.
    pub(crate) async fn drain(self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        // An error is an end as well: nothing more can come.
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            self.push(&buffer[..n]);
        }
    }
}

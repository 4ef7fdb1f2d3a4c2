//! What an emulator wrote, kept for error messages and reports: its beginning and its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of the beginning is kept, for reports: who the emulator is and how it was set up.
const BEGINNING: usize = 4 * 1024;

/// How much is kept of what comes behind that: its end.
const END: usize = 8 * 1024;

/// The end of an output, and for reports its beginning, too; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutputTail(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    beginning: Vec<u8>,
    left_out: usize,
    end: VecDeque<u8>,
}

impl OutputTail {
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        let room = BEGINNING - kept.beginning.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        kept.beginning.extend(first);
        kept.end.extend(rest);
        let excess = kept.end.len().saturating_sub(END);
        kept.end.drain(..excess);
        kept.left_out += excess;
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    /// The end, as text.
    pub(crate) fn text(&self) -> String {
        let kept = self.lock();
        match kept.left_out {
            0 => text([kept.beginning.as_slice()], &kept.end),
            _ => text([], &kept.end),
        }
    }

    /// What gives all that is kept, as text, at any later time.
    pub(crate) fn reader(&self) -> super::LogText {
        let output = self.clone();
        Box::new(move || {
            let kept = output.lock();
            let left_out = match kept.left_out {
                0 => String::new(),
                count => format!("\n[{count} bytes are left out]\n"),
            };
            text([&kept.beginning, left_out.as_bytes()], &kept.end)
        })
    }

    /// Reads `from` to its end.
    pub(crate) async fn drain(self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        // An error is an end as well: nothing more can come.
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            self.push(&buffer[..n]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text<const N: usize>(before: [&[u8]; N], end: &VecDeque<u8>) -> String {
    let mut bytes = before.concat();
    bytes.extend(end);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_beginning_and_the_end_and_last_words_are_the_end() {
        let output = OutputTail::default();
        let report = output.reader();
        output.push(b"the banner\n");
        assert_eq!(report(), "the banner\n");
        output.push(&[b'x'; BEGINNING]);
        assert_eq!(output.text(), report());
        output.push(&[b'y'; 2 * END]);
        output.push(b"\nthe end");
        let all = "the banner\n".len() + BEGINNING + 2 * END + "\nthe end".len();
        let text = report();
        assert!(text.starts_with("the banner\nxxx"), "{text}");
        assert!(text.ends_with("yyy\nthe end"), "{text}");
        let left_out = format!("\n[{} bytes are left out]\n", all - BEGINNING - END);
        assert!(text.contains(&left_out), "{text}");
        assert_eq!(text.len(), BEGINNING + left_out.len() + END);
        assert_eq!(output.text().len(), END);
        output.clear();
        assert_eq!(report(), "");
    }
}

//! [`OutputTail`]: the beginning and the end of an emulator's output, for error messages and
//! reports.
//!
//! Answers to the harness's commands are part of a report, but not of the last output in an error
//! message.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::sync::lock;

/// The number of bytes kept of the beginning, for reports: the emulator's banner and its setup.
const BEGINNING: usize = 4 * 1024;

/// The number of bytes kept of the end, after the beginning.
const END: usize = 8 * 1024;

/// The number of bytes kept of an answer that may stay incomplete.
const ANSWER: usize = 1024;

/// The end of an output, and for reports also its beginning; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutputTail(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    beginning: Vec<u8>,
    left_out: usize,
    end: VecDeque<u8>,
    /// The end of the output that is not an answer to a command.
    unprompted: VecDeque<u8>,
    /// The end of output that may be an answer.
    answer: VecDeque<u8>,
}

impl OutputTail {
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        kept.push(bytes);
        extend(&mut kept.unprompted, bytes, END);
    }

    /// Adds output that may be an answer. Call [`answered`](Self::answered) or
    /// [`unasked`](Self::unasked) once it is known whether it is one.
    pub(crate) fn push_answer(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        kept.push(bytes);
        extend(&mut kept.answer, bytes, ANSWER);
    }

    /// Removes the pushed answer from the last output, because it is an answer.
    pub(crate) fn answered(&self) {
        self.lock().answer.clear();
    }

    /// Adds the pushed answer to the last output, because it is not an answer.
    pub(crate) fn unasked(&self) {
        let kept = &mut *self.lock();
        extend(&mut kept.unprompted, kept.answer.make_contiguous(), END);
        kept.answer.clear();
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    /// Returns the last output: the end of the output that is not an answer, and of an incomplete
    /// answer.
    pub(crate) fn text(&self) -> String {
        let kept = self.lock();
        let last = kept.unprompted.iter().chain(&kept.answer).copied();
        let last: Vec<u8> = last.collect();
        String::from_utf8_lossy(&last[last.len().saturating_sub(END)..]).into_owned()
    }

    /// Returns true if there was no output.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().beginning.is_empty()
    }

    /// Returns the beginning and the end of the output.
    pub(crate) fn report(&self) -> String {
        self.lock().text()
    }

    /// Returns a function that returns the kept output as text, at any later time.
    pub(crate) fn reader(&self) -> super::LogText {
        let output = self.clone();
        Box::new(move || output.report())
    }

    /// Reads `from` to its end, keeps its output, and passes it to `visit`.
    pub(crate) async fn drain(
        self,
        mut from: impl AsyncRead + Unpin,
        mut visit: impl FnMut(&[u8]),
    ) {
        let mut buffer = [0; 4096];
        // An error is an end as well: there is no more output.
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            self.push(&buffer[..n]);
            visit(&buffer[..n]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0)
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        let room = BEGINNING - self.beginning.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.beginning.extend(first);
        self.left_out += extend(&mut self.end, rest, END);
    }

    fn text(&self) -> String {
        let mut bytes = self.beginning.clone();
        if self.left_out > 0 {
            bytes.extend(format!("\n[{} bytes are left out]\n", self.left_out).bytes());
        }
        bytes.extend(&self.end);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Appends `bytes` to `end`, keeps the last `most` bytes, and returns the number of dropped bytes.
fn extend(end: &mut VecDeque<u8>, bytes: &[u8], most: usize) -> usize {
    end.extend(bytes);
    let excess = end.len().saturating_sub(most);
    end.drain(..excess);
    excess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_keeps_the_beginning_and_the_end_of_output() {
        let output = OutputTail::default();
        let report = output.reader();
        output.push(b"the banner\n");
        assert_eq!(report(), "the banner\n");
        assert_eq!(output.text(), report());
        output.push(&[b'x'; BEGINNING]);
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

    #[test]
    fn the_text_of_output_leaves_out_answers() {
        let output = OutputTail::default();
        let report = output.reader();
        output.push(b"by itself\n");
        output.push_answer(b"an answer\n");
        assert_eq!(output.text(), "by itself\nan answer\n");
        output.answered();
        output.push_answer(b"a warning\n");
        output.unasked();
        output.push_answer(b"half an ans");
        assert_eq!(output.text(), "by itself\na warning\nhalf an ans");
        assert_eq!(report(), "by itself\nan answer\na warning\nhalf an ans");
    }
}

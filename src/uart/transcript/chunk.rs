//! A run of the transcript's bytes, with the spans of it that are text.
//!
//! A [`Chunk`] keeps its bytes as they arrived, and finds their [`Piece`]s for either
//! [`View`]: with or without the escape sequences.

use std::ops::Range;

use crate::uart::ansi::Stripper;

/// The part of the bytes that a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Every byte that arrived.
    Raw,
    /// All bytes but escape sequences.
    Text,
}

/// Bytes that are contiguous in memory and in the transcript.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The offset of the first byte.
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Returns the piece without its first `n` bytes.
    pub(crate) fn skip(self, n: usize) -> Self {
        Self {
            offset: self.offset + n as u64,
            bytes: &self.bytes[n..],
        }
    }

    /// Returns the first `n` bytes of the piece.
    pub(crate) fn take(self, n: usize) -> Self {
        Self {
            bytes: &self.bytes[..n],
            ..self
        }
    }
}

/// A run of bytes of the transcript.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// The offset of the first byte.
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
    /// The spans of `bytes` that are text.
    pub(crate) text: Vec<Range<u32>>,
    /// The stripper's state at `start`.
    pub(crate) stripper: Stripper,
    /// All of `bytes`, as a span.
    whole: Range<u32>,
}

impl Chunk {
    pub(crate) fn empty(start: u64, stripper: Stripper) -> Self {
        Self {
            start,
            bytes: Vec::new(),
            text: Vec::new(),
            stripper,
            whole: 0..0,
        }
    }

    /// Appends `bytes`, of which `text` (spans counted from their start) is text.
    pub(crate) fn extend(&mut self, bytes: Vec<u8>, text: &[Range<u32>]) {
        let base = self.bytes.len() as u32;
        if self.bytes.is_empty() {
            self.bytes = bytes;
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
        self.add_text(base, text);
    }

    /// Appends as [`extend`](Self::extend) does, by copying.
    pub(crate) fn extend_from(&mut self, bytes: &[u8], text: &[Range<u32>]) {
        let base = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        self.add_text(base, text);
    }

    /// Adds the spans of appended bytes, which start at `base`.
    fn add_text(&mut self, base: u32, text: &[Range<u32>]) {
        self.whole.end = self.bytes.len() as u32;
        for span in text {
            let span = base + span.start..base + span.end;
            match self.text.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => self.text.push(span),
            }
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Returns roughly the memory that the chunk takes.
    pub(crate) fn cost(&self) -> usize {
        self.bytes.capacity() + self.text.capacity() * size_of::<Range<u32>>()
    }

    pub(crate) fn contains(&self, offset: u64) -> bool {
        (self.start..self.end()).contains(&offset)
    }

    /// Returns the pieces in `range` of the transcript, in order.
    pub(crate) fn pieces(
        &self,
        range: Range<u64>,
        view: View,
    ) -> impl DoubleEndedIterator<Item = Piece<'_>> {
        let spans = match view {
            View::Text => self.text.as_slice(),
            View::Raw => std::slice::from_ref(&self.whole),
        };
        let low = (range.start.clamp(self.start, self.end()) - self.start) as u32;
        let high = (range.end.clamp(self.start, self.end()) - self.start) as u32;
        let first = spans.partition_point(|span| span.end <= low);
        let last = spans.partition_point(|span| span.start < high).max(first);
        spans[first..last].iter().map(move |span| {
            let (from, to) = (span.start.max(low), span.end.min(high));
            Piece {
                offset: self.start + u64::from(from),
                bytes: &self.bytes[from as usize..to as usize],
            }
        })
    }
}

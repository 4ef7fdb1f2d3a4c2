//! A slice of the transcript, read forwards or backwards.
//!
//! A [`TranscriptSlice`] copies nothing until bytes are requested; it reads chunk by chunk,
//! also from the file.

use std::ops::{ControlFlow, Range};

use super::Transcript;
use super::chunk::{Piece, View};
use crate::uart::error::Unavailable;
use crate::uart::pattern::stream::ReadBack;

/// A range of the transcript, in the view of a reader.
#[derive(Clone)]
pub(crate) struct TranscriptSlice<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) range: Range<u64>,
    pub(crate) view: View,
}

impl TranscriptSlice<'_> {
    /// Visits the pieces in order until `visit` breaks.
    pub(crate) fn forwards<B>(
        &self,
        mut visit: impl FnMut(Piece<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable> {
        let mut at = self.range.start;
        while at < self.range.end {
            let chunk = self.transcript.chunk(at)?;
            for piece in chunk.pieces(at..self.range.end, self.view) {
                if let ControlFlow::Break(value) = visit(piece) {
                    return Ok(Some(value));
                }
            }
            at = chunk.end();
        }
        Ok(None)
    }

    /// Visits the pieces in reverse order until `visit` breaks.
    pub(crate) fn backwards<B>(
        &self,
        mut visit: impl FnMut(Piece<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable> {
        let mut end = self.range.end;
        while end > self.range.start {
            let chunk = self.transcript.chunk(end - 1)?;
            for piece in chunk.pieces(self.range.start..end, self.view).rev() {
                if let ControlFlow::Break(value) = visit(piece) {
                    return Ok(Some(value));
                }
            }
            end = chunk.start;
        }
        Ok(None)
    }

    /// Returns the place in the transcript of `range` in the slice's last `length` bytes, without
    /// escape sequences behind it.
    pub(crate) fn place(
        &self,
        length: usize,
        range: Range<usize>,
    ) -> Result<Range<u64>, Unavailable> {
        let start = self.offset_back(length - range.start)?;
        if range.is_empty() {
            return Ok(start..start);
        }
        let last = self.offset_back(length - range.end + 1)?;
        Ok(start..last + 1)
    }

    /// Returns the slice without its last `n` bytes and the hidden ones right before them.
    pub(crate) fn without_last(self, n: usize) -> Result<Self, Unavailable> {
        let end = match n {
            0 => self.range.end,
            // An escape sequence behind the last remaining byte is cut off as well.
            _ => (self.offset_back(n + 1)? + 1).max(self.range.start),
        };
        let range = self.range.start..end;
        Ok(Self { range, ..self })
    }

    /// Returns the offset of the `n`th byte from the end; for 0 that of the end.
    fn offset_back(&self, n: usize) -> Result<u64, Unavailable> {
        let mut left = n;
        if left == 0 {
            return Ok(self.range.end);
        }
        let found = self.backwards(|piece| {
            if piece.bytes.len() >= left {
                return ControlFlow::Break(piece.end() - left as u64);
            }
            left -= piece.bytes.len();
            ControlFlow::Continue(())
        })?;
        Ok(found.unwrap_or(self.range.start))
    }

    /// Returns all bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Unavailable> {
        let mut bytes = Vec::new();
        self.forwards(|piece| {
            bytes.extend_from_slice(piece.bytes);
            ControlFlow::<()>::Continue(())
        })?;
        Ok(bytes)
    }

    /// Returns the first `n` bytes.
    pub(crate) fn first(&self, n: usize) -> Result<Vec<u8>, Unavailable> {
        let mut bytes = Vec::new();
        self.forwards(|piece| {
            let more = piece.bytes.len().min(n - bytes.len());
            bytes.extend_from_slice(&piece.bytes[..more]);
            match bytes.len() < n {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(bytes)
    }

    /// Returns the last `n` bytes.
    pub(crate) fn last(&self, n: usize) -> Result<Vec<u8>, Unavailable> {
        let start = self.offset_back(n)?;
        TranscriptSlice {
            range: start..self.range.end,
            ..self.clone()
        }
        .bytes()
    }
}

impl ReadBack for TranscriptSlice<'_> {
    fn backwards<B>(
        &self,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable> {
        TranscriptSlice::backwards(self, |piece| visit(piece.bytes))
    }

    fn last(&self, n: usize) -> Result<Vec<u8>, Unavailable> {
        TranscriptSlice::last(self, n)
    }
}

//! Patterns whose engines want the text in one piece: `Regex`, needles, closures.
//!
//! They are given a window of the latest text. Where it starts depends only on
//! where a match could end, never on how the text arrived: a match that ends in
//! the n-th block of 64 KiB is looked for from the start of the block before.
//! Within a block the earliest end is found by bisection: what has matched a
//! text matches every longer one.

use super::Located;
use crate::uart::dialect;
use crate::uart::pattern::{Kind, Pattern, PatternError};

const BLOCK: usize = 64 << 10;
/// Bytes kept before the window, so that `^` and `\b` see what is there.
const CONTEXT: usize = 4;

pub(in crate::uart) struct Window {
    pattern: Pattern,
    /// The window, with its context before it.
    text: Vec<u8>,
    /// Where in `text` the window starts.
    start: usize,
    /// How many bytes of the present block are in `text`.
    in_block: usize,
}

impl Window {
    pub(super) fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        match pattern.kind() {
            Kind::Text(regex) => dialect::check_foreign(regex.as_str())?,
            Kind::Bytes(regex) => dialect::check_foreign(regex.as_str())?,
            _ => {}
        }
        Ok(Self {
            pattern: pattern.clone(),
            text: Vec::new(),
            start: 0,
            in_block: 0,
        })
    }

    pub(super) fn restart(&mut self) {
        self.text.clear();
        self.start = 0;
        self.in_block = 0;
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<usize>, PatternError> {
        let mut fed = 0;
        while fed < bytes.len() {
            if self.in_block == BLOCK {
                self.slide();
            }
            let more = (bytes.len() - fed).min(BLOCK - self.in_block);
            let before = self.text.len();
            self.text.extend_from_slice(&bytes[fed..fed + more]);
            self.in_block += more;
            if self.pattern.is_match_at(&self.text, self.start, false)? {
                let end = self.earliest(before, self.text.len())?;
                self.text.truncate(end);
                return Ok(Some(fed + end - before));
            }
            fed += more;
        }
        Ok(None)
    }

    /// Drops the block before the present one, which becomes the one before.
    fn slide(&mut self) {
        let window = self.text.len() - BLOCK;
        let keep = window.saturating_sub(CONTEXT);
        self.text.drain(..keep);
        self.start = window - keep;
        self.in_block = 0;
    }

    /// The first end in `none..=some` with a match; there is one at `some`, and none at `none`.
    fn earliest(&self, mut none: usize, mut some: usize) -> Result<usize, PatternError> {
        while none + 1 < some {
            let middle = none.midpoint(some);
            if self
                .pattern
                .is_match_at(&self.text[..middle], self.start, false)?
            {
                some = middle;
            } else {
                none = middle;
            }
        }
        Ok(some)
    }

    pub(super) fn finish(&mut self) -> Result<bool, PatternError> {
        match self.pattern.kind() {
            Kind::Needle(_) => self.pattern.is_match_at(&self.text, self.start, true),
            _ => Ok(false),
        }
    }

    pub(super) fn locate(&mut self, eof: bool) -> Result<Located, PatternError> {
        let text = std::mem::take(&mut self.text);
        let found = self.pattern.find_at(&text, self.start, eof)?;
        let groups = found.unwrap_or_default();
        Ok(Located { text, groups })
    }
}

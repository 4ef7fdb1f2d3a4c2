//! Patterns that need the text in one piece: `Regex`, needles, closures.
//!
//! They are given a [`Window`] of the latest text. Where it starts depends only on where a
//! match can end, never on how the text arrived: a match that ends in the n-th block of
//! 64 KiB is looked for from the start of the block before. Within a block the earliest end
//! is found by bisection, as a pattern that matches a text matches every longer one.

use super::hit::{Hit, Located};
use crate::uart::pattern::decode::{character_ends, unfinished};
use crate::uart::pattern::stream_checks;
use crate::uart::pattern::{Kind, Pattern, PatternError};

/// The size of a block.
const BLOCK: usize = 64 << 10;
/// The number of bytes that are kept before the window, as context for `^` and `\b`.
const CONTEXT: usize = 4;

/// The latest text, and the search for a pattern in it.
pub(crate) struct Window {
    pattern: Pattern,
    /// The window, with its context before it.
    text: Vec<u8>,
    /// The start of the window in `text`.
    start: usize,
    /// The number of bytes of the present block in `text`.
    in_block: usize,
}

impl Window {
    pub(super) fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        match pattern.kind() {
            Kind::Text(regex) => {
                stream_checks::check_foreign(regex.as_str(), |text| {
                    Some(regex.find(text)?.range())
                })?;
            }
            Kind::Bytes(regex) => stream_checks::check_foreign(regex.as_str(), |text| {
                Some(regex.find(text.as_bytes())?.range())
            })?,
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

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Hit>, PatternError> {
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
                let end = self.earliest_end(before, self.text.len())?;
                let missing = unfinished(&self.text[..end]);
                let behind =
                    self.cut_to_match(unfinished(&self.text[..end - 1]) + 1, end, missing)?;
                return Ok(Some(Hit {
                    known: fed + end - before,
                    behind,
                }));
            }
            fed += more;
        }
        Ok(None)
    }

    /// Starts a new block, and drops the one before the last.
    fn slide(&mut self) {
        let window = self.text.len() - BLOCK;
        let keep = window.saturating_sub(CONTEXT);
        self.text.drain(..keep);
        self.start = window - keep;
        self.in_block = 0;
    }

    /// Returns the first end in `none..=some` with a match; `some` has one, `none` has not.
    fn earliest_end(&self, mut none: usize, mut some: usize) -> Result<usize, PatternError> {
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

    /// Cuts the text, which matches up to `end`, behind the earliest character that completes
    /// the match. Returns the distance from there to `end`.
    ///
    /// The candidates are the characters that only the latest bytes show: those in the `last`
    /// bytes before `end`, without the `missing` ones.
    fn cut_to_match(
        &mut self,
        last: usize,
        end: usize,
        missing: usize,
    ) -> Result<usize, PatternError> {
        self.text.truncate(end);
        if !matches!(self.pattern.kind(), Kind::Text(_)) {
            return Ok(0);
        }
        let from = end - last;
        for length in character_ends(&self.text[from..end - missing]) {
            let text = &self.text[..from + length];
            if self.pattern.find_at(text, self.start, false)?.is_some() {
                self.text.truncate(from + length);
                break;
            }
        }
        Ok(end - self.text.len())
    }

    pub(super) fn finish(&mut self) -> Result<Option<Hit>, PatternError> {
        let (end, missing) = (self.text.len(), unfinished(&self.text));
        let found = match self.pattern.kind() {
            Kind::Function(_) => self.pattern.is_match_at(&self.text, self.start, true)?,
            Kind::Text(_) if missing > 0 => {
                let found = self.pattern.find_at(&self.text, self.start, true)?;
                found.is_some()
            }
            _ => false,
        };
        if !found {
            return Ok(None);
        }
        let behind = self.cut_to_match(missing, end, 0)?;
        Ok(Some(Hit { known: 0, behind }))
    }

    pub(super) fn locate(&mut self, eof: bool) -> Result<Located, PatternError> {
        let text = std::mem::take(&mut self.text);
        let found = self.pattern.find_at(&text, self.start, eof)?;
        let groups = found.unwrap_or_default();
        Ok(Located { text, groups })
    }
}

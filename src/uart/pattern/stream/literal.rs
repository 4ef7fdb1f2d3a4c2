//! Literal text on a stream.
//!
//! A [`Literal`] is found within a slice or across the cuts between slices.

use memchr::memmem::Finder;

use super::hit::Located;
use crate::uart::pattern::{Pattern, PatternError};

/// The search for a literal text.
pub(crate) struct Literal {
    finder: Finder<'static>,
    /// The last bytes before the next slice, fewer than the needle has.
    carry: Vec<u8>,
}

impl Literal {
    pub(super) fn new(pattern: &Pattern, finder: &Finder<'static>) -> Result<Self, PatternError> {
        if finder.needle().is_empty() {
            return Err(PatternError::Empty {
                pattern: pattern.to_string(),
            });
        }
        Ok(Self {
            finder: finder.clone(),
            carry: Vec::new(),
        })
    }

    pub(super) fn restart(&mut self) {
        self.carry.clear();
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let length = self.finder.needle().len();
        let overlap = length - 1;
        let carried = self.carry.len();
        // A match across the cut ends within the first `overlap` bytes.
        self.carry
            .extend_from_slice(&bytes[..bytes.len().min(overlap)]);
        let across = self.finder.find(&self.carry).filter(|_| carried > 0);
        if let Some(start) = across {
            return Some(start + length - carried);
        }
        if bytes.len() >= overlap {
            self.carry.clear();
            self.carry
                .extend_from_slice(&bytes[bytes.len() - overlap..]);
        } else {
            let surplus = self.carry.len().saturating_sub(overlap);
            self.carry.drain(..surplus);
        }
        Some(self.finder.find(bytes)? + length)
    }

    pub(super) fn locate(&self) -> Located {
        let text = self.finder.needle().to_vec();
        Located {
            groups: vec![Some(0..text.len())],
            text,
        }
    }
}

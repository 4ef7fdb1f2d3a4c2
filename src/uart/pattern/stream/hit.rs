//! The results of an engine, and the stream that it reads back.

use std::ops::ControlFlow;

use crate::uart::error::Unavailable;
use crate::uart::pattern::Groups;

/// The limit for a match, which has to be held in memory.
pub(super) const LONGEST_MATCH: usize = 8 << 20;

/// A match in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The end of the byte that shows the match.
    pub(crate) known: usize,
    /// The distance from the end of the match to `known`: the next byte may be needed to show that
    /// a byte is invalid.
    pub(crate) behind: usize,
}

impl Hit {
    /// Returns a match that ends with the byte that shows it.
    pub(super) fn at(known: usize) -> Self {
        Self { known, behind: 0 }
    }

    /// Returns true if this match is known earlier, or at the same byte and ends earlier.
    pub(crate) fn is_before(self, other: Self) -> bool {
        let order = |hit: Self| (hit.known, std::cmp::Reverse(hit.behind));
        order(self) < order(other)
    }
}

/// A match with its groups.
pub(crate) struct Located {
    /// The text that the groups lie in; it ends where the match does.
    pub(crate) text: Vec<u8>,
    pub(crate) groups: Groups,
}

/// A stream up to the end of a match, read backwards from there.
pub(crate) trait ReadBack {
    /// Visits the bytes, slice by slice in reverse order, until `visit` breaks.
    fn backwards<B>(
        &self,
        visit: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable>;

    /// Returns the last `n` bytes.
    fn last(&self, n: usize) -> Result<Vec<u8>, Unavailable>;
}

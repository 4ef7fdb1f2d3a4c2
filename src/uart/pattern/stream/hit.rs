//! What an engine has found, and where it may read back.

use std::ops::ControlFlow;

use crate::uart::error::Unavailable;
use crate::uart::pattern::Groups;

/// A match longer than this is given up: it would have to be held in memory.
pub(super) const LONGEST_MATCH: usize = 8 << 20;

/// Where in a slice a pattern was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Behind the byte at which that is known.
    pub(crate) known: usize,
    /// How far before that the match ends: that a byte is invalid may be known only by the next.
    pub(crate) behind: usize,
}

impl Hit {
    /// A match that ends with the byte at which it is known.
    pub(super) fn at(known: usize) -> Self {
        Self { known, behind: 0 }
    }

    /// Whether it is known earlier, or at the same byte and ends earlier.
    pub(crate) fn is_before(self, other: Self) -> bool {
        let order = |hit: Self| (hit.known, std::cmp::Reverse(hit.behind));
        order(self) < order(other)
    }
}

/// A match that was looked up.
pub(crate) struct Located {
    /// The text that the groups lie in; it ends where the match does.
    pub(crate) text: Vec<u8>,
    pub(crate) groups: Groups,
}

/// What has arrived up to the end of a match, read from there back.
pub(crate) trait ReadBack {
    /// Visits its bytes, slice by slice in reverse order, until `visit` breaks.
    fn backwards<B>(
        &self,
        visit: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable>;

    /// Its last `n` bytes.
    fn last(&self, n: usize) -> Result<Vec<u8>, Unavailable>;
}

//! A reader's position in the transcript, and the content there.

use std::ops::Range;

use super::guards::ForbiddenMatch;
use crate::uart::error::Ending;

/// A reader's place in the transcript.
///
/// The offset alone would not distinguish the end of a segment from the start of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(in crate::uart) segment: usize,
    pub(in crate::uart) offset: u64,
}

/// The content at a reader's position.
#[derive(Debug)]
pub(crate) enum Next {
    /// Bytes to read.
    Bytes(Range<u64>),
    /// The end of the segment; the next one starts here.
    Segment(Position),
    /// The end of the last segment; nothing more will arrive.
    Ended(Ending),
    /// A match of a standing guard.
    ForbiddenMatch(ForbiddenMatch),
    /// Nothing yet.
    Nothing,
}

//! The state behind the lock of a transcript.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use tokio::sync::Notify;

use super::chunk::Chunk;
use super::forbidden::ForbiddenMatches;
use super::position::{Next, Position};
use super::timestamps::Timestamps;
use crate::uart::ansi::Stripper;
use crate::uart::error::{Ending, Loss, OffReason, Unavailable};

/// The bytes, segments and readers of a transcript.
pub(super) struct State {
    /// Closed chunks in memory.
    pub(super) chunks: VecDeque<Arc<Chunk>>,
    /// The memory that they take.
    pub(super) held: usize,
    /// The open chunk.
    pub(super) tail: Chunk,
    /// The stripper's state at the end of the open chunk.
    pub(super) stripper: Stripper,
    pub(super) segments: Vec<Segment>,
    pub(super) timestamps: Timestamps,
    /// The readers to wake at the next change, by their ids.
    pub(super) readers: Vec<(u64, Waker)>,
    /// The notification of every change; unlike a reader it is never removed.
    pub(super) follower: Option<Arc<Notify>>,
    pub(super) matches: ForbiddenMatches,
    /// The starts of the blocks in the file, each with the stripper's state there.
    pub(super) spilled: VecDeque<(u64, Stripper)>,
    /// The reason why the output before the first of these blocks is lost.
    pub(super) lost: Option<Loss>,
    /// The block that was read back last.
    pub(super) read_back: Option<Arc<Chunk>>,
}

/// The output from one power-on to the next.
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) ending: Option<Ending>,
}

impl State {
    /// Returns the content at `at` up to the end of segment `last`, disregarding forbidden matches.
    pub(super) fn next(&self, at: Position, last: usize) -> Next {
        let segment_end = match self.segments.get(at.segment + 1) {
            Some(next) => next.start,
            None => self.tail.end(),
        };
        if at.offset < segment_end {
            return Next::Bytes(at.offset..segment_end);
        }
        if at.segment < last {
            return Next::Segment(Position {
                segment: at.segment + 1,
                offset: segment_end,
            });
        }
        match &self.segments[at.segment].ending {
            Some(ending) => Next::Ended(ending.clone()),
            None => Next::Nothing,
        }
    }

    /// Registers `waker` to be woken by the next change.
    pub(super) fn watch(&mut self, id: u64, waker: &Waker) {
        match self.readers.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => known.clone_from(waker),
            None => self.readers.push((id, waker.clone())),
        }
    }

    /// Closes the open chunk and opens the next one.
    pub(super) fn close_tail(&mut self) {
        let fresh = Chunk::empty(self.tail.end(), self.stripper);
        let tail = std::mem::replace(&mut self.tail, fresh);
        if !tail.bytes.is_empty() {
            self.held += tail.cost();
            self.chunks.push_back(Arc::new(tail));
        }
    }

    /// Ends the present segment; the first ending counts, unless something is known since that says more.
    pub(super) fn end(&mut self, ending: Ending) {
        if let Some(last) = self.segments.last_mut() {
            match &last.ending {
                None | Some(Ending::NotStarted) => last.ending = Some(ending),
                // A halted board may still be powered off. Of several halts the first counts.
                Some(known) if known.is_halt() && !ending.is_halt() => last.ending = Some(ending),
                // A power cycle that does not turn the board on again.
                Some(Ending::Off(OffReason::Cycling(_))) if matches!(ending, Ending::Off(_)) => {
                    last.ending = Some(ending);
                }
                Some(_) => {}
            }
        }
    }

    /// Returns the closed chunk that holds `offset`, if it is in memory.
    pub(super) fn in_memory(&self, offset: u64) -> Option<Arc<Chunk>> {
        let after = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let chunk = after
            .checked_sub(1)
            .and_then(|index| self.chunks.get(index));
        chunk
            .or(self.read_back.as_ref())
            .filter(|chunk| chunk.contains(offset))
            .map(Arc::clone)
    }

    /// Returns the start and the end of the file's block that holds `offset`, and the
    /// stripper's state at its start.
    pub(super) fn block(&self, offset: u64) -> Result<(u64, u64, Stripper), Unavailable> {
        let after = self.spilled.partition_point(|(start, _)| *start <= offset);
        let in_file_to = self
            .chunks
            .front()
            .map_or(self.tail.start, |first| first.start);
        let end = self
            .spilled
            .get(after)
            .map_or(in_file_to, |(next, _)| *next);
        let block = after
            .checked_sub(1)
            .and_then(|index| self.spilled.get(index));
        match block {
            Some((start, stripper)) => Ok((*start, end, *stripper)),
            None => Err(Unavailable {
                from: offset,
                to: end,
                why: self.lost.clone().unwrap_or(Loss::Dropped),
            }),
        }
    }

    /// Records that `chunk` is in the file. Small neighbours share a block of at most `block`
    /// bytes, but never across segments, where the stripper starts afresh.
    pub(super) fn note_spilled(&mut self, chunk: &Chunk, block: usize) {
        let far = |(last, _): &(u64, Stripper)| chunk.end() - last > block as u64;
        let starts_segment = self
            .segments
            .binary_search_by_key(&chunk.start, |segment| segment.start)
            .is_ok();
        if starts_segment || self.spilled.back().is_none_or(far) {
            self.spilled.push_back((chunk.start, chunk.stripper));
        }
    }

    /// Drops the output before `offset`, for the reason `why`.
    pub(super) fn forget(&mut self, offset: u64, why: impl FnOnce() -> Loss) {
        let mut forgot = false;
        while self
            .spilled
            .front()
            .is_some_and(|(start, _)| *start < offset)
        {
            self.spilled.pop_front();
            forgot = true;
        }
        if forgot || offset > 0 {
            self.lost = Some(why());
        }
    }
}

/// Releases the lock, then wakes all readers.
pub(super) fn wake(mut state: MutexGuard<'_, State>) {
    let readers = std::mem::take(&mut state.readers);
    let follower = state.follower.clone();
    drop(state);
    if let Some(follower) = follower {
        follower.notify_one();
    }
    for (_, reader) in readers {
        reader.wake();
    }
}

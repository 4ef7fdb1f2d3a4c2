//! The appending side of a transcript: bytes, guards, segments.
//!
//! Only one thread appends at a time, under the intake's lock. The readers' lock is held only
//! briefly: no bytes are matched under it, and none are written to the file.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::chunk::{Piece, View};
use super::guards::{ActiveGuard, ForbiddenMatch};
use super::position::{Next, Position};
use super::state::{Segment, State, wake};
use super::store::{Intake, Transcript};
use crate::sync::lock;
use crate::uart::ansi::Stripper;
use crate::uart::error::{Ending, Loss, Unavailable};

impl Transcript {
    /// Appends the first `n` bytes of `buffer`, which may be replaced by another one of its size.
    ///
    /// Wakes no reader: [`announce`](Self::announce) does, once for several appends.
    pub(crate) fn append(&self, buffer: &mut Vec<u8>, n: usize) {
        self.append_at(buffer, n, self.began.elapsed());
    }

    /// Appends as [`append`](Self::append) does, with `time` as the time of arrival.
    pub(crate) fn append_at(&self, buffer: &mut Vec<u8>, n: usize, time: Duration) {
        if n == 0 {
            return;
        }
        let mut intake = lock(&self.intake);
        let Intake {
            text,
            guards,
            spare,
        } = &mut *intake;
        let (start, mut stripper) = {
            let state = self.state();
            (state.tail.end(), state.stripper)
        };
        text.clear();
        if self.strip {
            stripper.strip(&buffer[..n], 0, text);
        } else {
            text.push(0..n as u32);
        }
        let matches = guards.feed(text.iter().map(|span| Piece {
            offset: start + u64::from(span.start),
            bytes: &buffer[span.start as usize..span.end as usize],
        }));
        let whole = (n >= self.limits.adopted_from()).then(|| {
            let mut fresh = std::mem::take(spare);
            fresh.resize(buffer.len(), 0);
            let mut bytes = std::mem::replace(buffer, fresh);
            bytes.truncate(n);
            bytes
        });
        let mut state = self.state();
        state.timestamps.record(start, time);
        if state.tail.bytes.len() + n > self.limits.chunk {
            state.close_tail();
        }
        state.stripper = stripper;
        match whole {
            Some(bytes) => state.tail.extend(bytes, text),
            None => {
                if state.tail.bytes.is_empty() && n > self.limits.copied_up_to() {
                    state.tail.bytes = std::mem::take(spare);
                    state.tail.bytes.clear();
                    state.tail.bytes.reserve(self.limits.chunk);
                }
                state.tail.extend_from(&buffer[..n], text);
            }
        }
        state.matches.add(matches);
        let over = state.held > self.limits.memory;
        drop(state);
        if over {
            self.evict(spare);
        }
    }

    /// Wakes the readers that wait for more.
    pub(crate) fn announce(&self) {
        wake(self.state());
    }

    /// Moves the oldest chunks to the file, until the rest fits in memory.
    ///
    /// The caller holds the intake's lock, so that no two run at once. Leaves the buffer of a
    /// moved chunk in `spare`.
    fn evict(&self, spare: &mut Vec<u8>) {
        loop {
            let oldest = {
                let mut state = self.state();
                if state.held <= self.limits.memory {
                    return;
                }
                let Some(oldest) = state.chunks.front().map(Arc::clone) else {
                    return;
                };
                state.forget(self.spill.oldest_kept(oldest.end()), || Loss::OverLimit {
                    limit: self.limits.disk,
                    directory: std::env::temp_dir(),
                });
                oldest
            };
            let written = self.spill.write(oldest.start, &oldest.bytes);
            let mut state = self.state();
            state.chunks.pop_front();
            state.held -= oldest.cost();
            match written {
                Ok(()) => state.note_spilled(&oldest, self.limits.chunk),
                Err(e) => state.forget(oldest.end(), || Loss::NotWritten {
                    error: e.to_string(),
                    directory: std::env::temp_dir(),
                }),
            }
            drop(state);
            if let Some(chunk) = Arc::into_inner(oldest) {
                *spare = chunk.bytes;
            }
        }
    }

    /// Adds a guard that sees everything from `from` on.
    pub(crate) fn add_guard(
        &self,
        mut guard: ActiveGuard,
        mut from: Position,
    ) -> Result<(), Unavailable> {
        let mut matches = Vec::new();
        // Most of the backlog is scanned before the lock blocks the appending side.
        self.scan_backlog(&mut guard, &mut from, &mut matches)?;
        let mut intake = lock(&self.intake);
        self.scan_backlog(&mut guard, &mut from, &mut matches)?;
        intake.guards.add(guard);
        let mut state = self.state();
        drop(intake);
        state.matches.add(matches);
        wake(state);
        Ok(())
    }

    /// Feeds `guard` the output so far, from `at` on.
    fn scan_backlog(
        &self,
        guard: &mut ActiveGuard,
        at: &mut Position,
        matches: &mut Vec<ForbiddenMatch>,
    ) -> Result<(), Unavailable> {
        let last = self.end_position().segment;
        loop {
            let next = self.state().next(*at, last);
            match next {
                Next::Bytes(range) => {
                    let chunk = self.chunk(range.start)?;
                    matches.extend(guard.feed(chunk.pieces(range.clone(), View::Text)));
                    at.offset = chunk.end().min(range.end);
                }
                Next::Segment(next) => {
                    matches.extend(guard.finish(at.offset));
                    *at = next;
                }
                Next::Ended(_) => {
                    matches.extend(guard.finish(at.offset));
                    return Ok(());
                }
                Next::ForbiddenMatch(_) | Next::Nothing => return Ok(()),
            }
        }
    }

    /// Adds a forbidden match at the end of the output, at which `make` creates it.
    pub(crate) fn forbid_now(&self, make: impl FnOnce(u64) -> ForbiddenMatch) {
        let mut state = self.state();
        let forbidden = make(state.tail.end());
        state.matches.add([forbidden]);
        wake(state);
    }

    /// Removes a guard and its match.
    pub(crate) fn remove_guard(&self, guard: u64) {
        let mut intake = lock(&self.intake);
        intake.guards.remove(guard);
        let mut state = self.state();
        drop(intake);
        state.matches.remove(guard);
        wake(state);
    }

    /// Starts a new segment, as a power cycle does; the present one ends with `ending`.
    pub(crate) fn begin_segment(&self, ending: Ending) {
        let mut state = self.end_segment(ending);
        state.stripper = Stripper::default();
        state.close_tail();
        let start = state.tail.end();
        state.segments.push(Segment {
            start,
            ending: None,
        });
        wake(state);
    }

    /// Ends the present segment; the first ending counts.
    pub(crate) fn end(&self, ending: Ending) {
        wake(self.end_segment(ending));
    }

    /// Ends the present segment for the guards as well, and keeps the readers' lock.
    fn end_segment(&self, ending: Ending) -> MutexGuard<'_, State> {
        let mut intake = lock(&self.intake);
        let mut state = self.state();
        let matches = intake.guards.finish(state.tail.end());
        drop(intake);
        state.matches.add(matches);
        state.end(ending);
        state
    }

    /// Reopens the present segment if it has ended because another machine has stopped.
    pub(crate) fn reopen_stalled(&self) {
        let mut state = self.state();
        if let Some(last) = state.segments.last_mut()
            && matches!(last.ending, Some(Ending::Stalled(_)))
        {
            last.ending = None;
        }
    }
}

//! A transcript and its reading side.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::chunk::Chunk;
use super::forbidden::ForbiddenMatches;
use super::guards::{ForbiddenMatch, Guards};
use super::limits::Limits;
use super::position::{Next, Position};
use super::spill::Spill;
use super::state::{Segment, State};
use super::timestamps::Timestamps;
use crate::sync::lock;
use crate::uart::ansi::Stripper;
use crate::uart::error::{Ending, Loss, Reported, Unavailable};

/// Everything that a UART has received.
pub(crate) struct Transcript {
    /// Locked before `state`.
    pub(super) intake: Mutex<Intake>,
    state: Mutex<State>,
    pub(super) spill: Spill,
    pub(super) limits: Limits,
    /// Set if escape sequences are hidden from the text.
    pub(super) strip: bool,
    pub(super) began: Instant,
    /// Set if times are counted in the board's own clock.
    own_clock: bool,
}

/// The state that only the appending side needs.
pub(super) struct Intake {
    /// The spans of the bytes being appended that are text.
    pub(super) text: Vec<Range<u32>>,
    pub(super) guards: Guards,
    /// A buffer for reuse.
    pub(super) spare: Vec<u8>,
}

impl Transcript {
    /// Returns an empty transcript, whose first segment has already ended if `ending` is given.
    pub(crate) fn new(strip: bool, limits: Limits, ending: Option<Ending>) -> Self {
        Self {
            intake: Mutex::new(Intake {
                text: Vec::new(),
                guards: Guards::default(),
                spare: Vec::new(),
            }),
            state: Mutex::new(State {
                chunks: VecDeque::new(),
                held: 0,
                tail: Chunk::empty(0, Stripper::default()),
                stripper: Stripper::default(),
                segments: vec![Segment { start: 0, ending }],
                timestamps: Timestamps::default(),
                readers: Vec::new(),
                follower: None,
                matches: ForbiddenMatches::default(),
                spilled: VecDeque::new(),
                lost: None,
                read_back: None,
            }),
            spill: Spill::new(limits.disk.max(2 * limits.chunk as u64)),
            limits,
            strip,
            began: Instant::now(),
            own_clock: false,
        }
    }

    /// Counts times in the board's own clock if `own_clock` is set.
    pub(crate) fn with_own_clock(self, own_clock: bool) -> Self {
        Self { own_clock, ..self }
    }

    /// Notifies `follower` of every change from now on.
    pub(crate) fn set_follower(&self, follower: Arc<Notify>) {
        self.state().follower = Some(follower);
    }

    /// Returns the time at which the transcript began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns the ending of the present segment, if it has ended.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let state = self.state();
        state.segments.last().and_then(|last| last.ending.clone())
    }

    /// Returns the position behind the last byte that has arrived.
    pub(crate) fn end_position(&self) -> Position {
        let state = self.state();
        Position {
            segment: state.segments.len() - 1,
            offset: state.tail.end(),
        }
    }

    /// Returns the number of bytes at the end that belong to an unfinished escape sequence.
    pub(crate) fn unfinished_sequence(&self) -> usize {
        let unfinished = self.state().stripper.unfinished();
        unfinished.map_or(0, usize::from)
    }

    /// Returns the start of the present segment.
    pub(crate) fn segment_start(&self) -> Position {
        let state = self.state();
        Position {
            segment: state.segments.len() - 1,
            offset: state.segments.last().map_or(0, |last| last.start),
        }
    }

    /// Returns the time at which the byte at `offset` arrived: since `began`, or in the board's own
    /// clock.
    pub(crate) fn time_since(&self, offset: u64, began: Instant) -> Duration {
        let time = self.time(offset);
        match self.own_clock {
            true => time,
            false => (self.began + time).saturating_duration_since(began),
        }
    }

    /// Returns the time at which the byte at `offset` arrived, counted from the transcript's
    /// beginning.
    pub(crate) fn time(&self, offset: u64) -> Duration {
        self.state().timestamps.time(offset)
    }

    /// Returns the content at `at` for a reader that stays within segment `last`.
    ///
    /// If nothing has arrived there yet, registers `reader` to be woken by the next change.
    pub(crate) fn next(&self, at: Position, last: usize, reader: Option<(u64, &Waker)>) -> Next {
        let mut state = self.state();
        let mut next = state.next(at, last);
        if let Some(forbidden) = state.matches.first() {
            if forbidden.end <= at.offset + 1 {
                return Next::ForbiddenMatch(forbidden.clone());
            }
            // A reader's match that ends at the end of the forbidden one, or later, is too late.
            if let Next::Bytes(range) = &mut next {
                range.end = range.end.min(forbidden.end - 1);
            }
        }
        if let (Next::Nothing, Some((id, waker))) = (&next, reader) {
            state.watch(id, waker);
        }
        next
    }

    /// Registers `waker` to be woken by the next change.
    pub(crate) fn watch(&self, id: u64, waker: &Waker) {
        self.state().watch(id, waker);
    }

    /// Returns the first forbidden match, if there is one.
    pub(crate) fn forbidden(&self) -> Option<ForbiddenMatch> {
        self.state().matches.first().cloned()
    }

    /// See [`ForbiddenMatches::report`].
    pub(crate) fn report_forbidden(&self) -> Reported {
        self.state().matches.report()
    }

    /// See [`ForbiddenMatches::is_reported`].
    pub(crate) fn is_forbidden_reported(&self) -> bool {
        self.state().matches.is_reported()
    }

    /// See [`ForbiddenMatches::take_unreported`].
    pub(crate) fn take_unreported_match(&self) -> Option<ForbiddenMatch> {
        self.state().matches.take_unreported()
    }

    /// Returns true while a reader waits.
    #[cfg(test)]
    pub(crate) fn has_readers(&self) -> bool {
        !self.state().readers.is_empty()
    }

    /// Removes the waker of reader `id`.
    pub(crate) fn unwatch(&self, id: u64) {
        self.state().readers.retain(|(known, _)| *known != id);
    }

    /// Returns the chunk that holds the byte at `offset`, which must have arrived.
    pub(crate) fn chunk(&self, offset: u64) -> Result<Arc<Chunk>, Unavailable> {
        let (start, end, stripper) = {
            let mut state = self.state();
            if offset >= state.tail.start {
                if state.tail.bytes.len() <= self.limits.copied_up_to() {
                    return Ok(Arc::new(state.tail.clone()));
                }
                state.close_tail();
            }
            if let Some(chunk) = state.in_memory(offset) {
                return Ok(chunk);
            }
            state.block(offset)?
        };
        let mut bytes = vec![0; (end - start) as usize];
        let read = self.spill.read(start, &mut bytes);
        let mut state = self.state();
        state.block(offset)?;
        read.map_err(|e| Unavailable {
            from: start,
            to: end,
            why: Loss::NotRead {
                error: e.to_string(),
            },
        })?;
        let mut text = Vec::new();
        if self.strip {
            stripper.clone().strip(&bytes, 0, &mut text);
        } else {
            text.push(0..bytes.len() as u32);
        }
        let mut chunk = Chunk::empty(start, stripper);
        chunk.extend(bytes, &text);
        let chunk = Arc::new(chunk);
        state.read_back = Some(Arc::clone(&chunk));
        Ok(chunk)
    }
}

//! Everything a UART has put out, in the order in which it arrived.
//!
//! One side appends and never waits; any number of readers look at it from
//! their own threads, at their own pace. The newest bytes are in memory, older
//! ones in a file without a name from which they are read back unnoticed. A
//! power cycle starts a new segment. Knows nothing of patterns, except that the
//! standing guards look at the bytes on their way in.

pub(super) mod chunk;
pub(super) mod forbidden;
pub(super) mod guards;
pub(super) mod slice;
pub(super) mod spill;
pub(super) mod split;
pub(super) mod timestamps;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::ansi::Stripper;
use super::transcript::guards::{ActiveGuard, ForbiddenMatch, Guards};
use crate::config::KEPT_OUTPUT;
use crate::sync::lock;
use crate::uart::error::{Ending, Reported, Unavailable};
use chunk::{Chunk, Piece, View};
use forbidden::ForbiddenMatches;
use spill::Spill;
use timestamps::Timestamps;

/// How much of the output is kept where, and in what bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes in memory.
    pub(super) memory: usize,
    /// Bytes in the file.
    pub(super) disk: u64,
    /// A chunk is closed when it has this many bytes.
    pub(super) chunk: usize,
}

impl Limits {
    /// Reads of at least this size become a chunk without being copied.
    fn hand_over(self) -> usize {
        self.chunk / 2
    }

    /// An open chunk of at most this size is copied for a reader; a larger one is closed.
    fn copied(self) -> usize {
        self.chunk / 16
    }
}

impl Default for Limits {
    /// Little in memory is faster than much: the buffers are used again while
    /// they are in the processor's caches, instead of new ones being mapped.
    fn default() -> Self {
        Self {
            memory: 4 << 20,
            disk: KEPT_OUTPUT,
            chunk: 64 << 10,
        }
    }
}

/// Where a reader is. Offsets alone would not tell the end of a segment from
/// the start of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(super) segment: usize,
    pub(super) offset: u64,
}

/// What there is for a reader.
#[derive(Debug)]
pub(crate) enum Next {
    /// Bytes to look at.
    Bytes(Range<u64>),
    /// The segment has been read; the next starts here.
    Segment(Position),
    /// The segment has been read, and there will be nothing more.
    Ended(Ending),
    /// A standing guard found something here.
    ForbiddenMatch(ForbiddenMatch),
    /// Nothing yet.
    Nothing,
}

/// See the module.
pub(crate) struct Transcript {
    intake: Mutex<Intake>,
    state: Mutex<State>,
    spill: Spill,
    limits: Limits,
    strip: bool,
    began: Instant,
    /// Times are those of the board's own clock.
    own_clock: bool,
}

/// What only the appending side needs; locked before `state`.
struct Intake {
    text: Vec<Range<u32>>,
    guards: Guards,
    /// A buffer that is free again.
    spare: Vec<u8>,
}

struct State {
    /// Closed chunks in memory.
    chunks: VecDeque<Arc<Chunk>>,
    /// What they cost.
    held: usize,
    /// The open chunk.
    tail: Chunk,
    /// The stripper's state at its end.
    stripper: Stripper,
    segments: Vec<Segment>,
    timestamps: Timestamps,
    readers: Vec<(u64, Waker)>,
    /// Reported of every change; unlike a reader it stays.
    follower: Option<Arc<Notify>>,
    matches: ForbiddenMatches,
    /// Starts of blocks in the file, with the stripper's state there.
    spilled: VecDeque<(u64, Stripper)>,
    /// Why what is before the first of them is gone.
    lost: Option<Arc<str>>,
    /// The block that was read back last.
    read_back: Option<Arc<Chunk>>,
}

struct Segment {
    start: u64,
    ending: Option<Ending>,
}

impl Transcript {
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

    /// Its times are to be those of the board's own clock.
    pub(crate) fn in_own_clock(self, own_clock: bool) -> Self {
        Self { own_clock, ..self }
    }

    /// Tells `follower` of every change from now on.
    pub(crate) fn tell(&self, follower: Arc<Notify>) {
        self.state().follower = Some(follower);
    }

    /// When it began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Appends the first `n` bytes of `buffer`, which may be replaced by another of its size.
    ///
    /// Readers are told by [`announce`](Self::announce), once for several appends.
    pub(crate) fn append(&self, buffer: &mut Vec<u8>, n: usize) {
        self.append_at(buffer, n, self.began.elapsed());
    }

    /// As [`append`](Self::append), for bytes that came at `time`.
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
        let matches = guards.look(text.iter().map(|span| Piece {
            offset: start + u64::from(span.start),
            bytes: &buffer[span.start as usize..span.end as usize],
        }));
        let whole = (n >= self.limits.hand_over()).then(|| {
            let mut fresh = std::mem::take(spare);
            fresh.resize(buffer.len(), 0);
            let mut bytes = std::mem::replace(buffer, fresh);
            bytes.truncate(n);
            bytes
        });
        let mut state = self.state();
        state.timestamps.note(start, time);
        if state.tail.bytes.len() + n > self.limits.chunk {
            state.close_tail();
        }
        state.stripper = stripper;
        match whole {
            Some(bytes) => state.tail.extend(bytes, text),
            None => {
                if state.tail.bytes.is_empty() && n > self.limits.copied() {
                    state.tail.bytes = std::mem::take(spare);
                    state.tail.bytes.clear();
                    state.tail.bytes.reserve(self.limits.chunk);
                }
                state.tail.extend_from(&buffer[..n], text);
            }
        }
        state.matches.raise(matches);
        let over = state.held > self.limits.memory;
        drop(state);
        if over {
            self.evict(spare);
        }
    }

    /// Wakes those who wait for what was appended.
    pub(crate) fn announce(&self) {
        wake(self.state());
    }

    /// Moves the oldest chunks to the file. Only the appending side does, one at a time.
    ///
    /// Leaves one of their buffers in `spare`.
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
                state.forget(self.spill.oldest_kept(oldest.end()), || {
                    format!(
                        "of a UART's output {} MiB are kept, in a file in {}; \
                             raise `kept_output` in the target's description to keep more",
                        self.limits.disk >> 20,
                        std::env::temp_dir().display()
                    )
                });
                oldest
            };
            let written = self.spill.write(oldest.start, &oldest.bytes);
            let mut state = self.state();
            state.chunks.pop_front();
            state.held -= oldest.cost();
            match written {
                Ok(()) => state.note_spilled(&oldest, self.limits.chunk),
                Err(e) => state.forget(oldest.end(), || {
                    format!(
                        "it could not be written to a file in {}: {e}; make room there, \
                             or set TMPDIR to a directory that has room",
                        std::env::temp_dir().display()
                    )
                }),
            }
            drop(state);
            if let Some(chunk) = Arc::into_inner(oldest) {
                *spare = chunk.bytes;
            }
        }
    }

    /// Sets a guard that looks at everything from `from` on.
    pub(crate) fn guard(
        &self,
        mut guard: ActiveGuard,
        mut from: Position,
    ) -> Result<(), Unavailable> {
        let mut matches = Vec::new();
        // Most of what is there is looked at before the intake is held up.
        self.scan_backlog(&mut guard, &mut from, &mut matches)?;
        let mut intake = lock(&self.intake);
        self.scan_backlog(&mut guard, &mut from, &mut matches)?;
        intake.guards.add(guard);
        let mut state = self.state();
        drop(intake);
        state.matches.raise(matches);
        wake(state);
        Ok(())
    }

    /// Lets a guard look at what is there from `at` on.
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
                    matches.extend(guard.look(chunk.pieces(range.clone(), View::Text)));
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

    /// Takes a guard away, with what it has found.
    pub(crate) fn lift(&self, guard: u64) {
        let mut intake = lock(&self.intake);
        intake.guards.remove(guard);
        let mut state = self.state();
        drop(intake);
        state.matches.withdraw(guard);
        wake(state);
    }

    /// Starts a new segment, as a power cycle does. What is open ends with `ending`.
    pub(crate) fn begin_segment(&self, ending: Ending) {
        let mut intake = lock(&self.intake);
        let mut state = self.state();
        let matches = intake.guards.finish(state.tail.end());
        drop(intake);
        state.matches.raise(matches);
        state.end(ending);
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
        let mut intake = lock(&self.intake);
        let mut state = self.state();
        let matches = intake.guards.finish(state.tail.end());
        drop(intake);
        state.matches.raise(matches);
        state.end(ending);
        wake(state);
    }

    /// The present segment goes on, if it has ended because another machine has halted.
    pub(crate) fn go_on(&self) {
        let mut state = self.state();
        if let Some(last) = state.segments.last_mut()
            && matches!(last.ending, Some(Ending::Stalled(_)))
        {
            last.ending = None;
        }
    }

    /// Whether the present segment has ended, and how.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let state = self.state();
        state.segments.last().and_then(|last| last.ending.clone())
    }

    /// The end of what has arrived.
    pub(crate) fn end_position(&self) -> Position {
        let state = self.state();
        Position {
            segment: state.segments.len() - 1,
            offset: state.tail.end(),
        }
    }

    /// How many bytes at the end belong to an escape sequence that has not ended.
    pub(crate) fn unfinished_sequence(&self) -> usize {
        let unfinished = self.state().stripper.unfinished();
        unfinished.map_or(0, usize::from)
    }

    /// Where the present segment begins.
    pub(crate) fn last_start(&self) -> Position {
        let state = self.state();
        Position {
            segment: state.segments.len() - 1,
            offset: state.segments.last().map_or(0, |last| last.start),
        }
    }

    /// When the byte at `offset` arrived: since `began`, or in the board's own clock.
    pub(crate) fn time_since(&self, offset: u64, began: Instant) -> Duration {
        let time = self.time(offset);
        match self.own_clock {
            true => time,
            false => (self.began + time).saturating_duration_since(began),
        }
    }

    /// When the byte at `offset` arrived, counted from the transcript's beginning.
    pub(crate) fn time(&self, offset: u64) -> Duration {
        self.state().timestamps.time(offset)
    }

    /// What there is at `at` for a reader that must not go beyond segment `last`.
    ///
    /// When there is nothing yet, `reader` is woken by the next change.
    pub(crate) fn next(&self, at: Position, last: usize, reader: Option<(u64, &Waker)>) -> Next {
        let mut state = self.state();
        let mut next = state.next(at, last);
        if let Some(forbidden) = state.matches.first() {
            if forbidden.end <= at.offset + 1 {
                return Next::ForbiddenMatch(forbidden.clone());
            }
            // A match that ends where the guard's does, or later, comes too late.
            if let Next::Bytes(range) = &mut next {
                range.end = range.end.min(forbidden.end - 1);
            }
        }
        if let (Next::Nothing, Some((id, waker))) = (&next, reader) {
            state.watch(id, waker);
        }
        next
    }

    /// Has `waker` woken by the next change.
    pub(crate) fn watch(&self, id: u64, waker: &Waker) {
        self.state().watch(id, waker);
    }

    /// The first forbidden, if there is one.
    pub(crate) fn forbidden(&self) -> Option<ForbiddenMatch> {
        self.state().matches.first().cloned()
    }

    /// See [`ForbiddenMatches::tell`].
    pub(crate) fn report_forbidden(&self) -> Reported {
        self.state().matches.tell()
    }

    /// See [`ForbiddenMatches::is_reported`].
    pub(crate) fn is_forbidden_reported(&self) -> bool {
        self.state().matches.is_reported()
    }

    /// See [`ForbiddenMatches::judge`].
    pub(crate) fn judge(&self) -> Option<ForbiddenMatch> {
        self.state().matches.judge()
    }

    /// Whether anybody waits.
    #[cfg(test)]
    pub(crate) fn has_readers(&self) -> bool {
        !self.state().readers.is_empty()
    }

    /// Forgets the waker of a reader.
    pub(crate) fn leave(&self, id: u64) {
        self.state().readers.retain(|(known, _)| *known != id);
    }

    /// The chunk that holds the byte at `offset`, which must have arrived.
    pub(crate) fn chunk(&self, offset: u64) -> Result<Arc<Chunk>, Unavailable> {
        let (start, end, stripper) = {
            let mut state = self.state();
            if offset >= state.tail.start {
                if state.tail.bytes.len() <= self.limits.copied() {
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
            why: format!("it cannot be read back from the temporary file: {e}").into(),
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

/// Wakes all readers, once the lock is released.
fn wake(mut state: MutexGuard<'_, State>) {
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

impl State {
    /// What there is at `at`, whatever guards have found, up to the end of segment `last`.
    fn next(&self, at: Position, last: usize) -> Next {
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

    fn watch(&mut self, id: u64, waker: &Waker) {
        match self.readers.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => known.clone_from(waker),
            None => self.readers.push((id, waker.clone())),
        }
    }

    /// Closes the open chunk and opens one behind it.
    fn close_tail(&mut self) {
        let fresh = Chunk::empty(self.tail.end(), self.stripper);
        let tail = std::mem::replace(&mut self.tail, fresh);
        if !tail.bytes.is_empty() {
            self.held += tail.cost();
            self.chunks.push_back(Arc::new(tail));
        }
    }

    fn end(&mut self, ending: Ending) {
        if let Some(last) = self.segments.last_mut() {
            match &last.ending {
                None | Some(Ending::NotStarted) => last.ending = Some(ending),
                // A board that has halted may yet be turned off. The first halt counts.
                Some(known) if known.is_halt() && !ending.is_halt() => last.ending = Some(ending),
                Some(_) => {}
            }
        }
    }

    fn in_memory(&self, offset: u64) -> Option<Arc<Chunk>> {
        let after = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let chunk = after
            .checked_sub(1)
            .and_then(|index| self.chunks.get(index));
        chunk
            .or(self.read_back.as_ref())
            .filter(|chunk| chunk.contains(offset))
            .map(Arc::clone)
    }

    /// The block of the file that holds `offset`, and the stripper's state at its start.
    fn block(&self, offset: u64) -> Result<(u64, u64, Stripper), Unavailable> {
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
                why: self.lost.clone().unwrap_or_else(|| "it was dropped".into()),
            }),
        }
    }

    /// Notes that `chunk` is in the file. Small neighbours make one block of
    /// at most `block` bytes, but never across segments, where the stripper starts afresh.
    fn note_spilled(&mut self, chunk: &Chunk, block: usize) {
        let far = |(last, _): &(u64, Stripper)| chunk.end() - last > block as u64;
        let starts_segment = self
            .segments
            .binary_search_by_key(&chunk.start, |segment| segment.start)
            .is_ok();
        if starts_segment || self.spilled.back().is_none_or(far) {
            self.spilled.push_back((chunk.start, chunk.stripper));
        }
    }

    /// Gives up what is before `offset`.
    fn forget(&mut self, offset: u64, why: impl FnOnce() -> String) {
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
            self.lost = Some(why().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uart::pattern::Pattern;
    use crate::uart::pattern::stream::Engine;
    use crate::uart::transcript::slice::TranscriptSlice;

    const SMALL: Limits = Limits {
        memory: 256 << 10,
        disk: 1 << 20,
        chunk: CHUNK,
    };
    const CHUNK: usize = 64 << 10;

    fn append(transcript: &Transcript, bytes: &[u8]) {
        let mut buffer = bytes.to_vec();
        transcript.append(&mut buffer, bytes.len());
    }

    fn bytes(
        transcript: &Transcript,
        range: Range<u64>,
        view: View,
    ) -> Result<Vec<u8>, Unavailable> {
        TranscriptSlice {
            transcript,
            range,
            view,
        }
        .bytes()
    }

    /// Numbered lines with a colour around each number, and the same without.
    fn output(lines: usize) -> (Vec<u8>, Vec<u8>) {
        let line = |n: usize, on: &str, off: &str| format!("line {on}{n}{off}\n").into_bytes();
        let coloured = (0..lines).flat_map(|n| line(n, "\x1b[31m", "\x1b[0m"));
        let plain = (0..lines).flat_map(|n| line(n, "", ""));
        (coloured.collect(), plain.collect())
    }

    #[test]
    fn what_does_not_fit_in_memory_is_read_back_unnoticed() {
        let (raw, text) = output(50_000);
        for size in [999, 40_000, 64 << 10] {
            let transcript = Transcript::new(true, SMALL, None);
            raw.chunks(size).for_each(|read| append(&transcript, read));
            let state = transcript.state();
            assert!(state.held <= SMALL.memory + 2 * CHUNK, "{}", state.held);
            drop(state);
            let all = 0..raw.len() as u64;
            assert_eq!(bytes(&transcript, all.clone(), View::Raw).unwrap(), raw);
            assert_eq!(bytes(&transcript, all, View::Text).unwrap(), text);
        }
    }

    #[test]
    fn beyond_the_limit_on_disk_the_oldest_is_gone_and_said_to_be() {
        let (raw, _) = output(200_000);
        let transcript = Transcript::new(true, SMALL, None);
        raw.chunks(10_000)
            .for_each(|read| append(&transcript, read));
        let end = raw.len() as u64;
        let kept = end - SMALL.disk - 64;
        assert_eq!(
            bytes(&transcript, kept..end, View::Raw).unwrap(),
            raw[kept as usize..]
        );
        let error = bytes(&transcript, 0..end, View::Raw)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the output from byte 0 to byte "),
            "{error}"
        );
        assert!(
            error.ends_with(&format!(
                "is no longer available: of a UART's output 1 MiB are kept, in a file in {}; \
                 raise `kept_output` in the target's description to keep more",
                std::env::temp_dir().display()
            )),
            "{error}"
        );
    }

    #[test]
    fn a_segment_starts_without_the_unfinished_sequence_of_the_last_even_on_disk() {
        let transcript = Transcript::new(true, SMALL, None);
        append(&transcript, b"cut short \x1b]0;title");
        transcript.begin_segment(Ending::Stopped("off"));
        append(&transcript, b"booting");
        for _ in 0..10 {
            append(&transcript, &[b'x'; CHUNK]);
        }
        assert_eq!(
            bytes(&transcript, 0..23, View::Text).unwrap(),
            b"cut short boot"
        );
    }

    #[test]
    fn a_guard_that_has_found_something_in_pieces_takes_what_follows() {
        for pattern in ["HardFault", "re:Hard ?Fault"] {
            let transcript = Transcript::new(true, SMALL, None);
            let engine = Engine::guard(&Pattern::new(pattern).unwrap()).unwrap();
            let guard = ActiveGuard::new(&pattern.into(), engine);
            transcript.guard(guard, Position::default()).unwrap();
            for read in ["boot Hard", "Fault", " at 0x", "08001234", "\nHardFault\n"] {
                append(&transcript, read.as_bytes());
            }
            assert_eq!(transcript.forbidden().unwrap().end, 14, "{pattern}");
        }
    }

    #[test]
    fn bytes_that_trickle_in_share_chunks_although_a_reader_looks_each_time() {
        let transcript = Transcript::new(true, Limits::default(), None);
        for at in 0..100_000 {
            append(&transcript, b"x");
            assert!(transcript.chunk(at).unwrap().contains(at));
        }
        assert!(transcript.state().chunks.len() <= 100_000 / Limits::default().copied() + 1);
    }
}

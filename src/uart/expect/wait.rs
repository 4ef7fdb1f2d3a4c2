//! [`Wait`]: the task of every operation that reads.
//!
//! It feeds the output to a [`Matcher`] in the waiting thread, and sleeps until there is more. A
//! task that fails or is dropped leaves the cursor where it was.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::aftermath::Aftermath;
use super::diagnose;
use super::hint::pause_reason;
use crate::error::Result;
use crate::operation::Task;
use crate::runtime::{CutShort, Deadline, Stops};
use crate::sync::lock;
use crate::uart::cursor::{Cursor, HandleState};
use crate::uart::error::UartError;
use crate::uart::pattern::PatternError;
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::{Next, Position};

/// The number of bytes after which the deadline is polled, even if there is more output.
const POLL_BUDGET: u64 = 4 << 20;

/// A search in the output for what an operation waits for.
pub(crate) trait Matcher: Send {
    type Output;

    /// Returns the view of the output to search.
    fn view(&self) -> View {
        View::Text
    }

    /// Begins the search at `at`, or begins it again after a power cycle.
    fn restart(&mut self, at: u64);

    /// Returns true if the search skips output that has arrived before it begins.
    fn begins_at_end(&self) -> bool {
        false
    }

    /// Returns the output with which a match, or another reason to return at once, can end.
    fn stops(&self) -> Stops;

    /// Returns the result if the search needs no output.
    fn ready_without_input(&mut self) -> Option<Self::Output> {
        None
    }

    /// Searches the next bytes.
    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError>;

    /// Completes the search at the end of the output, at `end`.
    fn finish(
        &mut self,
        _end: u64,
        _uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError> {
        Ok(None)
    }

    /// Returns the result if the end of the time limit is a success.
    fn timed_out(&mut self) -> Option<Self::Output> {
        None
    }

    /// Returns a hint why nothing was found from `from` on, if there is one.
    fn hint(&self, _uart: &UartState, _from: u64) -> Option<String> {
        None
    }

    /// Describes the operation for a message.
    fn describe(&self) -> String;
}

/// The result of a search.
pub(crate) struct Found<T> {
    pub(crate) output: T,
    /// The new place of the cursor.
    pub(crate) end: u64,
    /// True if the match ended at a `\r`: a `\r*\n?` that follows belongs to its line.
    pub(crate) after_cr: bool,
}

/// The task of an operation that reads.
pub(crate) struct Wait<S> {
    uart: Arc<UartState>,
    local: Arc<Mutex<HandleState>>,
    matcher: Result<S, PatternError>,
    deadline: Deadline,
    scan: Option<Scan>,
    id: u64,
    registered: bool,
    /// The wait for the output behind a forbidden match.
    aftermath: Option<Box<Aftermath>>,
}

/// The progress of a search.
struct Scan {
    /// The start of the search.
    from: u64,
    at: Position,
    /// The last segment when the search began; the search ends with it.
    last: usize,
    /// True if the rest of an end-of-line has to be skipped first.
    after_cr: bool,
    /// The end of the output when the time limit passed; output up to it still counts.
    until: Option<u64>,
}

/// Returns a new id for a reader of transcripts.
pub(crate) fn reader_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<S: Matcher> Wait<S> {
    pub(crate) fn new(
        uart: &Arc<UartState>,
        local: &Arc<Mutex<HandleState>>,
        timeout: Duration,
        matcher: Result<S, PatternError>,
    ) -> Self {
        let stops = || matcher.as_ref().map_or(Stops::default(), Matcher::stops);
        Self {
            uart: Arc::clone(uart),
            local: Arc::clone(local),
            deadline: uart.deadline(timeout, stops),
            matcher,
            scan: None,
            id: reader_id(),
            registered: false,
            aftermath: None,
        }
    }

    /// Begins at the end of the output instead of the cursor.
    pub(crate) fn begin_at_end(&mut self) -> Result<(), UartError> {
        self.begin_at(self.uart.transcript.end_position())
    }

    /// Begins at `at` instead of the cursor.
    pub(crate) fn begin_at(&mut self, at: Position) -> Result<(), UartError> {
        let matcher = self.matcher.as_mut().map_err(|e| e.clone())?;
        let cursor = Cursor {
            at,
            after_cr: false,
        };
        self.scan = Some(Scan::begin(cursor, &self.uart, matcher));
        Ok(())
    }

    /// Describes the operation for a message.
    pub(crate) fn describe(&self) -> String {
        match &self.matcher {
            Ok(matcher) => matcher.describe(),
            Err(e) => e.to_string(),
        }
    }

    /// Returns the result that is available without waiting.
    pub(crate) fn now(&mut self) -> Option<Result<S::Output>> {
        match self.poll_output(None) {
            Poll::Ready(found) => Some(found),
            Poll::Pending => None,
        }
    }

    /// Scans the output that has arrived; without a context it neither waits nor times out.
    fn poll_output(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<Result<S::Output>> {
        let matcher = match &mut self.matcher {
            Ok(matcher) => matcher,
            Err(e) => return Poll::Ready(Err(UartError::from(e.clone()).into())),
        };
        let uart = &*self.uart;
        let transcript = &uart.transcript;
        let scan = self.scan.get_or_insert_with(|| {
            let cursor = match matcher.begins_at_end() {
                true => Cursor {
                    at: transcript.end_position(),
                    after_cr: false,
                },
                false => lock(&self.local).cursor,
            };
            Scan::begin(cursor, uart, matcher)
        });
        if let Some(output) = matcher.ready_without_input() {
            return Poll::Ready(Ok(output));
        }
        let mut budget = POLL_BUDGET;
        loop {
            let reader = cx.as_ref().map(|cx| (self.id, cx.waker()));
            match transcript.next(scan.at, scan.last, reader) {
                Next::Bytes(range) => {
                    let chunk = transcript.chunk(range.start).map_err(UartError::from)?;
                    let end = chunk.end().min(range.end);
                    for piece in chunk.pieces(range.clone(), matcher.view()) {
                        let piece = scan.skip_end_of_line(piece, matcher);
                        if piece.bytes.is_empty() {
                            continue;
                        }
                        if let Some(done) = matcher.feed(piece, uart)? {
                            return Poll::Ready(Ok(self.complete(done)));
                        }
                    }
                    scan.at.offset = end;
                    budget = budget.saturating_sub(end - range.start);
                }
                Next::Segment(next) => {
                    scan.at = next;
                    scan.from = next.offset;
                    scan.after_cr = false;
                    matcher.restart(next.offset);
                }
                Next::Ended(ending) => {
                    if let Some(done) = matcher.finish(scan.at.offset, uart)? {
                        return Poll::Ready(Ok(self.complete(done)));
                    }
                    return Poll::Ready(Err(diagnose::ended(
                        uart,
                        matcher.describe(),
                        ending,
                        scan.from,
                    )
                    .into()));
                }
                Next::ForbiddenMatch(forbidden) => {
                    if let Some(cx) = &mut cx
                        && forbidden.log_line.is_none()
                    {
                        self.deadline.leave();
                        self.registered = true;
                        let aftermath = self.aftermath.get_or_insert_with(|| {
                            Box::new(Aftermath::new(uart, forbidden.end, self.id))
                        });
                        ready!(aftermath.poll(cx, uart));
                    }
                    let error = diagnose::forbidden(uart, &forbidden, Some(&matcher.describe()));
                    return Poll::Ready(Err(error.into()));
                }
                Next::Nothing if scan.until.is_none() => {
                    let Some(cx) = &mut cx else {
                        return Poll::Pending;
                    };
                    self.registered = true;
                    self.aftermath = None;
                    self.deadline.set_clock(uart.clock());
                    ready!(self.deadline.poll(cx))?;
                    // Output that has arrived meanwhile counts, as does its end.
                    scan.until = Some(transcript.end_position().offset);
                    continue;
                }
                Next::Nothing => {}
            }
            if scan.until.is_some_and(|until| scan.at.offset >= until) {
                let cut_short = self.deadline.cut_short();
                let waited = self.deadline.timeout().max(self.deadline.waited());
                let on_host = match (self.deadline.watchdog(), matcher.timed_out()) {
                    (Some(on_host), _) => on_host,
                    (None, Some(output)) if has_guest_run(uart, cut_short) => {
                        return Poll::Ready(Ok(output));
                    }
                    (None, Some(_)) => waited,
                    (None, None) => {
                        let operation = matcher.describe();
                        let hint = || matcher.hint(uart, scan.from);
                        let error = diagnose::timed_out(
                            uart, operation, waited, cut_short, scan.from, hint,
                        );
                        return Poll::Ready(Err(error.into()));
                    }
                };
                let (operation, of) = (matcher.describe(), self.deadline.timeout());
                let seen = diagnose::seen(transcript, scan.from);
                let error = diagnose::watchdog(uart, operation, on_host, cut_short, of, seen);
                return Poll::Ready(Err(error.into()));
            }
            if budget == 0 {
                budget = POLL_BUDGET;
                // A virtual clock is paused until all output is read.
                if let Some(cx) = &mut cx
                    && uart.virtual_clock().is_none()
                    && scan.until.is_none()
                    && self.deadline.poll(cx).is_ready()
                {
                    scan.until = Some(transcript.end_position().offset);
                }
            }
        }
    }

    /// Moves the cursor, unless another operation has moved it further.
    fn complete(&self, done: Found<S::Output>) -> S::Output {
        if let Some(scan) = &self.scan {
            let at = Position {
                offset: done.end,
                ..scan.at
            };
            let cursor = &mut lock(&self.local).cursor;
            if at >= cursor.at {
                *cursor = Cursor {
                    at,
                    after_cr: done.after_cr,
                };
            }
        }
        done.output
    }
}

/// Returns true if the guest has run for the whole time limit, as far as that is known.
fn has_guest_run(uart: &UartState, cut_short: Option<CutShort>) -> bool {
    // The guest's clock, if there is one, is more reliable than the known reasons for a pause.
    cut_short.is_none() && (uart.clock().is_some() || pause_reason(uart).is_none())
}

impl Scan {
    fn begin(cursor: Cursor, uart: &UartState, matcher: &mut impl Matcher) -> Self {
        matcher.restart(cursor.at.offset);
        Self {
            from: cursor.at.offset,
            at: cursor.at,
            last: uart.transcript.end_position().segment,
            after_cr: cursor.after_cr,
            until: None,
        }
    }

    /// Returns `piece` without the rest of the previous line's end.
    fn skip_end_of_line<'a>(&mut self, piece: Piece<'a>, matcher: &mut impl Matcher) -> Piece<'a> {
        if !self.after_cr {
            return piece;
        }
        let returns = piece.bytes.iter().take_while(|b| **b == b'\r').count();
        let newline = usize::from(piece.bytes.get(returns) == Some(&b'\n'));
        let skipped = returns + newline;
        self.after_cr = skipped == piece.bytes.len() && newline == 0;
        let piece = piece.skip(skipped);
        self.from = piece.offset;
        matcher.restart(piece.offset);
        piece
    }
}

impl<S: Matcher> Task for Wait<S> {
    type Output = S::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.deadline.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Output>> {
        self.deadline.begin_look();
        let found = ready!(self.poll_output(Some(cx)));
        self.deadline.leave();
        Poll::Ready(found)
    }
}

impl<S> Drop for Wait<S> {
    fn drop(&mut self) {
        if self.registered {
            self.uart.transcript.unwatch(self.id);
        }
    }
}

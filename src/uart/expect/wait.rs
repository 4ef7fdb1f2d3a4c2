//! Waiting for something to appear: the task behind every operation that reads.
//!
//! It looks at what is there in the thread of whoever waits, and sleeps until
//! there is more. What it looks for is a [`Matcher`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::aftermath::Aftermath;
use super::diagnose::{self, seen};
use super::hint::silent;
use crate::error::Result;
use crate::operation::Task;
use crate::runtime::{ByteSet, CutShort, Deadline};
use crate::sync::lock;
use crate::uart::cursor::{Cursor, HandleState};
use crate::uart::error::ExpectError;
use crate::uart::pattern::PatternError;
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::{Next, Position};

/// After this many bytes the deadline is looked at, even if there is more.
const POLL_BUDGET: u64 = 4 << 20;

/// What an operation looks for.
pub(crate) trait Matcher: Send {
    type Output;

    /// Which bytes it wants to see.
    fn view(&self) -> View {
        View::Text
    }

    /// Begins, or begins again after a power cycle.
    fn restart(&mut self, at: u64);

    /// Whether what has arrived already is nothing to it.
    fn begins_at_end(&self) -> bool {
        false
    }

    /// The bytes at which it may have found what it looks for, or something else to
    /// be told of at once.
    fn stops(&self) -> ByteSet;

    /// What it has found before it has looked at anything.
    fn ready_without_input(&mut self) -> Option<Self::Output> {
        None
    }

    /// Looks at the next bytes.
    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, ExpectError>;

    /// Whether the end of the output, at `end`, is what it looks for.
    fn finish(
        &mut self,
        _end: u64,
        _uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, ExpectError> {
        Ok(None)
    }

    /// The output if the time passing is what it waits for.
    fn timed_out(&mut self) -> Option<Self::Output> {
        None
    }

    /// Why it may not have found what it looked for from `from` on, if that can be guessed.
    fn hint(&self, _uart: &UartState, _from: u64) -> Option<String> {
        None
    }

    /// The operation, as in a message.
    fn describe(&self) -> String;
}

/// Something was found.
pub(crate) struct Found<T> {
    pub(crate) output: T,
    /// Where the cursor goes.
    pub(crate) end: u64,
    pub(crate) after_cr: bool,
}

/// A search under way.
pub(crate) struct Wait<S> {
    uart: Arc<UartState>,
    local: Arc<Mutex<HandleState>>,
    search: Result<S, PatternError>,
    deadline: Deadline,
    scan: Option<Scan>,
    id: u64,
    registered: bool,
    /// Something forbidden has appeared, and the board tells more of it.
    aftermath: Option<Box<Aftermath>>,
}

/// How far a search is.
struct Scan {
    /// Where it began.
    from: u64,
    at: Position,
    /// The segment that was the last when it began; that one's end is its end.
    last: usize,
    /// An end-of-line may have to be skipped first.
    after_cr: bool,
    /// The time is up: what has arrived before this is still looked at.
    until: Option<u64>,
}

/// The number of a reader of transcripts, of its own.
pub(crate) fn reader_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<S: Matcher> Wait<S> {
    pub(crate) fn new(
        uart: &Arc<UartState>,
        local: &Arc<Mutex<HandleState>>,
        timeout: Duration,
        search: Result<S, PatternError>,
    ) -> Self {
        let stops = || search.as_ref().map_or(ByteSet::NONE, Matcher::stops);
        Self {
            uart: Arc::clone(uart),
            local: Arc::clone(local),
            deadline: uart.deadline(timeout, stops),
            search,
            scan: None,
            id: reader_id(),
            registered: false,
            aftermath: None,
        }
    }

    /// Begins at the end of what has arrived, wherever the cursor is.
    pub(crate) fn begin_at_end(&mut self) -> Result<(), ExpectError> {
        self.begin_at(self.uart.transcript.end_position())
    }

    /// Begins at `at`, wherever the cursor is.
    pub(crate) fn begin_at(&mut self, at: Position) -> Result<(), ExpectError> {
        let search = self.search.as_mut().map_err(|e| e.clone())?;
        let cursor = Cursor {
            at,
            after_cr: false,
        };
        self.scan = Some(Scan::begin(cursor, &self.uart, search));
        Ok(())
    }

    /// The operation, as in a message.
    pub(crate) fn describe(&self) -> String {
        match &self.search {
            Ok(search) => search.describe(),
            Err(e) => e.to_string(),
        }
    }

    /// What it finds without waiting.
    pub(crate) fn now(&mut self) -> Option<Result<S::Output>> {
        match self.look(None) {
            Poll::Ready(found) => Some(found),
            Poll::Pending => None,
        }
    }

    /// Looks at what is there; without a context it neither waits nor times out.
    fn look(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<Result<S::Output>> {
        let search = match &mut self.search {
            Ok(search) => search,
            Err(e) => return Poll::Ready(Err(ExpectError::from(e.clone()).into())),
        };
        let uart = &*self.uart;
        let transcript = &uart.transcript;
        let scan = self.scan.get_or_insert_with(|| {
            let cursor = match search.begins_at_end() {
                true => Cursor {
                    at: transcript.end_position(),
                    after_cr: false,
                },
                false => lock(&self.local).cursor,
            };
            Scan::begin(cursor, uart, search)
        });
        if let Some(output) = search.ready_without_input() {
            return Poll::Ready(Ok(output));
        }
        let mut budget = POLL_BUDGET;
        loop {
            let reader = cx.as_ref().map(|cx| (self.id, cx.waker()));
            match transcript.next(scan.at, scan.last, reader) {
                Next::Bytes(range) => {
                    let chunk = transcript.chunk(range.start).map_err(ExpectError::from)?;
                    let end = chunk.end().min(range.end);
                    for piece in chunk.pieces(range.clone(), search.view()) {
                        let piece = scan.skip_end_of_line(piece, search);
                        if piece.bytes.is_empty() {
                            continue;
                        }
                        if let Some(done) = search.feed(piece, uart)? {
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
                    search.restart(next.offset);
                }
                Next::Ended(ending) => {
                    if let Some(done) = search.finish(scan.at.offset, uart)? {
                        return Poll::Ready(Ok(self.complete(done)));
                    }
                    return Poll::Ready(Err(ExpectError::Ended {
                        uart: uart.name.clone(),
                        wanted: search.describe(),
                        ending,
                        seen: seen(transcript, scan.from),
                    }
                    .into()));
                }
                Next::ForbiddenMatch(forbidden) => {
                    if let Some(cx) = &mut cx {
                        self.deadline.leave();
                        self.registered = true;
                        let aftermath = self.aftermath.get_or_insert_with(|| {
                            Box::new(Aftermath::new(uart, forbidden.end, self.id))
                        });
                        ready!(aftermath.poll(cx, uart));
                    }
                    let error = diagnose::forbidden(uart, &forbidden, &search.describe());
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
                    // What has come meanwhile counts, as does the board's end.
                    scan.until = Some(transcript.end_position().offset);
                    continue;
                }
                Next::Nothing => {}
            }
            if scan.until.is_some_and(|until| scan.at.offset >= until) {
                let cut_short = self.deadline.cut_short();
                let waited = self.deadline.timeout().max(self.deadline.waited());
                let on_host = match (self.deadline.watchdog(), search.timed_out()) {
                    (Some(on_host), _) => on_host,
                    (None, Some(output)) if has_had_its_time(uart, cut_short) => {
                        return Poll::Ready(Ok(output));
                    }
                    (None, Some(_)) => waited,
                    (None, None) => {
                        let error = timed_out(search, scan, uart, waited, cut_short);
                        return Poll::Ready(Err(error.into()));
                    }
                };
                let (wanted, of) = (search.describe(), self.deadline.timeout());
                let seen = seen(transcript, scan.from);
                let error = too_slow(uart, wanted, on_host, cut_short, of, &seen);
                return Poll::Ready(Err(error.into()));
            }
            if budget == 0 {
                budget = POLL_BUDGET;
                // A virtual clock stands still until all is read.
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

/// Whether the guest has run as long as it was waited for, as far as that can be known.
fn has_had_its_time(uart: &UartState, cut_short: Option<CutShort>) -> bool {
    // A clock of the guest's that could be read knows better.
    cut_short.is_none() && (uart.clock().is_some() || stands_still(uart).is_none())
}

fn timed_out<S: Matcher>(
    search: &S,
    scan: &Scan,
    uart: &UartState,
    waited: Duration,
    cut_short: Option<CutShort>,
) -> ExpectError {
    let seen = seen(&uart.transcript, scan.from);
    let hint = || match silent(uart) {
        Some(hint) => format!("{seen}: {hint}"),
        None => match search.hint(uart, scan.from) {
            Some(hint) => format!("{hint}; {seen}"),
            None => seen.clone(),
        },
    };
    let seen = match (stands_still(uart), cut_short) {
        (Some(why), _) => format!("{why}; {seen}"),
        (None, Some(CutShort::Had(had))) => format!(
            "the guest has had only {had:?} of its time: it is very slow, or its processor is locked up; {}",
            hint()
        ),
        (None, Some(CutShort::Unknown)) => format!(
            "how much of its time the guest has had is not known: its emulator does not tell; {}",
            hint()
        ),
        (None, None) => hint(),
    };
    ExpectError::Timeout {
        uart: uart.name.clone(),
        wanted: search.describe(),
        waited: Duration::from_millis(waited.as_millis() as u64),
        seen,
    }
}

/// The error of an operation that has lasted `on_host` on the host, of which the guest may
/// have had less than the time limit `of`; `seen` is what to say of it.
pub(crate) fn too_slow(
    uart: &UartState,
    wanted: String,
    on_host: Duration,
    cut_short: Option<CutShort>,
    of: Duration,
    seen: &str,
) -> ExpectError {
    let had = match cut_short {
        Some(CutShort::Had(had)) => Some(had),
        Some(CutShort::Unknown) | None => None,
    };
    let why = stands_still(uart).unwrap_or(
        "the emulator hangs, or its guest keeps it so busy that its time hardly passes; \
         raise `timeouts: command:` if the host is that slow",
    );
    ExpectError::Watchdog {
        uart: uart.name.clone(),
        wanted,
        on_host: Duration::from_millis(on_host.as_millis() as u64),
        had,
        of,
        seen: format!("{why}; {seen}"),
    }
}

/// Why the guest does not run, if that is known.
fn stands_still(uart: &UartState) -> Option<&'static str> {
    if uart.is_stopped() {
        return Some("its emulator is stopped by a signal; continue it with SIGCONT");
    }
    let silent = uart.transcript.end_position().offset == 0;
    (uart.is_bare() && silent).then_some(
        "no firmware was named for the board: name it in the target's YAML (`firmware`) or in the test \
         (`firmware(…)`, `flash(…)`)",
    )
}

impl Scan {
    fn begin(cursor: Cursor, uart: &UartState, search: &mut impl Matcher) -> Self {
        search.restart(cursor.at.offset);
        Self {
            from: cursor.at.offset,
            at: cursor.at,
            last: uart.transcript.end_position().segment,
            after_cr: cursor.after_cr,
            until: None,
        }
    }

    /// Takes off `piece` what still belongs to the line before.
    fn skip_end_of_line<'a>(&mut self, piece: Piece<'a>, search: &mut impl Matcher) -> Piece<'a> {
        if !self.after_cr {
            return piece;
        }
        let returns = piece.bytes.iter().take_while(|b| **b == b'\r').count();
        let newline = usize::from(piece.bytes.get(returns) == Some(&b'\n'));
        let skipped = returns + newline;
        self.after_cr = skipped == piece.bytes.len() && newline == 0;
        let piece = piece.skip(skipped);
        self.from = piece.offset;
        search.restart(piece.offset);
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
        let found = ready!(self.look(Some(cx)));
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

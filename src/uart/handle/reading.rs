//! The operations of a [`Uart`] that wait for output.

use std::time::Duration;

use super::uart::Uart;
use crate::caller::Caller;
use crate::error::Result;
use crate::operation::Operation;
use crate::runtime::Debugging;
use crate::sync::lock;
#[cfg(doc)]
use crate::uart::error::UartErrorKind;
use crate::uart::expect::matched::Match;
use crate::uart::expect::wait::{Matcher, Wait};
use crate::uart::expect::{
    Expect, ExpectAll, ExpectAny, ExpectLine, ExpectNone, ExpectSilence, ReadExact, ReadLine,
    ReadSome, RunFor,
};
use crate::uart::pattern::{IntoPattern, Pattern, PatternError};

impl Uart {
    /// Waits for `pattern` on the stream, up to the earliest byte at which it matches; moves the
    /// cursor behind that byte.
    ///
    /// # Errors
    /// * [`UartErrorKind::Timeout`], [`UartErrorKind::Ended`], [`UartErrorKind::Forbidden`].
    /// * [`UartErrorKind::Pattern`] if it is not a valid pattern, or not one for a stream: it
    ///   matches the empty text, or ends in `$`, `\b` or similar.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"login: ").unwrap();
    /// let m = uart.expect("login:").wait()?;
    /// assert_eq!(m.before()?, "");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect(&self, pattern: impl IntoPattern) -> Operation<Match> {
        self.wait_for(self.visible(pattern).and_then(Expect::text))
    }

    /// Waits for a line in which `pattern` matches anywhere; skips the lines before it, and moves
    /// the cursor behind it.
    ///
    /// Only complete lines count; the first begins at the cursor. Inside a line the pattern has
    /// the plain semantics of its engine: greedy, and `$` is the line's end. A line ends at `\n`, `\r\n`,
    /// `\r\r\n`, `\n\r` or a lone `\r`.
    ///
    /// # Errors
    /// * [`UartErrorKind::Timeout`], [`UartErrorKind::Ended`], [`UartErrorKind::Forbidden`].
    /// * [`UartErrorKind::Pattern`] if it is not a valid pattern, or a text with an end-of-line.
    /// * [`UartErrorKind::LineTooLong`] for a line of more than 8 MiB.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"boot\r\nup 12 ms\r\n").unwrap();
    /// let m = uart.expect_line(r"re:up (\d+)").wait()?;
    /// assert_eq!(m.line(), "up 12 ms");
    /// assert_eq!(m.parse::<u32>(1)?, 12);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_line(&self, pattern: impl IntoPattern) -> Operation<Match> {
        self.wait_for(self.visible(pattern).and_then(ExpectLine::new))
    }

    /// Waits for the first of several patterns to match; returns its index and the match.
    ///
    /// The first pattern is the one whose match ends first; of those that end at the same byte,
    /// the one that is first in the list. Otherwise as [`expect`](Self::expect).
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect); [`UartErrorKind::Pattern`] also if the list is empty.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"result: FAIL").unwrap();
    /// let (which, _) = uart.expect_any(["PASS", "FAIL"]).wait()?;
    /// assert_eq!(which, 1);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_any<P: IntoPattern>(
        &self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Operation<(usize, Match)> {
        self.wait_for(self.all_visible(patterns).and_then(ExpectAny::new))
    }

    /// Waits until every pattern has matched, in any order; returns the matches in the order of
    /// the list.
    ///
    /// The search for each pattern begins at the cursor, so matches may overlap; the cursor moves
    /// behind the furthest.
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect).
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"task B ready, task A ready").unwrap();
    /// uart.expect_all(["task A", "task B"]).wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn expect_all<P: IntoPattern>(
        &self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Operation<Vec<Match>> {
        self.wait_for(self.all_visible(patterns).and_then(ExpectAll::new))
    }

    /// Waits for exactly these bytes; escape sequences are treated as plain bytes.
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect).
    #[track_caller]
    pub fn expect_bytes(&self, bytes: impl AsRef<[u8]>) -> Operation<Match> {
        self.wait_for(Expect::bytes(bytes.as_ref()))
    }

    /// Checks that no output arrives for `duration`; the cursor stays.
    ///
    /// Output that is already behind the cursor counts as well: read it or
    /// [`clear`](Self::clear) it before.
    ///
    /// # Errors
    /// [`UartErrorKind::Unexpected`] as soon as output arrives, [`UartErrorKind::Ended`] if the board
    /// is powered off, exits or halts, [`UartErrorKind::Watchdog`] if the guest did not run for
    /// `duration`, so that silence is not proven.
    #[track_caller]
    pub fn expect_silence(&self, duration: Duration) -> Operation<()> {
        self.wait_at_most(duration, Ok(ExpectSilence::new(duration)))
    }

    /// Checks that `pattern` does not match within `duration`, from the cursor on; the cursor
    /// stays.
    ///
    /// # Errors
    /// [`UartErrorKind::Unexpected`] as soon as it matches, [`UartErrorKind::Ended`] if the board is
    /// powered off, exits or halts, [`UartErrorKind::Pattern`] as for [`expect`](Self::expect),
    /// [`UartErrorKind::Watchdog`] if the guest did not run for `duration`, so that the absence is
    /// not proven.
    #[track_caller]
    pub fn expect_none(&self, pattern: impl IntoPattern, duration: Duration) -> Operation<()> {
        let pattern = self.visible(pattern);
        let matcher = pattern.and_then(|pattern| ExpectNone::new(pattern, duration));
        self.wait_at_most(duration, matcher)
    }

    /// Allows the guest to stand still in a run until the result is dropped.
    pub(crate) fn begin_debugging(&self) -> Option<Debugging> {
        self.shared.begin_debugging()
    }

    /// Lets `duration` pass in the target's clock; the cursor stays. `at` is the caller's place.
    pub(crate) fn run_for(&self, duration: Duration, at: Caller) -> Operation<()> {
        let matcher = Ok(RunFor(duration));
        let wait = Wait::new(&self.shared, &self.local, duration, matcher);
        self.traced_at(at, wait, Wait::describe)
    }

    /// As [`run_for`](Self::run_for), as a part of another operation: a failure is not explained.
    pub(crate) fn let_pass(&self, duration: Duration) -> Operation<()> {
        let matcher = Ok(RunFor(duration));
        Operation::new(Wait::new(&self.shared, &self.local, duration, matcher))
    }

    /// Waits for the next line and returns it without its end-of-line.
    ///
    /// Lines are those of [`expect_line`](Self::expect_line); bytes that are not UTF-8 become
    /// U+FFFD.
    ///
    /// # Errors
    /// [`UartErrorKind::Timeout`], [`UartErrorKind::Ended`], [`UartErrorKind::Forbidden`],
    /// [`UartErrorKind::LineTooLong`].
    #[track_caller]
    pub fn read_line(&self) -> Operation<String> {
        self.wait_for(Ok(ReadLine::default()))
    }

    /// As [`read_line`](Self::read_line); `at` is the caller's place.
    pub(in crate::uart) fn read_line_at(&self, at: Caller) -> Operation<String> {
        let timeout = lock(&self.local).timeout;
        let wait = Wait::new(&self.shared, &self.local, timeout, Ok(ReadLine::default()));
        self.traced_at(at, wait, Wait::describe)
    }

    /// Waits for exactly `count` bytes, escape sequences included.
    ///
    /// # Errors
    /// [`UartErrorKind::Timeout`], [`UartErrorKind::Ended`], [`UartErrorKind::Forbidden`].
    #[track_caller]
    pub fn read_exact(&self, count: usize) -> Operation<Vec<u8>> {
        self.wait_for(Ok(ReadExact::new(count)))
    }

    /// Waits without a time limit for at least one byte; returns none at the end of the output.
    /// `at` is the caller's place.
    pub(in crate::uart) fn read_some(&self, max_bytes: usize, at: Caller) -> Operation<Vec<u8>> {
        let wait = Wait::new(
            &self.shared,
            &self.local,
            Duration::MAX,
            Ok(ReadSome(max_bytes)),
        );
        self.traced_at(at, wait, Wait::describe)
    }

    /// As [`read_some`](Self::read_some), without waiting.
    pub(in crate::uart) fn read_now(&self, max_bytes: usize) -> Option<Result<Vec<u8>>> {
        Wait::new(
            &self.shared,
            &self.local,
            Duration::MAX,
            Ok(ReadSome(max_bytes)),
        )
        .now()
    }

    fn all_visible<P: IntoPattern>(
        &self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Vec<Pattern>, PatternError> {
        let patterns = patterns.into_iter();
        patterns.map(|pattern| self.visible(pattern)).collect()
    }

    #[track_caller]
    fn wait_for<S: Matcher + 'static>(
        &self,
        matcher: Result<S, PatternError>,
    ) -> Operation<S::Output> {
        let timeout = lock(&self.local).timeout;
        self.wait_at_most(timeout, matcher)
    }

    #[track_caller]
    fn wait_at_most<S: Matcher + 'static>(
        &self,
        timeout: Duration,
        matcher: Result<S, PatternError>,
    ) -> Operation<S::Output> {
        let wait = Wait::new(&self.shared, &self.local, timeout, matcher);
        self.traced(wait, Wait::describe)
    }
}

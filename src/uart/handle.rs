//! [`Uart`]: the handle that tests hold.

use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::cursor::{Cursor, HandleState};
use super::error::ExpectError;
use super::expect::command::{Run, RunRequest};
use super::expect::ignored_lines::IgnoredLines;
use super::expect::matched::Match;
use super::expect::send::{PacedSend, Rejected, SendBytes, SendThenExpect};
use super::expect::wait::{Matcher, Wait};
use super::expect::{
    EchoedLine, Expect, ExpectAll, ExpectAny, ExpectLine, ExpectNone, ExpectSilence, ReadExact,
    ReadLine, ReadSome, RunFor,
};
use super::guard::Guard;
use super::link::{Link, OnEnd};
use super::pattern::decode::lossy;
use super::pattern::final_bytes::final_bytes;
use super::pattern::stream::{Engine, on_stream};
use super::pattern::{IntoPattern, Pattern, PatternError};
use super::pty::UartPty;
use super::state::UartState;
use super::transcript::chunk::View;
use super::transcript::guards::ActiveGuard;
use super::transcript::slice::TranscriptSlice;
use super::verdict::{VerdictOnDrop, verdict_at_exit};
use crate::artifacts::{Caller, Traced};
use crate::config::Echo;
use crate::error::Result;
use crate::operation::{Operation, Task};
use crate::runtime::HostError;
use crate::sync::lock;

/// A UART: a cursor in all output of the board, and a way to send to it.
///
/// Operations look for something from the cursor on and move the cursor behind it. The output is
/// kept from its first byte, whether an operation waits or not, so that nothing is missed between
/// two operations or before the first.
///
/// * Operations are lazy: await them, or call [`wait`](Operation::wait) on them.
///   They wait for at most 10 s unless [`within`](Operation::within) or
///   [`set_timeout`](Self::set_timeout) says otherwise.
/// * An operation that fails or is dropped leaves the cursor where it was.
///   Concurrent operations each begin where the cursor was when they were first polled; the
///   cursor ends behind the furthest match.
/// * A clone has its own cursor and settings, which start as the original's.
/// * A match never spans a power cycle. When the board is powered off, pending operations fail;
///   output from before can still be found.
/// * Matching skips ANSI escape sequences; the [transcript](Self::transcript) contains them.
///
/// On the stream ([`expect`](Self::expect)) a match ends at the **earliest byte** at which the
/// pattern matches, and it is the leftmost match in the output up to that byte; how the bytes
/// arrived never matters. So `re:\d+` matches a single digit. For greedy patterns use
/// [`expect_line`](Self::expect_line), which searches complete lines.
///
/// ```
/// # fn main() -> virtual_target::Result<()> {
/// use std::io::Write;
/// use virtual_target::uart::Uart;
///
/// let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
/// let uart = Uart::over_fd(ours)?;
/// board.write_all(b"booting\r\nversion 1.2\r\n> ").unwrap();
///
/// let m = uart.expect_line(r"re:version (\d+)\.(\d+)").wait()?;
/// assert_eq!((m.parse::<u8>(1)?, m.parse::<u8>(2)?), (1, 2));
/// uart.expect("> ").wait()?;
/// uart.send_line("ping").wait()?;
/// # Ok(()) }
/// ```
pub struct Uart {
    shared: Arc<UartState>,
    local: Arc<Mutex<HandleState>>,
    /// Gives the verdict at the end, for a UART without a target.
    verdict_on_drop: Option<Arc<VerdictOnDrop>>,
}

impl Uart {
    /// Creates a UART over any stream: the board's output is read from it, and sent bytes are
    /// written to it.
    ///
    /// The crate's own I/O thread drives the stream. The stream must not depend on another
    /// runtime: for tokio's own sockets use [`over_fd`](Self::over_fd).
    ///
    /// # Errors
    /// [`crate::Error::Host`] if the I/O thread cannot be started.
    pub fn over<S>(stream: S) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::attach(|transcript| Link::over_stream(stream, transcript))
    }

    /// Creates a UART over a file descriptor: a socket, a terminal, the master side of a
    /// pseudo-terminal.
    ///
    /// The descriptor becomes non-blocking, also for others that share it.
    ///
    /// # Errors
    /// [`ExpectError::Stream`] if the descriptor cannot be polled, such as a regular file;
    /// [`crate::Error::Host`] if the I/O thread cannot be started.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # Ok(()) }
    /// ```
    pub fn over_fd(fd: impl Into<OwnedFd>) -> Result<Self> {
        let fd = fd.into();
        Self::attach(|transcript| {
            Link::over_fds(
                fd.try_clone()?,
                fd,
                transcript,
                OnEnd::Closed(Duration::ZERO),
            )
        })
    }

    fn attach(
        link: impl FnOnce(&Arc<super::transcript::Transcript>) -> std::io::Result<Link>,
    ) -> Result<Self> {
        const NAME: &str = "uart";
        let failed = |error: std::io::Error| match error.downcast::<HostError>() {
            Ok(host) => crate::Error::from(host),
            Err(error) => crate::Error::from(ExpectError::Stream {
                uart: NAME.to_owned(),
                reason: error.to_string(),
            }),
        };
        let shared = Arc::new(UartState::over(NAME, link).map_err(failed)?);
        Ok(Self {
            verdict_on_drop: Some(VerdictOnDrop::new(&shared)),
            ..Self::at_start(&shared)
        })
    }

    /// Creates a handle with its own cursor, at the beginning of the transcript.
    pub(super) fn at_start(shared: &Arc<UartState>) -> Self {
        let local = HandleState {
            cursor: Cursor::default(),
            timeout: shared.settings.timeout,
            line_ending: shared.settings.line_ending.as_str().into(),
            prompt: shared.settings.prompt.clone(),
            echo: shared.settings.echo,
            ignored: shared.settings.ignored.clone(),
        };
        Self {
            shared: Arc::clone(shared),
            local: Arc::new(Mutex::new(local)),
            verdict_on_drop: None,
        }
    }

    /// Moves the cursor to the board's last start, unless it is further ahead.
    pub(crate) fn skip_to_last_start(&self) {
        let start = self.shared.transcript.segment_start();
        let cursor = &mut lock(&self.local).cursor;
        if cursor.at < start {
            *cursor = Cursor {
                at: start,
                after_cr: false,
            };
        }
    }

    /// Returns a new handle, with its own cursor before the first byte.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"boot ok").unwrap();
    /// uart.expect("ok").wait()?;
    /// uart.from_start().expect("boot").wait()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn from_start(&self) -> Self {
        Self {
            verdict_on_drop: self.verdict_on_drop.clone(),
            ..Self::at_start(&self.shared)
        }
    }

    /// Sets the default time limit of this handle's operations; 10 s at first.
    pub fn set_timeout(&self, timeout: Duration) {
        lock(&self.local).timeout = timeout;
    }

    /// Sets the text that [`send_line`](Self::send_line) of this handle appends; `"\n"` at first.
    pub fn set_line_ending(&self, line_ending: &str) {
        lock(&self.local).line_ending = line_ending.into();
    }

    /// Waits for `pattern` on the stream, up to the earliest byte at which it matches; moves the
    /// cursor behind that byte.
    ///
    /// # Errors
    /// * [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`].
    /// * [`ExpectError::Pattern`] if it is not a valid pattern, or not one for a stream: it
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
    /// * [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`].
    /// * [`ExpectError::Pattern`] if it is not a valid pattern, or a text with an end-of-line.
    /// * [`ExpectError::LineTooLong`] for a line of more than 8 MiB.
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
    /// Those of [`expect`](Self::expect); [`ExpectError::Pattern`] also if the list is empty.
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
    /// [`ExpectError::Unexpected`] as soon as output arrives, [`ExpectError::Ended`] if the board
    /// is powered off, exits or halts, [`ExpectError::Watchdog`] if the guest did not run for
    /// `duration`, so that silence is not proven.
    #[track_caller]
    pub fn expect_silence(&self, duration: Duration) -> Operation<()> {
        self.wait_at_most(duration, Ok(ExpectSilence::new(duration)))
    }

    /// Checks that `pattern` does not match within `duration`, from the cursor on; the cursor
    /// stays.
    ///
    /// # Errors
    /// [`ExpectError::Unexpected`] as soon as it matches, [`ExpectError::Ended`] if the board is
    /// powered off, exits or halts, [`ExpectError::Pattern`] as for [`expect`](Self::expect),
    /// [`ExpectError::Watchdog`] if the guest did not run for `duration`, so that the absence is
    /// not proven.
    #[track_caller]
    pub fn expect_none(&self, pattern: impl IntoPattern, duration: Duration) -> Operation<()> {
        let pattern = self.visible(pattern);
        let matcher = pattern.and_then(|pattern| ExpectNone::new(pattern, duration));
        self.wait_at_most(duration, matcher)
    }

    /// Lets `duration` pass in the target's clock; the cursor stays. `at` is the caller's place.
    pub(crate) fn run_for(&self, duration: Duration, at: Caller) -> Operation<()> {
        let matcher = Ok(RunFor(duration));
        let wait = Wait::new(&self.shared, &self.local, duration, matcher);
        self.traced_at(at, wait, Wait::describe)
    }

    /// Waits for the next line and returns it without its end-of-line.
    ///
    /// Lines are those of [`expect_line`](Self::expect_line); bytes that are not UTF-8 become
    /// U+FFFD.
    ///
    /// # Errors
    /// [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`],
    /// [`ExpectError::LineTooLong`].
    #[track_caller]
    pub fn read_line(&self) -> Operation<String> {
        self.wait_for(Ok(ReadLine::default()))
    }

    /// Waits for exactly `count` bytes, escape sequences included.
    ///
    /// # Errors
    /// [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`].
    #[track_caller]
    pub fn read_exact(&self, count: usize) -> Operation<Vec<u8>> {
        self.wait_for(Ok(ReadExact::new(count)))
    }

    /// As [`read_line`](Self::read_line); `at` is the caller's place.
    pub(super) fn read_line_at(&self, at: Caller) -> Operation<String> {
        let timeout = lock(&self.local).timeout;
        let wait = Wait::new(&self.shared, &self.local, timeout, Ok(ReadLine::default()));
        self.traced_at(at, wait, Wait::describe)
    }

    /// Waits without a time limit for at least one byte; returns none at the end of the output.
    /// `at` is the caller's place.
    pub(super) fn read_some(&self, max_bytes: usize, at: Caller) -> Operation<Vec<u8>> {
        let wait = Wait::new(
            &self.shared,
            &self.local,
            Duration::MAX,
            Ok(ReadSome(max_bytes)),
        );
        self.traced_at(at, wait, Wait::describe)
    }

    /// As [`read_some`](Self::read_some), without waiting.
    pub(super) fn read_now(&self, max_bytes: usize) -> Option<Result<Vec<u8>>> {
        Wait::new(
            &self.shared,
            &self.local,
            Duration::MAX,
            Ok(ReadSome(max_bytes)),
        )
        .now()
    }

    /// Sends bytes, and waits until all have been written.
    ///
    /// The first poll hands over all bytes: an operation that is dropped before sends nothing,
    /// one that is dropped later sends them all.
    ///
    /// # Errors
    /// [`ExpectError::NotSent`] if the board is off or the stream is broken,
    /// [`ExpectError::Timeout`] if the other end did not accept the bytes in time.
    #[track_caller]
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Operation<()> {
        self.sending("send", bytes.as_ref().to_vec())
    }

    /// Sends a line: its text and the line ending.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    #[track_caller]
    pub fn send_line(&self, line: impl AsRef<[u8]>) -> Operation<()> {
        self.sending("send_line", self.with_ending(line.as_ref()))
    }

    /// Sends bytes one by one, with `delay` in the target's clock after each, for UARTs that
    /// overrun.
    ///
    /// The time limit is the default timeout plus the delays. An operation that is dropped sends
    /// no further bytes.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    #[track_caller]
    pub fn send_paced(&self, bytes: impl AsRef<[u8]>, delay: Duration) -> Operation<()> {
        let timeout = lock(&self.local).timeout;
        let bytes = bytes.as_ref().to_vec();
        let paced = PacedSend::new(&self.shared, bytes, delay, timeout);
        self.traced(paced, |_| format!("send_paced({delay:?})"))
    }

    /// Sends a line and waits for its echo: the first later line that ends with it. Moves the
    /// cursor behind the echo.
    ///
    /// # Errors
    /// Those of [`send`](Self::send); [`ExpectError::Timeout`] if the board does not echo the line
    /// as it was sent.
    #[track_caller]
    pub fn send_line_echoed(&self, line: impl AsRef<[u8]>) -> Operation<()> {
        const NAME: &str = "send_line_echoed";
        let line = line.as_ref();
        let name = format!("{NAME}(\"{}\")", line.escape_ascii());
        if let Err(error) = self.check_single_line(&name, line) {
            return self.rejected(name, error);
        }
        let timeout = lock(&self.local).timeout;
        let send = SendBytes::new(&self.shared, NAME, self.with_ending(line), timeout);
        let echo = Ok(EchoedLine::new(line));
        let wait = Wait::new(&self.shared, &self.local, timeout, echo);
        self.traced(
            SendThenExpect::new(send, wait, timeout),
            SendThenExpect::describe,
        )
    }

    /// Sends a line and returns the output up to the next prompt, without the line's echo and
    /// without the last line end. Moves the cursor behind the prompt.
    ///
    /// The prompt is the one of [`set_prompt`](Self::set_prompt) or of the target's YAML. Output
    /// from before the command is skipped. If no prompt has followed the board's start, or the
    /// last bytes sent, `run` waits for one before it sends: so the rest of an earlier answer is
    /// not taken for the answer to this command, even if an earlier `run` was dropped or timed
    /// out. Of several lines sent in a row, only the prompt of the last one is recognized: wait
    /// for the others yourself. The time limit applies to that prompt and to the answer, each.
    ///
    /// The answer begins behind the command's echo. A board may draw the echo in any way that a
    /// terminal shows as the command behind a prompt: redrawn with each character, wrapped at the
    /// terminal's width, or printed again behind a log line. A prompt before the end of the echo
    /// does not end the answer; a prompt inside the answer does, so choose a pattern that answers
    /// do not contain.
    ///
    /// Whether the board echoes is detected with the first command after each start, unless
    /// [`set_echo`](Self::set_echo) or the target's YAML (`echo`) sets it. During detection a line
    /// that equals the command is taken for its echo, and a prompt without an echo before it
    /// counts after half a second of the board's time. Without an echo, all output up to the
    /// prompt is the answer, log lines included, and a board that prints more than one prompt for
    /// a line cannot be understood.
    ///
    /// The answer has no empty lines at its start and end, and no log lines of
    /// [`set_ignore_lines`](Self::set_ignore_lines). Its lines end as the board ends them, most
    /// often in `\r\n`.
    ///
    /// # Errors
    /// * Those of [`send`](Self::send) and [`expect`](Self::expect);
    ///   [`ExpectError::Pattern`] also if no prompt is set, [`ExpectError::NotSent`] also if
    ///   the command contains a line end.
    /// * [`ExpectError::Ambiguous`] if the output can be read in more than one way.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # use std::io::{Read, Write};
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # board.write_all(b"> ").unwrap();
    /// # let shell = std::thread::spawn(move || {
    /// #     board.read_exact(&mut [0; 5]).unwrap();
    /// #     board.write_all(b"ping\r\npong\r\n> ").unwrap();
    /// #     board
    /// # });
    /// uart.set_prompt("> ")?;
    /// uart.expect("> ").wait()?;
    /// assert_eq!(uart.run("ping").wait()?, "pong");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn run(&self, command: impl AsRef<[u8]>) -> Operation<String> {
        let line = command.as_ref();
        let (prompt, echo, ignored, timeout) = {
            let local = lock(&self.local);
            let ignored = local.ignored.clone();
            (local.prompt.clone(), local.echo, ignored, local.timeout)
        };
        let name = format!("run(\"{}\")", line.escape_ascii());
        if let Err(error) = self.check_single_line(&name, line) {
            return self.rejected(name, error);
        }
        let Some(prompt) = prompt else {
            return self.rejected(name, PatternError::NoPrompt.into());
        };
        let send = SendBytes::new(&self.shared, "run", self.with_ending(line), timeout);
        let command = RunRequest {
            line: line.to_vec(),
            prompt,
            echo,
            ignored,
        };
        let run = Run::new(&self.shared, &self.local, command, send, timeout);
        self.traced(run, Run::describe)
    }

    /// Checks that `line`, which the operation `wanted` sends, has no line end.
    fn check_single_line(&self, wanted: &str, line: &[u8]) -> Result<(), ExpectError> {
        if memchr::memchr2(b'\r', b'\n', line).is_none() {
            return Ok(());
        }
        Err(ExpectError::NotSent {
            uart: self.shared.name.clone(),
            wanted: wanted.to_owned(),
            reason: "there is a line end in it, and what comes back is told by one line: send each line by itself"
                .to_owned(),
        })
    }

    /// Creates an operation that fails with `error`.
    #[track_caller]
    fn rejected<T: Send + 'static>(&self, name: String, error: ExpectError) -> Operation<T> {
        self.traced(Rejected::new(error), |_| name)
    }

    /// Returns the same handle, with shared cursor and settings.
    pub(super) fn alias(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            local: Arc::clone(&self.local),
            verdict_on_drop: self.verdict_on_drop.clone(),
        }
    }

    /// Sets the prompt for [`run`](Self::run) of this handle.
    ///
    /// # Errors
    /// [`ExpectError::Pattern`] if it is not a valid pattern for a stream.
    pub fn set_prompt(&self, prompt: impl IntoPattern) -> Result<()> {
        let prompt = on_stream(prompt, self.shared.settings.strip_ansi)?;
        lock(&self.local).prompt = Some(prompt);
        Ok(())
    }

    /// Sets whether the board echoes what [`run`](Self::run) of this handle sends; by default this
    /// is detected with the first command.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// use virtual_target::config::Echo;
    /// uart.set_echo(Echo::Off);
    /// # Ok(()) }
    /// ```
    pub fn set_echo(&self, echo: Echo) {
        lock(&self.local).echo = echo;
    }

    /// Sets the patterns of log lines that the board may print during an answer:
    /// [`run`](Self::run) of this handle removes them.
    ///
    /// A line in which a pattern matches is left out. A log line may interrupt another line, which
    /// then continues behind it: for this case the pattern should match from the start of the log
    /// line, with its time or its level.
    ///
    /// # Errors
    /// [`ExpectError::Pattern`] if one is not a valid pattern, or a text with an end-of-line.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// uart.set_ignore_lines([r"re:\[\d\d:\d\d:\d\d\.\d+,\d+\] <\w+> "])?;
    /// # Ok(()) }
    /// ```
    pub fn set_ignore_lines<P: IntoPattern>(
        &self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<()> {
        let strip_ansi = self.shared.settings.strip_ansi;
        let patterns = patterns.into_iter();
        let patterns = patterns.map(|pattern| IgnoredLines::pattern(pattern, strip_ansi));
        let ignored = IgnoredLines::new(patterns.collect::<Result<_, _>>()?);
        lock(&self.local).ignored = ignored;
        Ok(())
    }

    /// Moves the cursor behind all output that has arrived.
    pub fn clear(&self) {
        lock(&self.local).cursor = Cursor {
            at: self.shared.transcript.end_position(),
            after_cr: false,
        };
    }

    /// Sets a standing guard: from this handle's cursor on, `pattern` must never appear on the
    /// UART.
    ///
    /// Once it appears, every operation fails that has not found its match before it. The error
    /// shows the whole line and the output that follows: it waits for 20 lines, or 100 ms in the
    /// board's time. Guards are literals or `re:` patterns. The returned [`Guard`] lifts the guard,
    /// for a test that provokes the fault.
    ///
    /// The test also fails if it discards that error, or if no operation reports the match: the
    /// drop of the target, or of the last handle of a UART without a target, panics, unless such
    /// an error is alive (because the test returns it, for example) or the thread already panics.
    /// A `static` is never dropped: there the process aborts when it exits. A process that is
    /// killed or aborts reports nothing.
    ///
    /// # Errors
    /// [`ExpectError::Pattern`] for any other pattern, [`ExpectError::Unavailable`] if output
    /// from the cursor on is no longer available.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// let guard = uart.forbid("HardFault")?;
    /// # std::io::Write::write_all(&mut board, b"ok\nHardFault at 0\nready\n").unwrap();
    /// uart.expect_line("ok").wait()?;
    /// assert!(uart.expect_line("ready").wait().is_err());
    /// guard.lift(); // or the end of this test would fail it
    /// # Ok(()) }
    /// ```
    pub fn forbid(&self, pattern: impl IntoPattern) -> Result<Guard> {
        let pattern = self.visible(pattern)?;
        let active = ActiveGuard::new(pattern.source(), Engine::guard(&pattern)?);
        self.shared.add_persistent_stops(final_bytes(&pattern));
        let transcript = &self.shared.transcript;
        let guard = Guard::new(transcript, &active);
        verdict_at_exit(&self.shared);
        let from = lock(&self.local).cursor.at;
        transcript
            .add_guard(active, from)
            .map_err(ExpectError::from)?;
        Ok(guard)
    }

    /// Returns all output so far as text, without escape sequences.
    ///
    /// # Errors
    /// [`ExpectError::Unavailable`] if there is more output than is kept
    /// (`kept_output` in the target's description, 256 MiB by default).
    pub fn transcript_text(&self) -> Result<String> {
        let text = self.everything(View::Text)?;
        Ok(lossy(&text).into_owned())
    }

    /// Opens a pseudo-terminal through which other programs, such as PySerial or `minicom`, talk to
    /// the board in addition to the test: they receive its output from now on, and their input is
    /// sent to it.
    ///
    /// The transcript still records all output, and none is lost while no program reads. The
    /// pseudo-terminal survives power cycles; it closes when the result is dropped, and forwards
    /// no output behind a [forbidden](Self::forbid) pattern. A board with a
    /// [virtual clock](crate::config::ClockKind::Virtual) runs while the test waits, not while
    /// another program waits.
    ///
    /// # Errors
    /// [`HostError::Pty`](crate::HostError::Pty) if the host has no free pseudo-terminal.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, _board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// let pty = uart.open_pty()?;
    /// println!("picocom {}", pty.path().display());
    /// # Ok(()) }
    /// ```
    pub fn open_pty(&self) -> Result<UartPty> {
        Ok(UartPty::open(&self.shared).map_err(|e| HostError::Pty(e.to_string()))?)
    }

    /// Returns all output so far, escape sequences included.
    ///
    /// # Errors
    /// [`ExpectError::Unavailable`] if there is more output than is kept
    /// (`kept_output` in the target's description, 256 MiB by default).
    pub fn transcript(&self) -> Result<Vec<u8>> {
        Ok(self.everything(View::Raw)?)
    }

    fn everything(&self, view: View) -> Result<Vec<u8>, ExpectError> {
        let transcript = &self.shared.transcript;
        let slice = TranscriptSlice {
            transcript,
            range: 0..transcript.end_position().offset,
            view,
        };
        Ok(slice.bytes()?)
    }

    /// Checks that a pattern can match in text without escape sequences.
    fn visible(&self, pattern: impl IntoPattern) -> Result<Pattern, PatternError> {
        let pattern = pattern.into_pattern()?;
        if self.shared.settings.strip_ansi {
            pattern.check_visible()?;
        }
        Ok(pattern)
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

    #[track_caller]
    fn sending(&self, name: &'static str, bytes: Vec<u8>) -> Operation<()> {
        let timeout = lock(&self.local).timeout;
        let send = SendBytes::new(&self.shared, name, bytes, timeout);
        self.traced(send, SendBytes::preview)
    }

    /// Creates an operation that keeps its caller's place; the target's report records it, if there
    /// is one.
    #[track_caller]
    fn traced<T: Task + 'static>(
        &self,
        task: T,
        what: impl FnOnce(&T) -> String,
    ) -> Operation<T::Output> {
        self.traced_at(Location::caller(), task, what)
    }

    /// As [`traced`](Self::traced); `at` is the caller's place.
    fn traced_at<T: Task + 'static>(
        &self,
        at: Caller,
        task: T,
        what: impl FnOnce(&T) -> String,
    ) -> Operation<T::Output> {
        let report = self.shared.settings.report.as_ref();
        let name = &self.shared.name;
        let what = |task: &T| format!("{name}: {}", what(task));
        Operation::new(Traced::new(task, report, at, what))
    }

    fn with_ending(&self, line: &[u8]) -> Vec<u8> {
        let ending = Arc::clone(&lock(&self.local).line_ending);
        [line, ending.as_bytes()].concat()
    }
}

/// A clone has its own cursor and settings, which start as the original's.
impl Clone for Uart {
    fn clone(&self) -> Self {
        let local = lock(&self.local).clone();
        Self {
            shared: Arc::clone(&self.shared),
            local: Arc::new(Mutex::new(local)),
            verdict_on_drop: self.verdict_on_drop.clone(),
        }
    }
}

impl fmt::Debug for Uart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uart")
            .field("name", &self.shared.name)
            .field("cursor", &lock(&self.local).cursor.at.offset)
            .finish_non_exhaustive()
    }
}

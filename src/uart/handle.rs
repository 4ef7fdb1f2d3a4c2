//! `Uart`: the handle that tests hold.

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
use super::verdict::{Judge, at_exit};
use crate::artifacts::{Caller, Traced};
use crate::config::Echo;
use crate::error::Result;
use crate::operation::{Operation, Task};
use crate::runtime::HostError;
use crate::sync::lock;

/// A UART: a cursor over everything the board has put out, and a way to send to it.
///
/// Operations look for something from the cursor on and move the cursor behind
/// it. What the board puts out is kept from its first byte, whether anybody
/// looks or not, so that nothing is missed between two operations or before
/// the first.
///
/// * Operations are lazy: await them, or call [`wait`](Operation::wait) on them.
///   They wait for 10 s at most unless [`within`](Operation::within) or
///   [`set_timeout`](Self::set_timeout) says otherwise.
/// * An operation that fails or is dropped leaves the cursor where it was.
///   Several at once each look from where the cursor was when they were first
///   polled; it ends behind the match that is furthest.
/// * A clone has a cursor and settings of its own, which start as the original's.
/// * A match never spans a power cycle. When the board goes off, operations that
///   wait fail; what it had put out by then can still be looked for.
/// * ANSI escape sequences are passed over in matching; the
///   [transcript](Self::transcript) has them.
///
/// On the stream ([`expect`](Self::expect)) a match ends at the **earliest byte**
/// at which the pattern has matched, and the match is the leftmost one in what
/// there is up to that byte; how the bytes arrived never matters. So `re:\d+`
/// matches a single digit. For greedy patterns there is
/// [`expect_line`](Self::expect_line), which looks at complete lines.
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
    /// Who gives the verdict at the end, where that is not a target.
    judge: Option<Arc<Judge>>,
}

impl Uart {
    /// A UART over any stream: what is read from it is the board's output, and
    /// what is sent is written to it.
    ///
    /// The stream is driven by the crate's own I/O thread. It must not depend on
    /// another runtime: register tokio's own sockets there, or use
    /// [`over_fd`](Self::over_fd).
    ///
    /// # Errors
    /// [`crate::Error::Host`] if the I/O thread cannot be started.
    pub fn over<S>(stream: S) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::attach(|transcript| Link::over_stream(stream, transcript))
    }

    /// A UART over a file descriptor: a socket, a terminal, a pseudo-terminal's
    /// master side.
    ///
    /// It becomes non-blocking, for everyone who shares it.
    ///
    /// # Errors
    /// [`ExpectError::Stream`] if it cannot be waited for, as a regular file;
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
            judge: Some(Judge::new(&shared)),
            ..Self::at_start(&shared)
        })
    }

    /// A handle with its own cursor at the beginning of the transcript.
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
            judge: None,
        }
    }

    /// Moves the cursor to where the board was last started, if it is not there yet.
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

    /// A handle of its own, whose cursor stands before the very first byte.
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
            judge: self.judge.clone(),
            ..Self::at_start(&self.shared)
        }
    }

    /// Sets how long operations of this handle wait by default; 10 s at first.
    pub fn set_timeout(&self, timeout: Duration) {
        lock(&self.local).timeout = timeout;
    }

    /// Sets what [`send_line`](Self::send_line) of this handle appends; `"\n"` at first.
    pub fn set_line_ending(&self, line_ending: &str) {
        lock(&self.local).line_ending = line_ending.into();
    }

    /// Waits for `pattern` on the stream, up to the earliest byte at which it has
    /// matched; the cursor goes behind that byte.
    ///
    /// # Errors
    /// * [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`].
    /// * [`ExpectError::Pattern`] if it is no pattern or not one for a stream: it
    ///   matches the empty text, or ends in `$`, `\b` or the like.
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

    /// Waits for a line in which `pattern` matches anywhere; the cursor goes
    /// behind that line, lines before it are passed over.
    ///
    /// Only complete lines count, each from the cursor or the end of the line
    /// before it. Inside a line the pattern has the plain semantics of its
    /// engine: greedy, and `$` is the line's end. A line ends at `\n`, `\r\n`,
    /// `\r\r\n`, `\n\r` or a lone `\r`.
    ///
    /// # Errors
    /// * [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`].
    /// * [`ExpectError::Pattern`] if it is no pattern, or a text with an end-of-line.
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

    /// Waits for the first of several patterns to match and tells which, counted from 0.
    ///
    /// It is the one whose match ends first; of those that end at the same byte
    /// the one that is first in the list. Otherwise as [`expect`](Self::expect).
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect); [`ExpectError::Pattern`] also if there is no pattern.
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

    /// Waits until every pattern has matched, in any order; the matches in the order of the list.
    ///
    /// Each is looked for from the cursor on, so that matches may overlap; the
    /// cursor goes behind the furthest.
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

    /// Waits for exactly these bytes; escape sequences are bytes like any other.
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect).
    #[track_caller]
    pub fn expect_bytes(&self, bytes: impl AsRef<[u8]>) -> Operation<Match> {
        self.wait_for(Expect::bytes(bytes.as_ref()))
    }

    /// Checks that nothing comes for `duration`.
    ///
    /// What is already there behind the cursor counts as well: look at it or
    /// [`clear`](Self::clear) it before. The cursor stays.
    ///
    /// # Errors
    /// [`ExpectError::Unexpected`] as soon as something comes,
    /// [`ExpectError::Ended`] if the board goes off or halts, [`ExpectError::Watchdog`] if
    /// the guest did not run for that long, so that nothing is known.
    #[track_caller]
    pub fn expect_silence(&self, duration: Duration) -> Operation<()> {
        self.wait_at_most(duration, Ok(ExpectSilence::new(duration)))
    }

    /// Checks that `pattern` does not match within `duration`, from the cursor on.
    /// The cursor stays.
    ///
    /// # Errors
    /// [`ExpectError::Unexpected`] as soon as it matches, [`ExpectError::Ended`]
    /// if the board goes off or halts, [`ExpectError::Pattern`] as for [`expect`](Self::expect),
    /// [`ExpectError::Watchdog`] if the guest did not run for that long, so that nothing is known.
    #[track_caller]
    pub fn expect_none(&self, pattern: impl IntoPattern, duration: Duration) -> Operation<()> {
        let pattern = self.visible(pattern);
        let search = pattern.and_then(|pattern| ExpectNone::new(pattern, duration));
        self.wait_at_most(duration, search)
    }

    /// Lets `duration` pass in the target's clock; the cursor stays. Called at `at`.
    pub(crate) fn run_for(&self, duration: Duration, at: Caller) -> Operation<()> {
        let search = Ok(RunFor(duration));
        let wait = Wait::new(&self.shared, &self.local, duration, search);
        self.recorded_at(at, wait, Wait::describe)
    }

    /// Waits for the next line and returns it without its end-of-line.
    ///
    /// Lines are those of [`expect_line`](Self::expect_line); what is not UTF-8
    /// becomes U+FFFD.
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

    /// As [`read_line`](Self::read_line), called at `at`.
    pub(super) fn read_line_at(&self, at: Caller) -> Operation<String> {
        let timeout = lock(&self.local).timeout;
        let wait = Wait::new(&self.shared, &self.local, timeout, Ok(ReadLine::default()));
        self.recorded_at(at, wait, Wait::describe)
    }

    /// Waits, as long as it takes, for some bytes; none at the end. Called at `at`.
    pub(super) fn read_some(&self, most: usize, at: Caller) -> Operation<Vec<u8>> {
        let wait = Wait::new(&self.shared, &self.local, Duration::MAX, Ok(ReadSome(most)));
        self.recorded_at(at, wait, Wait::describe)
    }

    /// As [`read_some`](Self::read_some), without waiting.
    pub(super) fn read_now(&self, most: usize) -> Option<Result<Vec<u8>>> {
        Wait::new(&self.shared, &self.local, Duration::MAX, Ok(ReadSome(most))).now()
    }

    /// Sends bytes; done when all have been written.
    ///
    /// They are handed over at once at the first poll: an operation that is
    /// dropped before has sent nothing, one that is dropped later sends them all.
    ///
    /// # Errors
    /// [`ExpectError::NotSent`] if the board is off or the stream broke,
    /// [`ExpectError::Timeout`] if its other end did not take them in time.
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

    /// Sends bytes one by one, with `delay` in the target's clock after each: real
    /// UARTs overrun.
    ///
    /// Times out after the default timeout and the delays. An operation that is
    /// dropped has sent what it had sent by then.
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

    /// Sends a line and waits for its echo: the first line from then on that ends
    /// with it. The cursor goes behind the echo.
    ///
    /// # Errors
    /// Those of [`send`](Self::send); [`ExpectError::Timeout`] if the line does not
    /// come back as it was sent.
    #[track_caller]
    pub fn send_line_echoed(&self, line: impl AsRef<[u8]>) -> Operation<()> {
        const NAME: &str = "send_line_echoed";
        let line = line.as_ref();
        let name = format!("{NAME}(\"{}\")", line.escape_ascii());
        if let Err(error) = self.one_line(&name, line) {
            return self.refused(name, error);
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

    /// Sends a line and returns what comes up to the next prompt, without the
    /// line's echo and the end of the last line. The cursor goes behind the prompt.
    ///
    /// What belongs to anything before the command is passed over. The prompt is the one of
    /// [`set_prompt`](Self::set_prompt) or of the target's YAML. If none has come since
    /// the board was started, or since something was sent to it, `run` waits for it
    /// before it sends: so the rest of an earlier answer is not taken for one to this
    /// command, even if an earlier `run` was dropped or timed out. Of several lines sent
    /// one right after the other only the last one's prompt can be told: wait for the
    /// others yourself. The time limit counts for that prompt and for the answer, each.
    ///
    /// The answer begins behind the command's echo, which may be drawn in any way that a
    /// terminal shows as the command behind a prompt: redrawn with each character, broken at
    /// the terminal's end, begun anew behind a log line. A prompt before the end of the echo is
    /// not the answer's end; one inside the answer is, so choose a pattern that answers do not
    /// have. Whether the board echoes is found out with the first command after each start,
    /// unless [`set_echo`](Self::set_echo) or the target's YAML (`echo`) says it: a line that
    /// is the command itself is taken for its echo, and a prompt without an echo before it has
    /// to stand for half a second of the board's time. Without an echo
    /// all that comes up to the prompt is the answer, log lines among it, and a board that prints more
    /// than one prompt for a line cannot be understood.
    ///
    /// The answer is without empty lines at its start and its end, and without the log lines of
    /// [`set_ignore_lines`](Self::set_ignore_lines). Its lines end as the board ends them, most often in `\r\n`.
    ///
    /// # Errors
    /// * Those of [`send`](Self::send) and [`expect`](Self::expect);
    ///   [`ExpectError::Pattern`] also if no prompt is set, [`ExpectError::NotSent`] also if
    ///   there is a line end in the command.
    /// * [`ExpectError::Ambiguous`] if what has come can be read in more than one way.
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
        if let Err(error) = self.one_line(&name, line) {
            return self.refused(name, error);
        }
        let Some(prompt) = prompt else {
            return self.refused(name, PatternError::NoPrompt.into());
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

    /// Checks that `line`, which `wanted` is to send, is a single one.
    fn one_line(&self, wanted: &str, line: &[u8]) -> Result<(), ExpectError> {
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

    /// An operation that fails when it is waited for.
    #[track_caller]
    fn refused<T: Send + 'static>(&self, name: String, error: ExpectError) -> Operation<T> {
        self.traced(Rejected::new(error), |_| name)
    }

    /// The same handle: it shares the cursor and the settings.
    pub(super) fn alias(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            local: Arc::clone(&self.local),
            judge: self.judge.clone(),
        }
    }

    /// Sets what [`run`](Self::run) of this handle takes for the prompt.
    ///
    /// # Errors
    /// [`ExpectError::Pattern`] if it is no pattern for a stream.
    pub fn set_prompt(&self, prompt: impl IntoPattern) -> Result<()> {
        let prompt = on_stream(prompt, self.shared.settings.strip_ansi)?;
        lock(&self.local).prompt = Some(prompt);
        Ok(())
    }

    /// Sets whether the board echoes what [`run`](Self::run) of this handle sends; found out
    /// with the first command otherwise.
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

    /// Sets the patterns of log lines that may come in between a command's output: what
    /// [`run`](Self::run) of this handle returns is without them.
    ///
    /// A line in which one matches is left out. It may have come in the middle of another
    /// one, which then goes on behind it: for that, have the pattern begin where the log line
    /// begins, with its time or its level.
    ///
    /// # Errors
    /// [`ExpectError::Pattern`] if one is no pattern, or a text with an end-of-line.
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

    /// Moves the cursor behind everything that has arrived.
    pub fn clear(&self) {
        lock(&self.local).cursor = Cursor {
            at: self.shared.transcript.end_position(),
            after_cr: false,
        };
    }

    /// Sets a standing guard: from this handle's cursor on, `pattern` must never
    /// appear on the UART.
    ///
    /// Once it has, every operation fails that has not found what it looks for
    /// before it. Its error shows the whole line and what follows, for which it waits: 20
    /// lines, or 100 ms in the board's time. Guards are literals or `re:` patterns. The
    /// [`Guard`] that is returned lifts it, for a test that provokes the fault.
    ///
    /// The test fails as well when that error is swallowed, or when no operation came to it:
    /// when the target is dropped, or the last handle of a UART without one, and no such error
    /// lives (it is being returned, say) and the thread does not panic, the drop panics.
    /// What is in a `static` is never dropped: there the process is aborted where it exits.
    /// A process that is killed or aborts tells nothing.
    ///
    /// # Errors
    /// [`ExpectError::Pattern`] for anything else, [`ExpectError::Unavailable`] if
    /// output from the cursor on is not there any more.
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
        self.shared.always_stop_at(final_bytes(&pattern));
        let transcript = &self.shared.transcript;
        let guard = Guard::new(transcript, &active);
        at_exit(&self.shared);
        let from = lock(&self.local).cursor.at;
        transcript
            .add_guard(active, from)
            .map_err(ExpectError::from)?;
        Ok(guard)
    }

    /// Everything the board has put out so far as text, without escape sequences.
    ///
    /// # Errors
    /// [`ExpectError::Unavailable`] if it is more than what is kept
    /// (`kept_output` in the target's description, 256 MiB by default).
    pub fn transcript_text(&self) -> Result<String> {
        let text = self.everything(View::Text)?;
        Ok(lossy(&text).into_owned())
    }

    /// A pseudo-terminal through which other programs, such as PySerial or `minicom`, talk to the
    /// board from now on, beside the test: they get what it sends, and what they send goes to it.
    ///
    /// The transcript records all that the board sends, as ever, and nothing is lost while no
    /// program reads. The way survives power cycles, and ends when the result is dropped, or at a
    /// pattern that is [forbidden](Self::forbid). A board with a
    /// [virtual clock](crate::config::ClockKind::Virtual) runs while the test waits, not while
    /// another program does.
    ///
    /// # Errors
    /// [`HostError::Pty`](crate::HostError::Pty): the host has no pseudo-terminal left.
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

    /// Everything the board has put out so far, escape sequences included.
    ///
    /// # Errors
    /// [`ExpectError::Unavailable`] if it is more than what is kept
    /// (`kept_output` in the target's description, 256 MiB by default).
    pub fn transcript(&self) -> Result<Vec<u8>> {
        Ok(self.everything(View::Raw)?)
    }

    fn everything(&self, view: View) -> Result<Vec<u8>, ExpectError> {
        let transcript = &self.shared.transcript;
        let stretch = TranscriptSlice {
            transcript,
            range: 0..transcript.end_position().offset,
            view,
        };
        Ok(stretch.bytes()?)
    }

    /// A pattern that can be found in text.
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
        search: Result<S, PatternError>,
    ) -> Operation<S::Output> {
        let timeout = lock(&self.local).timeout;
        self.wait_at_most(timeout, search)
    }

    #[track_caller]
    fn wait_at_most<S: Matcher + 'static>(
        &self,
        timeout: Duration,
        search: Result<S, PatternError>,
    ) -> Operation<S::Output> {
        let wait = Wait::new(&self.shared, &self.local, timeout, search);
        self.traced(wait, Wait::describe)
    }

    #[track_caller]
    fn sending(&self, name: &'static str, bytes: Vec<u8>) -> Operation<()> {
        let timeout = lock(&self.local).timeout;
        let send = SendBytes::new(&self.shared, name, bytes, timeout);
        self.traced(send, SendBytes::preview)
    }

    /// An operation that knows where it was called; the target's report takes notes of
    /// it, if there is one.
    #[track_caller]
    fn traced<T: Task + 'static>(
        &self,
        task: T,
        what: impl FnOnce(&T) -> String,
    ) -> Operation<T::Output> {
        self.recorded_at(Location::caller(), task, what)
    }

    fn recorded_at<T: Task + 'static>(
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

/// The clone has its own cursor and settings, which start as the original's.
impl Clone for Uart {
    fn clone(&self) -> Self {
        let local = lock(&self.local).clone();
        Self {
            shared: Arc::clone(&self.shared),
            local: Arc::new(Mutex::new(local)),
            judge: self.judge.clone(),
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

//! `Uart`: the handle that tests hold.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::chunk::View;
use super::error::ExpectError;
use super::link::Link;
use super::lock;
use super::matched::Match;
use super::operations::{Expect, ExpectLine, ReadLine};
use super::pattern::{IntoPattern, Pattern, PatternError};
use super::port::Shared;
use super::search::Stretch;
use super::send::Send as Sending;
use super::wait::{Cursor, Search, Wait};
use crate::error::Result;
use crate::runtime::Operation;

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
    shared: Arc<Shared>,
    local: Arc<Mutex<Local>>,
}

/// What belongs to one handle.
#[derive(Clone)]
pub(super) struct Local {
    pub(super) cursor: Cursor,
    timeout: Duration,
    line_ending: Arc<str>,
    prompt: Option<Pattern>,
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
    /// [`ExpectError::Stream`] if it cannot be waited for, as a regular file.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # Ok(()) }
    /// ```
    pub fn over_fd(fd: impl Into<OwnedFd>) -> Result<Self> {
        let fd = fd.into();
        Self::attach(|transcript| Link::over_fds(fd.try_clone()?, fd, transcript, Duration::ZERO))
    }

    fn attach(
        link: impl FnOnce(&Arc<super::transcript::Transcript>) -> std::io::Result<Link>,
    ) -> Result<Self> {
        const NAME: &str = "uart";
        let shared = Shared::over(NAME, link).map_err(|e| ExpectError::Stream {
            uart: NAME.to_owned(),
            reason: e.to_string(),
        })?;
        Ok(Self::at_start(&Arc::new(shared)))
    }

    /// A handle with its own cursor at the beginning of the transcript.
    pub(super) fn at_start(shared: &Arc<Shared>) -> Self {
        let local = Local {
            cursor: Cursor::default(),
            timeout: shared.settings.timeout,
            line_ending: shared.settings.line_ending.as_str().into(),
            prompt: shared.settings.prompt.clone(),
        };
        Self {
            shared: Arc::clone(shared),
            local: Arc::new(Mutex::new(local)),
        }
    }

    /// A second handle with its own cursor at the beginning of the transcript.
    pub(crate) fn from_start(&self) -> Self {
        Self::at_start(&self.shared)
    }

    /// Moves the cursor to where the board was last started, if it is not there yet.
    pub(crate) fn skip_to_last_start(&self) {
        let start = self.shared.transcript.last_start();
        let cursor = &mut lock(&self.local).cursor;
        if cursor.at < start {
            *cursor = Cursor {
                at: start,
                after_cr: false,
            };
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
    pub fn expect(&self, pattern: impl IntoPattern) -> Operation<Match> {
        self.wait_for(Expect::text(pattern))
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
    /// * [`ExpectError::Pattern`] if it is no pattern.
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
    pub fn expect_line(&self, pattern: impl IntoPattern) -> Operation<Match> {
        self.wait_for(ExpectLine::new(pattern))
    }

    /// Waits for the next line and returns it without its end-of-line.
    ///
    /// Lines are those of [`expect_line`](Self::expect_line); what is not UTF-8
    /// becomes U+FFFD.
    ///
    /// # Errors
    /// [`ExpectError::Timeout`], [`ExpectError::Ended`], [`ExpectError::Forbidden`],
    /// [`ExpectError::LineTooLong`].
    pub fn read_line(&self) -> Operation<String> {
        self.wait_for(Ok(ReadLine::default()))
    }

    /// Sends bytes; done when all have been written.
    ///
    /// They are handed over at once at the first poll: an operation that is
    /// dropped before has sent nothing, one that is dropped later sends them all.
    ///
    /// # Errors
    /// [`ExpectError::NotSent`] if the board is off or the stream broke,
    /// [`ExpectError::Timeout`] if its other end did not take them in time.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Operation<()> {
        self.sending("send", bytes.as_ref().to_vec())
    }

    /// Sends a line: its text and the line ending.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn send_line(&self, line: impl AsRef<[u8]>) -> Operation<()> {
        let ending = Arc::clone(&lock(&self.local).line_ending);
        self.sending("send_line", [line.as_ref(), ending.as_bytes()].concat())
    }

    /// Everything the board has put out so far, escape sequences included.
    ///
    /// # Errors
    /// [`ExpectError::Unavailable`] if it is more than what is kept (8 GiB).
    pub fn transcript(&self) -> Result<Vec<u8>> {
        Ok(self.everything(View::Raw)?)
    }

    fn everything(&self, view: View) -> Result<Vec<u8>, ExpectError> {
        let transcript = &self.shared.transcript;
        let stretch = Stretch {
            transcript,
            range: 0..transcript.end_position().offset,
            view,
        };
        Ok(stretch.bytes()?)
    }

    fn wait_for<S: Search + 'static>(
        &self,
        search: Result<S, PatternError>,
    ) -> Operation<S::Output> {
        let timeout = lock(&self.local).timeout;
        Operation::new(Wait::new(&self.shared, &self.local, timeout, search))
    }

    fn sending(&self, name: &'static str, bytes: Vec<u8>) -> Operation<()> {
        let timeout = lock(&self.local).timeout;
        Operation::new(Sending::new(&self.shared, name, bytes, timeout))
    }
}

/// The clone has its own cursor and settings, which start as the original's.
impl Clone for Uart {
    fn clone(&self) -> Self {
        let local = lock(&self.local).clone();
        Self {
            shared: Arc::clone(&self.shared),
            local: Arc::new(Mutex::new(local)),
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

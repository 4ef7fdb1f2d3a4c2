//! [`Uart`] itself: how it is made, cloned, and how its operations are traced.

use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::artifacts::{Traced, failed};
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Operation, Task};
use crate::runtime::HostError;
use crate::sync::lock;
use crate::uart::cursor::{Cursor, HandleState};
use crate::uart::error::UartError;
#[cfg(doc)]
use crate::uart::error::UartErrorKind;
use crate::uart::link::{Link, OnEnd};
use crate::uart::pattern::{IntoPattern, Pattern, PatternError};
use crate::uart::post_mortem::Explained;
use crate::uart::state::UartState;
use crate::uart::transcript::Transcript;
use crate::uart::verdict::VerdictOnDrop;

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
    pub(in crate::uart) shared: Arc<UartState>,
    pub(in crate::uart) local: Arc<Mutex<HandleState>>,
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
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) if the I/O thread cannot be started.
    #[track_caller]
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
    /// [`UartErrorKind::Stream`] if the descriptor cannot be polled, such as a regular file;
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) if the I/O thread cannot be started.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
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

    #[track_caller]
    fn attach(link: impl FnOnce(&Arc<Transcript>) -> std::io::Result<Link>) -> Result<Self> {
        const NAME: &str = "uart";
        let at = Location::caller();
        let shared = UartState::over(NAME, link).map_err(|error| {
            let kind = match error.downcast::<HostError>() {
                Ok(host) => ErrorKind::from(host),
                Err(error) => ErrorKind::from(UartError::stream(NAME, &error)),
            };
            failed(kind, None, at)
        })?;
        let shared = Arc::new(shared);
        Ok(Self {
            verdict_on_drop: Some(VerdictOnDrop::new(&shared)),
            ..Self::at_start(&shared)
        })
    }

    /// Creates a handle with its own cursor, at the beginning of the transcript.
    pub(in crate::uart) fn at_start(shared: &Arc<UartState>) -> Self {
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

    /// Returns the same handle, with shared cursor and settings.
    pub(in crate::uart) fn alias(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            local: Arc::clone(&self.local),
            verdict_on_drop: self.verdict_on_drop.clone(),
        }
    }

    /// Checks that a pattern can match in text without escape sequences.
    pub(super) fn visible(&self, pattern: impl IntoPattern) -> Result<Pattern, PatternError> {
        let pattern = pattern.into_pattern()?;
        if self.shared.settings.strip_ansi {
            pattern.check_visible()?;
        }
        Ok(pattern)
    }

    /// Adds the caller's place and the artifacts to the error of a call that took no time.
    #[track_caller]
    pub(super) fn checked<T>(&self, outcome: Result<T, impl Into<Error>>) -> Result<T> {
        let at = Location::caller();
        outcome.map_err(|error| failed(error, self.shared.settings.report.as_ref(), at))
    }

    /// Creates an operation that keeps its caller's place; the target's report records it, if there
    /// is one.
    #[track_caller]
    pub(super) fn traced<T: Task + 'static>(
        &self,
        task: T,
        what: impl FnOnce(&T) -> String,
    ) -> Operation<T::Output> {
        self.traced_at(Location::caller(), task, what)
    }

    /// As [`traced`](Self::traced); `at` is the caller's place.
    pub(super) fn traced_at<T: Task + 'static>(
        &self,
        at: Caller,
        task: T,
        what: impl FnOnce(&T) -> String,
    ) -> Operation<T::Output> {
        let report = self.shared.settings.report.as_ref();
        let name = &self.shared.name;
        let task = Explained::new(task, &self.shared);
        let what = |task: &Explained<T>| format!("{name}: {}", what(task.operation()));
        Operation::new(Traced::new(task, report, at, what))
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

//! The lines of a UART, as an iterator and as a stream: [`Lines`], made by [`Uart::lines`].

use std::future::Future;
use std::iter::FusedIterator;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::error::{Ending, UartErrorKind};
use super::handle::Uart;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Operation;

impl Uart {
    /// Returns the lines from the cursor on, one after the other; each moves this handle's cursor.
    ///
    /// ```
    /// # fn main() -> virtual_target::Result<()> {
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"one\ntwo\n").unwrap();
    /// # drop(board);
    /// for (line, expected) in uart.lines().into_iter().zip(["one", "two"]) {
    ///     assert_eq!(line?, expected);
    /// }
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn lines(&self) -> Lines {
        Lines::new(self.alias(), Location::caller())
    }
}

/// The lines that a board sends; made by [`Uart::lines`].
///
/// A `for` loop waits in the calling thread; async code uses it as a [`Stream`]. It ends when
/// the board is powered off or its stream is closed. Every other error is an item: after a
/// timeout more lines can follow, after any other error it ends.
#[derive(Debug)]
pub struct Lines {
    uart: Uart,
    at: Caller,
    next: Option<Operation<String>>,
    ended: bool,
}

impl Lines {
    pub(super) fn new(uart: Uart, at: Caller) -> Self {
        Self {
            uart,
            at,
            next: None,
            ended: false,
        }
    }

    fn next(&mut self) -> Operation<String> {
        let next = self.next.take();
        next.unwrap_or_else(|| self.uart.read_line_at(self.at))
    }

    /// Turns the result of a `read_line` into an item; none at the end of the output.
    fn item(&mut self, line: Result<String>) -> Option<Result<String>> {
        let error = line.as_ref().err().map(Error::kind);
        let Some(ErrorKind::Uart(error)) = error else {
            self.ended = line.is_err();
            return Some(line);
        };
        self.ended = !matches!(
            error.kind(),
            UartErrorKind::Timeout { .. } | UartErrorKind::Watchdog { .. }
        );
        let is_end = matches!(
            error.kind(),
            UartErrorKind::Ended {
                ending: Ending::Off(_) | Ending::Restarted(_) | Ending::Closed,
                ..
            }
        );
        (!is_end).then_some(line)
    }
}

impl FusedIterator for BlockingLines {}

impl Stream for Lines {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut next = self.next();
        match Pin::new(&mut next).poll(cx) {
            Poll::Ready(line) => Poll::Ready(self.item(line)),
            Poll::Pending => {
                self.next = Some(next);
                Poll::Pending
            }
        }
    }
}

impl IntoIterator for Lines {
    type Item = Result<String>;
    type IntoIter = BlockingLines;

    fn into_iter(self) -> BlockingLines {
        BlockingLines(self)
    }
}

/// [`Lines`] as an iterator that waits in the calling thread.
#[derive(Debug)]
pub struct BlockingLines(Lines);

impl Iterator for BlockingLines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.ended {
            return None;
        }
        let line = self.0.next().wait();
        self.0.item(line)
    }
}

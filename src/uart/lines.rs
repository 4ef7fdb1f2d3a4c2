//! The lines of a UART one after the other, as an iterator and as a stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::error::ExpectError;
use super::handle::Uart;
use super::transcript::Ending;
use crate::error::{Error, Result};
use crate::report::Caller;
use crate::runtime::Operation;

/// The lines that a board puts out; made by [`Uart::lines`].
///
/// A `for` loop over it waits in the calling thread; async code has it as a
/// [`Stream`]. It ends when the board goes off or its stream is closed. Every
/// other error, such as a timeout, is an item, after which it can go on.
#[derive(Debug)]
pub struct Lines {
    uart: Uart,
    at: Caller,
    next: Option<Operation<String>>,
}

impl Lines {
    pub(super) fn new(uart: Uart, at: Caller) -> Self {
        let next = None;
        Self { uart, at, next }
    }

    fn next(&mut self) -> Operation<String> {
        let next = self.next.take();
        next.unwrap_or_else(|| self.uart.read_line_at(self.at))
    }
}

impl Stream for Lines {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut next = self.next();
        match Pin::new(&mut next).poll(cx) {
            Poll::Ready(line) => Poll::Ready(item(line)),
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
        item(self.0.next().wait())
    }
}

/// The item that the result of a `read_line` is; none at the end of the output.
fn item(line: Result<String>) -> Option<Result<String>> {
    let ended = matches!(
        &line,
        Err(Error::Expect(error))
            if matches!(**error, ExpectError::Ended { ending: Ending::Stopped(_) | Ending::Closed, .. })
    );
    (!ended).then_some(line)
}

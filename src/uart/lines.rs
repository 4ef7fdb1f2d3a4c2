//! The lines of a UART one after the other, as an iterator and as a stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::error::ExpectError;
use super::handle::Uart;
use super::transcript::Ending;
use crate::error::{Error, Result};
use crate::runtime::Operation;

/// The lines that a board puts out; made by [`Uart::lines`].
///
/// An [`Iterator`] that waits in the calling thread and a [`Stream`] for async
/// code. It ends when the board goes off or its stream is closed; every other
/// error, such as a timeout, is an item, after which it can go on.
#[derive(Debug)]
pub struct Lines {
    uart: Uart,
    next: Option<Operation<String>>,
}

impl Lines {
    pub(super) fn new(uart: Uart) -> Self {
        Self { uart, next: None }
    }
}

fn item(line: Result<String>) -> Option<Result<String>> {
    let ended = matches!(
        &line,
        Err(Error::Expect(error))
            if matches!(**error, ExpectError::Ended { ending: Ending::PoweredOff | Ending::Closed, .. })
    );
    (!ended).then_some(line)
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next.take();
        item(next.unwrap_or_else(|| self.uart.read_line()).wait())
    }
}

impl Stream for Lines {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut next = self.next.take().unwrap_or_else(|| self.uart.read_line());
        match Pin::new(&mut next).poll(cx) {
            Poll::Ready(line) => Poll::Ready(item(line)),
            Poll::Pending => {
                self.next = Some(next);
                Poll::Pending
            }
        }
    }
}

//! Sending: bytes are handed to the I/O thread whole, and waited for until they are written.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::error::ExpectError;
use super::link::Written;
use super::lock;
use super::port::Shared;
use crate::error::Result;
use crate::runtime::{Deadline, Task};

/// `send`, `send_line`
pub(super) struct Send {
    uart: Arc<Shared>,
    name: &'static str,
    deadline: Deadline,
    length: usize,
    state: State,
}

enum State {
    Unsent(Vec<u8>),
    Sent(Written),
}

impl Send {
    pub(super) fn new(
        uart: &Arc<Shared>,
        name: &'static str,
        bytes: Vec<u8>,
        timeout: Duration,
    ) -> Self {
        Self {
            uart: Arc::clone(uart),
            name,
            deadline: Deadline::new(timeout, uart.clock()),
            length: bytes.len(),
            state: State::Unsent(bytes),
        }
    }

    fn not_sent(&self, reason: String) -> ExpectError {
        ExpectError::NotSent {
            uart: self.uart.name.clone(),
            wanted: self.describe(),
            reason,
        }
    }

    /// Why there is nothing to write to.
    fn gone(&self) -> ExpectError {
        let reason = match self.uart.transcript.ending() {
            Some(ending) => ending.to_string(),
            None => "the stream does not take bytes any more".to_owned(),
        };
        self.not_sent(reason)
    }

    fn describe(&self) -> String {
        format!("{} of {} bytes", self.name, self.length)
    }
}

impl Task for Send {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.deadline.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let State::Unsent(bytes) = &mut self.state {
            let bytes = std::mem::take(bytes);
            let written = lock(&self.uart.link).as_ref().map(|link| link.write(bytes));
            match written {
                Some(written) => self.state = State::Sent(written),
                None => return Poll::Ready(Err(self.gone().into())),
            }
        }
        if let State::Sent(written) = &mut self.state
            && let Poll::Ready(answer) = Pin::new(written).poll(cx)
        {
            return Poll::Ready(match answer {
                Ok(Ok(())) => Ok(()),
                Ok(Err(e)) => Err(self.not_sent(e.to_string()).into()),
                Err(_) => Err(self.gone().into()),
            });
        }
        ready!(self.deadline.poll(cx))?;
        Poll::Ready(Err(ExpectError::Timeout {
            uart: self.uart.name.clone(),
            wanted: self.describe(),
            waited: self.deadline.waited(),
            seen: "its other end does not read".to_owned(),
        }
        .into()))
    }
}

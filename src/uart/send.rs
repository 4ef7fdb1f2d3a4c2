//! Sending: bytes are handed to the I/O thread whole, and waited for until they are written.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot::error::RecvError;

use super::error::ExpectError;
use super::link::Written;
use super::lock;
use super::port::Shared;
use super::transcript::Ending;
use super::wait::{Search, Wait};
use crate::error::Result;
use crate::runtime::{ByteSet, Deadline, Task};

/// `send`, `send_line`
pub(super) struct Send {
    uart: Arc<Shared>,
    name: &'static str,
    timeout: Duration,
    deadline: Deadline,
    length: usize,
    state: State,
}

enum State {
    Unsent(Vec<u8>),
    Sent(Written),
    /// The line is to carry most of it before this, in the time of a virtual clock.
    Carried {
        deadline: Deadline,
        /// Whether that is enough.
        in_time: bool,
    },
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
            timeout,
            deadline: uart.deadline_standing(timeout),
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

    /// The operation with what it is about to send, as far as a line can show it.
    pub(super) fn preview(&self) -> String {
        const SHOWN: usize = 80;
        let State::Unsent(bytes) = &self.state else {
            return self.describe();
        };
        let more = if bytes.len() > SHOWN { "…" } else { "" };
        let bytes = bytes[..bytes.len().min(SHOWN)].escape_ascii();
        format!("{}(\"{bytes}{more}\")", self.name)
    }

    fn describe(&self) -> String {
        format!("{} of {} bytes", self.name, self.length)
    }

    fn waited(&self) -> Duration {
        match &self.state {
            State::Carried { deadline, .. } => deadline.waited(),
            State::Unsent(_) | State::Sent(_) => self.deadline.waited(),
        }
    }

    /// Why it was not written.
    fn failed(&self, answer: std::result::Result<io::Result<Duration>, RecvError>) -> ExpectError {
        match answer {
            Ok(Err(e)) if !matches!(self.uart.transcript.ending(), Some(Ending::Died(_))) => {
                self.not_sent(e.to_string())
            }
            _ => self.gone(),
        }
    }

    fn late(&self) -> ExpectError {
        ExpectError::Timeout {
            uart: self.uart.name.clone(),
            wanted: self.describe(),
            waited: self.waited(),
            seen: "its other end does not take it, or not so fast (a serial line takes some 11 bytes in a millisecond)".to_owned(),
        }
    }
}

impl Task for Send {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.deadline = self.uart.deadline_standing(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let State::Unsent(bytes) = &mut self.state {
            if let Some(alarm) = self.uart.transcript.alarm() {
                self.uart.transcript.notice();
                let error = ExpectError::forbidden(&self.uart, &alarm, &self.describe());
                return Poll::Ready(Err(error.into()));
            }
            if let Some(Ending::Halted(_)) = self.uart.transcript.ending() {
                return Poll::Ready(Err(self.gone().into()));
            }
            let bytes = std::mem::take(bytes);
            let written = lock(&self.uart.link).as_ref().map(|link| {
                self.uart.note_sent(&bytes);
                link.write(bytes)
            });
            match written {
                Some(written) => self.state = State::Sent(written),
                None => return Poll::Ready(Err(self.gone().into())),
            }
        }
        if let State::Sent(written) = &mut self.state
            && let Poll::Ready(answer) = Pin::new(written).poll(cx)
        {
            let rest = match answer {
                Ok(Ok(Duration::ZERO)) => return Poll::Ready(Ok(())),
                Ok(Ok(rest)) => rest,
                answer => return Poll::Ready(Err(self.failed(answer).into())),
            };
            let within = rest.min(self.timeout);
            self.state = State::Carried {
                deadline: self.uart.deadline(within, ByteSet::NONE),
                in_time: rest <= self.timeout,
            };
        }
        if let State::Carried { deadline, in_time } = &mut self.state {
            ready!(deadline.poll(cx))?;
            let in_time = *in_time && deadline.watchdog().is_none();
            return Poll::Ready(match self.uart.transcript.ending() {
                Some(_) => Err(self.gone().into()),
                None if in_time => Ok(()),
                None => Err(self.late().into()),
            });
        }
        ready!(self.deadline.poll(cx))?;
        Poll::Ready(Err(self.late().into()))
    }
}

/// Sends something, then waits for the answer: `send_line_echoed`, `run`.
pub(super) struct Ask<S> {
    send: Send,
    wait: Wait<S>,
    timeout: Duration,
    sent: bool,
}

impl<S: Search> Ask<S> {
    pub(super) fn new(send: Send, wait: Wait<S>, timeout: Duration) -> Self {
        Self {
            send,
            wait,
            timeout,
            sent: false,
        }
    }

    /// The operation, as in a message.
    pub(super) fn describe(&self) -> String {
        self.wait.describe()
    }
}

impl<S: Search> Task for Ask<S> {
    type Output = S::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.send.set_timeout(timeout);
        self.wait.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Output>> {
        if !self.sent {
            if matches!(self.send.state, State::Unsent(_)) {
                // What came before the question is no answer.
                self.wait.begin_at_end()?;
            }
            ready!(self.send.poll(cx))?;
            self.sent = true;
            let left = self.timeout.saturating_sub(self.send.waited());
            self.wait.set_timeout(left);
        }
        self.wait.poll(cx)
    }
}

/// `send_paced`
pub(super) struct Paced {
    uart: Arc<Shared>,
    bytes: Vec<u8>,
    delay: Duration,
    /// How many have been written.
    done: usize,
    step: Step,
    deadline: Deadline,
}

enum Step {
    Next,
    Writing(Box<Send>),
    Resting(Deadline),
}

impl Paced {
    /// The bytes are given their own time on top of `timeout`.
    pub(super) fn new(
        uart: &Arc<Shared>,
        bytes: Vec<u8>,
        delay: Duration,
        timeout: Duration,
    ) -> Self {
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let timeout = timeout.saturating_add(delay.saturating_mul(count));
        Self {
            uart: Arc::clone(uart),
            bytes,
            delay,
            done: 0,
            step: Step::Next,
            deadline: uart.deadline_standing(timeout),
        }
    }
}

impl Task for Paced {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.deadline.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let stepped = match &mut self.step {
                Step::Next => Poll::Ready(Ok(())),
                Step::Writing(send) => send.poll(cx),
                Step::Resting(rest) => rest.poll(cx).map_err(Into::into),
            };
            let Poll::Ready(stepped) = stepped else {
                break;
            };
            stepped?;
            self.step = match self.step {
                Step::Writing(_) => {
                    self.done += 1;
                    Step::Resting(self.uart.deadline(self.delay, ByteSet::NONE))
                }
                Step::Next | Step::Resting(_) => match self.bytes.get(self.done) {
                    Some(byte) => Step::Writing(Box::new(Send::new(
                        &self.uart,
                        "send_paced",
                        vec![*byte],
                        self.deadline.timeout(),
                    ))),
                    None => return Poll::Ready(Ok(())),
                },
            };
        }
        ready!(self.deadline.poll(cx))?;
        let error = ExpectError::Timeout {
            uart: self.uart.name.clone(),
            wanted: format!("send_paced of {} bytes", self.bytes.len()),
            waited: self.deadline.waited(),
            seen: format!("{} bytes have been sent", self.done),
        };
        Poll::Ready(Err(error.into()))
    }
}

//! Sending: bytes are handed to the I/O thread whole, and waited for until they are written.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot::error::RecvError;

use super::diagnose;
use super::wait::{Matcher, Wait, too_slow};
use crate::error::Result;
use crate::operation::Task;
use crate::runtime::{ByteSet, CutShort, Deadline};
use crate::sync::lock;
use crate::uart::error::{Ending, ExpectError};
use crate::uart::link::Written;
use crate::uart::state::UartState;

/// `send`, `send_line`
pub(crate) struct SendBytes {
    uart: Arc<UartState>,
    name: &'static str,
    timeout: Duration,
    deadline: Deadline,
    length: usize,
    state: SendState,
}

enum SendState {
    Unsent(Vec<u8>),
    Sent(Written),
    /// The line is to carry most of it before this, in the time of a virtual clock.
    Carried {
        deadline: Deadline,
        /// Whether that is enough.
        in_time: bool,
    },
}

impl SendBytes {
    pub(crate) fn new(
        uart: &Arc<UartState>,
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
            state: SendState::Unsent(bytes),
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
    pub(crate) fn preview(&self) -> String {
        const SHOWN: usize = 80;
        let SendState::Unsent(bytes) = &self.state else {
            return self.describe();
        };
        let more = if bytes.len() > SHOWN { "…" } else { "" };
        let bytes = bytes[..bytes.len().min(SHOWN)].escape_ascii();
        format!("{}(\"{bytes}{more}\")", self.name)
    }

    fn describe(&self) -> String {
        format!("{} of {} bytes", self.name, self.length)
    }

    /// How long it has waited in the board's time; a virtual one stands still until the
    /// bytes are on the line.
    pub(crate) fn waited(&self) -> Duration {
        match &self.state {
            SendState::Carried { deadline, .. } => deadline.waited(),
            _ if self.uart.virtual_clock().is_some() => Duration::ZERO,
            SendState::Unsent(_) | SendState::Sent(_) => self.deadline.waited(),
        }
    }

    /// The host's watchdog has ended it after `on_host`, when it had had so much of its limit.
    fn watchdog(&self, on_host: Duration, had: CutShort) -> ExpectError {
        let (wanted, of) = (self.describe(), self.timeout);
        let seen = "it may have been sent in part";
        too_slow(&self.uart, wanted, on_host, Some(had), of, seen)
    }

    /// Why it was not written.
    fn failed(&self, answer: std::result::Result<io::Result<Duration>, RecvError>) -> ExpectError {
        match answer {
            Ok(Err(e)) if !matches!(self.uart.transcript.ending(), Some(Ending::Exited(_))) => {
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
            seen: "its other end does not take it, or not so fast (a line of 115200 baud takes some 11 bytes in a millisecond)".to_owned(),
        }
    }
}

impl Task for SendBytes {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.deadline = self.uart.deadline_standing(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let SendState::Unsent(bytes) = &mut self.state {
            if let Some(forbidden) = self.uart.transcript.forbidden() {
                let error = diagnose::forbidden(&self.uart, &forbidden, &self.describe());
                return Poll::Ready(Err(error.into()));
            }
            let ending = self.uart.transcript.ending();
            if ending.is_some_and(|ending| ending.is_halt()) {
                return Poll::Ready(Err(self.gone().into()));
            }
            let bytes = std::mem::take(bytes);
            let written = lock(&self.uart.link).as_ref().map(|link| {
                self.uart.note_sent(&bytes);
                link.write(bytes)
            });
            match written {
                Some(written) => self.state = SendState::Sent(written),
                None => return Poll::Ready(Err(self.gone().into())),
            }
        }
        if let SendState::Sent(written) = &mut self.state
            && let Poll::Ready(answer) = Pin::new(written).poll(cx)
        {
            let rest = match answer {
                Ok(Ok(Duration::ZERO)) => return Poll::Ready(Ok(())),
                Ok(Ok(rest)) => rest,
                answer => return Poll::Ready(Err(self.failed(answer).into())),
            };
            let within = rest.min(self.timeout);
            self.state = SendState::Carried {
                deadline: self.uart.deadline(within, || ByteSet::NONE),
                in_time: rest <= self.timeout,
            };
        }
        if let SendState::Carried { deadline, in_time } = &mut self.state {
            ready!(deadline.poll(cx))?;
            let in_time = *in_time;
            let cut_short = deadline.watchdog().zip(deadline.cut_short());
            return Poll::Ready(match (self.uart.transcript.ending(), cut_short) {
                (Some(_), _) => Err(self.gone().into()),
                (None, Some((on_host, had))) => Err(self.watchdog(on_host, had).into()),
                (None, None) if in_time => Ok(()),
                (None, None) => Err(self.late().into()),
            });
        }
        ready!(self.deadline.poll(cx))?;
        Poll::Ready(Err(match self.uart.virtual_clock() {
            Some(_) => {
                let had = CutShort::Had(Duration::ZERO);
                self.watchdog(self.deadline.waited(), had).into()
            }
            None => self.late().into(),
        }))
    }
}

/// What cannot be done.
pub(crate) struct Rejected<T> {
    error: Option<ExpectError>,
    output: PhantomData<fn() -> T>,
}

impl<T> Rejected<T> {
    pub(crate) fn new(error: ExpectError) -> Self {
        Self {
            error: Some(error),
            output: PhantomData,
        }
    }
}

impl<T> Task for Rejected<T> {
    type Output = T;

    fn set_timeout(&mut self, _timeout: Duration) {}

    fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<Result<T>> {
        match self.error.take() {
            Some(error) => Poll::Ready(Err(error.into())),
            None => Poll::Pending,
        }
    }
}

/// Sends something, then waits for the answer: `send_line_echoed`.
pub(crate) struct SendThenExpect<S> {
    send: SendBytes,
    wait: Wait<S>,
    timeout: Duration,
    sent: bool,
}

impl<S: Matcher> SendThenExpect<S> {
    pub(crate) fn new(send: SendBytes, wait: Wait<S>, timeout: Duration) -> Self {
        Self {
            send,
            wait,
            timeout,
            sent: false,
        }
    }

    /// The operation, as in a message.
    pub(crate) fn describe(&self) -> String {
        self.wait.describe()
    }
}

impl<S: Matcher> Task for SendThenExpect<S> {
    type Output = S::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.send.set_timeout(timeout);
        self.wait.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Output>> {
        if !self.sent {
            if matches!(self.send.state, SendState::Unsent(_)) {
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
pub(crate) struct PacedSend {
    uart: Arc<UartState>,
    bytes: Vec<u8>,
    delay: Duration,
    /// How many have been written.
    done: usize,
    step: Step,
    timeout: Duration,
    deadline: Deadline,
    /// What a virtual clock showed when it began.
    began: Option<Duration>,
}

enum Step {
    Next,
    Writing(Box<SendBytes>),
    Resting {
        deadline: Deadline,
        /// Whether the time limit allows for the whole rest, in a virtual clock.
        in_time: bool,
    },
}

impl PacedSend {
    /// The bytes are given their own time on top of `timeout`.
    pub(crate) fn new(
        uart: &Arc<UartState>,
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
            timeout,
            deadline: uart.deadline_standing(timeout),
            began: None,
        }
    }

    /// How much of a virtual clock's time has passed.
    fn passed(&mut self) -> Option<Duration> {
        let now = self.uart.virtual_clock()?.now();
        let began = *self.began.get_or_insert(now);
        Some(now.saturating_sub(began))
    }

    /// What comes next; nothing if all is done.
    fn next(&mut self) -> Option<Step> {
        let left = self
            .timeout
            .saturating_sub(self.passed().unwrap_or_default());
        if matches!(self.step, Step::Writing(_)) {
            self.done += 1;
            let is_virtual = self.uart.virtual_clock().is_some();
            let in_time = !is_virtual || self.delay <= left;
            let rest = if in_time { self.delay } else { left };
            let deadline = self.uart.deadline(rest, || ByteSet::NONE);
            return Some(Step::Resting { deadline, in_time });
        }
        let byte = vec![*self.bytes.get(self.done)?];
        let send = SendBytes::new(&self.uart, "send_paced", byte, left);
        Some(Step::Writing(Box::new(send)))
    }

    fn describe(&self) -> String {
        format!("send_paced of {} bytes", self.bytes.len())
    }

    fn have_been_sent(&self) -> String {
        format!("{} bytes have been sent", self.done)
    }

    fn gone(&self, ending: &Ending) -> ExpectError {
        ExpectError::NotSent {
            uart: self.uart.name.clone(),
            wanted: self.describe(),
            reason: ending.to_string(),
        }
    }

    fn late(&self, waited: Duration) -> ExpectError {
        ExpectError::Timeout {
            uart: self.uart.name.clone(),
            wanted: self.describe(),
            waited,
            seen: self.have_been_sent(),
        }
    }

    /// The host's watchdog has ended it after `on_host`.
    fn watchdog(&mut self, on_host: Duration) -> ExpectError {
        let had = CutShort::Had(self.passed().unwrap_or_default());
        let (wanted, seen) = (self.describe(), self.have_been_sent());
        too_slow(&self.uart, wanted, on_host, Some(had), self.timeout, &seen)
    }
}

impl Task for PacedSend {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.deadline = self.uart.deadline_standing(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let stepped = match &mut self.step {
                Step::Next => Poll::Ready(Ok(())),
                Step::Writing(send) => send.poll(cx),
                Step::Resting { deadline, in_time } => match deadline.poll(cx)? {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => {
                        let (in_time, watchdog) = (*in_time, deadline.watchdog());
                        let clock = self.uart.virtual_clock();
                        let ending = clock.and_then(|_| self.uart.transcript.ending());
                        Poll::Ready(match (ending, watchdog) {
                            (Some(ending), _) => Err(self.gone(&ending).into()),
                            (None, Some(on_host)) => Err(self.watchdog(on_host).into()),
                            (None, None) if in_time => Ok(()),
                            (None, None) => Err(self.late(self.timeout).into()),
                        })
                    }
                },
            };
            let Poll::Ready(stepped) = stepped else {
                break;
            };
            stepped?;
            match self.next() {
                Some(next) => self.step = next,
                None => return Poll::Ready(Ok(())),
            }
        }
        ready!(self.deadline.poll(cx))?;
        let waited = self.deadline.waited();
        Poll::Ready(Err(match self.uart.virtual_clock() {
            Some(_) => self.watchdog(waited).into(),
            None => self.late(waited).into(),
        }))
    }
}

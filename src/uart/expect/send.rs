//! The tasks that send: [`SendBytes`], [`PacedSend`] and [`SendThenExpect`].
//!
//! A task hands its bytes to the I/O thread at once, and waits until they are written.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot::error::RecvError;

use super::diagnose;
use super::wait::{Matcher, Wait};
use crate::error::Result;
use crate::operation::Task;
use crate::runtime::{CutShort, Deadline, Stops};
use crate::sync::lock;
use crate::uart::error::{Ending, NotSent, UartError};
use crate::uart::link::Written;
use crate::uart::state::UartState;

/// What became of bytes that were given to the link.
type Answer = std::result::Result<std::result::Result<Duration, NotSent>, RecvError>;

/// The task of `send` and `send_line`.
pub(crate) struct SendBytes {
    uart: Arc<UartState>,
    name: &'static str,
    timeout: Duration,
    deadline: Deadline,
    length: usize,
    state: SendState,
}

enum SendState {
    /// Not handed to the I/O thread yet.
    Unsent(Vec<u8>),
    /// Handed over; the answer comes when they are written.
    Sent(Written),
    /// On the line, in the time of a virtual clock, until the last byte or the time limit.
    Transmitting {
        deadline: Deadline,
        /// True if the last byte is sent within the time limit.
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
            deadline: uart.paused_deadline(timeout),
            length: bytes.len(),
            state: SendState::Unsent(bytes),
        }
    }

    fn not_sent(&self, why: NotSent) -> UartError {
        diagnose::not_sent(&self.uart, self.describe(), why)
    }

    /// Creates the error of a link that no longer takes bytes.
    fn gone(&self) -> UartError {
        let ending = self.uart.transcript.ending();
        self.not_sent(ending.map_or(NotSent::Closed, NotSent::Ended))
    }

    /// Describes the operation with the first bytes that it is about to send.
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

    /// Returns the time waited in the board's clock; a virtual clock is paused until the bytes are
    /// on the line.
    pub(crate) fn waited(&self) -> Duration {
        match &self.state {
            SendState::Transmitting { deadline, .. } => deadline.waited(),
            _ if self.uart.virtual_clock().is_some() => Duration::ZERO,
            SendState::Unsent(_) | SendState::Sent(_) => self.deadline.waited(),
        }
    }

    /// Creates the error of the host's watchdog after `on_host`, when the guest had `had` of the limit.
    fn watchdog(&self, on_host: Duration, had: CutShort) -> UartError {
        let (operation, of) = (self.describe(), self.timeout);
        let sent = diagnose::sent_in_part();
        diagnose::watchdog(&self.uart, operation, on_host, Some(had), of, sent)
    }

    /// Creates the error of bytes that were not written.
    fn failed(&self, answer: Answer) -> UartError {
        match answer {
            Ok(Err(why)) if !matches!(self.uart.transcript.ending(), Some(Ending::Exited(_))) => {
                self.not_sent(why)
            }
            _ => self.gone(),
        }
    }

    fn late(&self) -> UartError {
        let why = diagnose::not_accepted();
        diagnose::sent_too_late(&self.uart, self.describe(), self.waited(), why)
    }
}

impl Task for SendBytes {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.deadline = self.uart.paused_deadline(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let SendState::Unsent(bytes) = &mut self.state {
            if let Some(forbidden) = self.uart.transcript.forbidden() {
                let error = diagnose::forbidden(&self.uart, &forbidden, Some(&self.describe()));
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
            self.state = SendState::Transmitting {
                deadline: self.uart.deadline(within, Stops::default),
                in_time: rest <= self.timeout,
            };
        }
        if let SendState::Transmitting { deadline, in_time } = &mut self.state {
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
                let had = CutShort::AtLeast(Duration::ZERO);
                self.watchdog(self.deadline.waited(), had).into()
            }
            None => self.late().into(),
        }))
    }
}

/// The task of an operation that cannot begin: it fails with this error.
pub(crate) struct Rejected<T> {
    error: Option<UartError>,
    output: PhantomData<fn() -> T>,
}

impl<T> Rejected<T> {
    pub(crate) fn new(error: UartError) -> Self {
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

/// The task of `send_line_echoed`: it sends bytes, then waits for a match.
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

    /// Describes the operation for a message.
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
                // Output from before the bytes were sent is not the answer.
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

/// The task of `send_paced`.
pub(crate) struct PacedSend {
    uart: Arc<UartState>,
    bytes: Vec<u8>,
    delay: Duration,
    /// The number of bytes that have been written.
    sent: usize,
    step: Step,
    timeout: Duration,
    deadline: Deadline,
    /// The time of a virtual clock at the start.
    began: Option<Duration>,
}

enum Step {
    Next,
    Writing(Box<SendBytes>),
    Pausing {
        deadline: Deadline,
        /// True if the time limit allows for the whole delay, in a virtual clock.
        in_time: bool,
    },
}

impl PacedSend {
    /// Creates the task; the delays are added to `timeout`.
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
            sent: 0,
            step: Step::Next,
            timeout,
            deadline: uart.paused_deadline(timeout),
            began: None,
        }
    }

    /// Returns the time of a virtual clock that has passed since the start.
    fn passed(&mut self) -> Option<Duration> {
        let now = self.uart.virtual_clock()?.now();
        let began = *self.began.get_or_insert(now);
        Some(now.saturating_sub(began))
    }

    /// Returns the next step; `None` once all bytes are sent.
    fn next(&mut self) -> Option<Step> {
        let left = self
            .timeout
            .saturating_sub(self.passed().unwrap_or_default());
        if matches!(self.step, Step::Writing(_)) {
            self.sent += 1;
            let is_virtual = self.uart.virtual_clock().is_some();
            let in_time = !is_virtual || self.delay <= left;
            let pause = if in_time { self.delay } else { left };
            let deadline = self.uart.deadline(pause, Stops::default);
            return Some(Step::Pausing { deadline, in_time });
        }
        let byte = vec![*self.bytes.get(self.sent)?];
        let send = SendBytes::new(&self.uart, "send_paced", byte, left);
        Some(Step::Writing(Box::new(send)))
    }

    fn describe(&self) -> String {
        format!("send_paced of {} bytes", self.bytes.len())
    }

    fn gone(&self, ending: &Ending) -> UartError {
        let why = NotSent::Ended(ending.clone());
        diagnose::not_sent(&self.uart, self.describe(), why)
    }

    fn late(&self, waited: Duration) -> UartError {
        let sent = diagnose::sent_so_far(self.sent);
        diagnose::sent_too_late(&self.uart, self.describe(), waited, sent)
    }

    /// Creates the error of the host's watchdog after `on_host`.
    fn watchdog(&mut self, on_host: Duration) -> UartError {
        let had = CutShort::AtLeast(self.passed().unwrap_or_default());
        let (operation, of) = (self.describe(), self.timeout);
        let sent = diagnose::sent_so_far(self.sent);
        diagnose::watchdog(&self.uart, operation, on_host, Some(had), of, sent)
    }
}

impl Task for PacedSend {
    type Output = ();

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.deadline = self.uart.paused_deadline(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let stepped = match &mut self.step {
                Step::Next => Poll::Ready(Ok(())),
                Step::Writing(send) => send.poll(cx),
                Step::Pausing { deadline, in_time } => match deadline.poll(cx)? {
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

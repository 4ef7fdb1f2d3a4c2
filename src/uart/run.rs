//! Running a command: not before the board's first prompt, so that what comes up to
//! the next one is its answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::handle::Uart;
use super::matched::Match;
use super::pattern::Pattern;
use crate::error::Result;
use crate::runtime::{Operation, Task};

/// Waits for the prompt, unless one has been seen since the board was started; then
/// sends the command and waits for its answer.
pub(super) struct Run {
    uart: Uart,
    prompt: Pattern,
    begun: bool,
    until_ready: Option<Operation<Match>>,
    answer: Operation<String>,
}

impl Run {
    /// `until_ready` waits for the prompt, `answer` sends the command; `uart` has the
    /// cursor that they move.
    pub(super) fn new(
        uart: Uart,
        prompt: Pattern,
        until_ready: Operation<Match>,
        answer: Operation<String>,
    ) -> Self {
        Self {
            uart,
            prompt,
            begun: false,
            until_ready: Some(until_ready),
            answer,
        }
    }
}

impl Task for Run {
    type Output = String;

    fn set_timeout(&mut self, timeout: Duration) {
        if let Some(until_ready) = &mut self.until_ready {
            until_ready.set_timeout(timeout);
        }
        self.answer.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<String>> {
        if !self.begun {
            self.begun = true;
            if self.uart.has_passed(&self.prompt)? {
                self.until_ready = None;
            }
        }
        if let Some(until_ready) = &mut self.until_ready {
            ready!(Pin::new(until_ready).poll(cx))?;
            self.until_ready = None;
        }
        Pin::new(&mut self.answer).poll(cx)
    }
}

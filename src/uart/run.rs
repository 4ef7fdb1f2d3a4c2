//! Running a command: not before the board is ready for it, so that what comes up to
//! the next prompt is its answer.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::handle::Local;
use super::operations::{Output, Ready};
use super::pattern::Pattern;
use super::port::Shared;
use super::send::Ask;
use super::wait::Wait;
use crate::error::Result;
use crate::runtime::Task;

/// Waits for the prompt that follows what was sent last, or the board's start; then
/// sends the command and waits for its answer.
pub(super) struct Run {
    uart: Arc<Shared>,
    local: Arc<Mutex<Local>>,
    command: Vec<u8>,
    prompt: Pattern,
    timeout: Duration,
    state: State,
    answer: Ask<Output>,
}

enum State {
    New,
    Waiting(Box<Wait<Ready>>),
    Asking,
}

impl Run {
    /// `answer` sends the command; the cursor of `local` goes to the prompt before.
    pub(super) fn new(
        uart: Arc<Shared>,
        local: Arc<Mutex<Local>>,
        command: &[u8],
        prompt: Pattern,
        timeout: Duration,
        answer: Ask<Output>,
    ) -> Self {
        Self {
            uart,
            local,
            command: command.to_vec(),
            prompt,
            timeout,
            state: State::New,
            answer,
        }
    }

    /// The operation, as in a message.
    pub(super) fn describe(&self) -> String {
        self.answer.describe()
    }

    /// Waits for the prompt, from where something was sent last.
    fn until_ready(&self) -> Result<Wait<Ready>> {
        let (from, sent) = self.uart.last_sent();
        let ready = Ready::new(&sent, &self.command, self.prompt.clone());
        let mut wait = Wait::new(&self.uart, &self.local, self.timeout, ready);
        wait.begin_at(from)?;
        Ok(wait)
    }
}

impl Task for Run {
    type Output = String;

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.answer.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<String>> {
        if let State::New = self.state {
            self.state = State::Waiting(Box::new(self.until_ready()?));
        }
        if let State::Waiting(wait) = &mut self.state {
            ready!(wait.poll(cx))?;
            self.state = State::Asking;
        }
        self.answer.poll(cx)
    }
}

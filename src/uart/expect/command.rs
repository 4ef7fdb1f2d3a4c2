//! The task of `run`: [`Run`] waits until the board is ready, sends a command, and returns the
//! answer that belongs to it.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::conversation::Before;
use super::ignored_lines::IgnoredLines;
use super::send::SendBytes;
use super::wait::{Matcher, Wait};
use super::{
    Answer, Expected, QuietMatcher, Reply, ReplyMatcher, ReplyPurpose, ReplyState, describe,
    line_up_to,
};
use crate::config::Echo;
use crate::error::Result;
use crate::operation::Task;
use crate::sync::lock;
use crate::uart::cursor::HandleState;
use crate::uart::error::UartError;
use crate::uart::pattern::{Pattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::Position;

/// The time, in the board's clock, in which an echo may follow a prompt that looks like the answer's end.
const SETTLE: Duration = Duration::from_millis(500);

/// A command to run, and the means to recognize its answer.
pub(crate) struct RunRequest {
    pub(crate) line: Vec<u8>,
    pub(crate) prompt: Pattern,
    pub(crate) echo: Echo,
    pub(crate) ignored: IgnoredLines,
}

impl RunRequest {
    fn reply(
        &self,
        operation: ReplyPurpose,
        line: &[u8],
        sent: u64,
        expected: Expected,
    ) -> Result<Reply, PatternError> {
        let (prompt, ignored) = (self.prompt.clone(), self.ignored.clone());
        Reply::new(operation, line, sent, expected, prompt, ignored)
    }

    /// Returns what is known about the board's echo.
    fn expected(&self, uart: &UartState) -> Expected {
        match (self.echo, uart.echoes()) {
            (Echo::On, _) | (Echo::Auto, Some(true)) => Expected::Echo,
            (Echo::Auto, None) => Expected::Unknown,
            (Echo::Off | Echo::Auto, seen) => Expected::NoEcho {
                is_proven: seen == Some(false),
                is_learned: self.echo == Echo::Auto,
            },
        }
    }
}

/// The task of `run`.
///
/// It waits for the prompt that follows the last line sent, or the board's start; then it sends
/// the command and waits for the answer.
pub(crate) struct Run {
    uart: Arc<UartState>,
    local: Arc<Mutex<HandleState>>,
    command: RunRequest,
    send: SendBytes,
    timeout: Duration,
    state: RunState,
}

enum RunState {
    New,
    /// Waiting for a prompt; true if it is the first one since the board's start.
    Waiting(ReplyWait, bool),
    /// Ready to send; the end of the prompt.
    Ready(Position),
    /// Sending; the end of the prompt, and the end of the output when sending began.
    Sending(Position, Position),
    /// Waiting for the answer; the end of the output when sending began.
    Answering(ReplyWait, Position),
}

impl Run {
    pub(crate) fn new(
        uart: &Arc<UartState>,
        local: &Arc<Mutex<HandleState>>,
        command: RunRequest,
        send: SendBytes,
        timeout: Duration,
    ) -> Self {
        Self {
            uart: Arc::clone(uart),
            local: Arc::clone(local),
            command,
            send,
            timeout,
            state: RunState::New,
        }
    }

    /// Describes the operation for a message.
    pub(crate) fn describe(&self) -> String {
        describe(&self.command.line, &self.command.prompt)
    }

    /// Returns the first state: the prompt to wait for before the command can be sent, if any.
    fn first(&self) -> Result<RunState> {
        let ready = |is_start| ReplyPurpose::Ready {
            command: self.command.line.clone(),
            is_start,
        };
        let any_prompt = Expected::NoEcho {
            is_proven: true,
            is_learned: false,
        };
        let before = self.uart.before();
        let is_start = matches!(before, Before::Started(_));
        let (at, reply) = match before {
            Before::Answered(at) => return Ok(RunState::Ready(at)),
            Before::Started(at) => {
                let reply = self.command.reply(ready(true), b"", at.offset, any_prompt);
                (at, reply)
            }
            Before::Sent {
                at,
                line,
                is_command,
            } => {
                let expected = match self.command.expected(&self.uart) {
                    _ if line.is_empty() => any_prompt,
                    // A password or a lost line is not echoed.
                    Expected::Echo => Expected::Unknown,
                    Expected::NoEcho { .. } if !is_command => any_prompt,
                    // An abandoned command: more than one prompt may still follow.
                    Expected::NoEcho { .. } => Expected::NoEcho {
                        is_proven: false,
                        is_learned: false,
                    },
                    expected => expected,
                };
                (
                    at,
                    self.command.reply(ready(false), &line, at.offset, expected),
                )
            }
        };
        let wait = ReplyWait::new(&self.uart, &self.local, self.timeout, at, reply)?;
        Ok(RunState::Waiting(wait, is_start))
    }

    /// Returns the answer's text, and records it in the conversation.
    fn answered(
        &self,
        reply: &Reply,
        answer: &Answer,
        end: Position,
        sent: Position,
    ) -> Result<String> {
        let prompt_line = lock(&self.uart.conversation)
            .prompt_line(end.segment)
            .to_vec();
        let text = reply.text(answer, &prompt_line, &self.uart)?;
        let mut conversation = lock(&self.uart.conversation);
        if !self.command.line.trim_ascii().is_empty() {
            conversation.learn(end.segment, answer.has_echo);
        }
        conversation.note_answered(sent, end);
        drop(conversation);
        lock(&self.local).advance(end);
        Ok(text)
    }
}

impl Task for Run {
    type Output = String;

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.send.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<String>> {
        loop {
            self.state = match &mut self.state {
                RunState::New => self.first()?,
                RunState::Waiting(wait, is_start) => {
                    let (_, _, end) = ready!(wait.poll(cx))?;
                    if *is_start {
                        let line = line_up_to(end.offset, &self.uart)?;
                        lock(&self.uart.conversation).note_prompt(end.segment, line);
                    }
                    RunState::Ready(end)
                }
                RunState::Ready(prompt) => {
                    let (prompt, sent) = (*prompt, self.uart.transcript.end_position());
                    let sending = self.send.poll(cx);
                    lock(&self.uart.conversation).note_command();
                    if let Poll::Ready(Err(e)) = sending {
                        return Poll::Ready(Err(e));
                    }
                    match sending {
                        Poll::Pending => RunState::Sending(prompt, sent),
                        Poll::Ready(_) => self.await_answer(prompt, sent)?,
                    }
                }
                RunState::Sending(prompt, sent) => {
                    let (prompt, sent) = (*prompt, *sent);
                    ready!(self.send.poll(cx))?;
                    self.await_answer(prompt, sent)?
                }
                RunState::Answering(wait, sent) => {
                    let (reply, answer, end) = ready!(wait.poll(cx))?;
                    let sent = *sent;
                    return Poll::Ready(self.answered(&reply, &answer, end, sent));
                }
            };
            if let RunState::Sending(..) = self.state {
                return Poll::Pending;
            }
        }
    }
}

impl Run {
    /// Begins to wait for the answer to the command, which has been sent.
    fn await_answer(&self, prompt: Position, sent: Position) -> Result<RunState> {
        let expected = self.command.expected(&self.uart);
        let line = &self.command.line;
        let reply = self
            .command
            .reply(ReplyPurpose::Answer, line, sent.offset, expected);
        let left = self.timeout.saturating_sub(self.send.waited());
        let wait = ReplyWait::new(&self.uart, &self.local, left, prompt, reply)?;
        Ok(RunState::Answering(wait, sent))
    }
}

/// A wait for a reply; a doubtful one is confirmed by [`SETTLE`] without an echo.
struct ReplyWait {
    uart: Arc<UartState>,
    /// The wait's own cursor.
    local: Arc<Mutex<HandleState>>,
    timeout: Duration,
    from: Position,
    stage: Stage,
}

enum Stage {
    /// Waiting for a prompt.
    Reading(Box<Wait<ReplyMatcher>>),
    /// Waiting for an echo behind a doubtful prompt.
    Settling(Box<Wait<QuietMatcher>>),
}

impl ReplyWait {
    fn new(
        uart: &Arc<UartState>,
        local: &Arc<Mutex<HandleState>>,
        timeout: Duration,
        from: Position,
        reply: Result<Reply, PatternError>,
    ) -> Result<Self> {
        let local = Arc::new(Mutex::new(lock(local).starting_at(from)));
        let reply = reply.map_err(UartError::from)?;
        Ok(Self {
            stage: Stage::reading(uart, &local, timeout, from, reply)?,
            uart: Arc::clone(uart),
            local,
            timeout,
            from,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Reply, Answer, Position)>> {
        loop {
            let (mut reply, state) = match &mut self.stage {
                Stage::Reading(wait) => ready!(wait.poll(cx))?,
                Stage::Settling(wait) => ready!(wait.poll(cx))?,
            };
            let at = lock(&self.local).cursor.at;
            let answer = match state {
                ReplyState::Certain(answer) => Some(answer),
                ReplyState::Settled => reply.settle(&self.uart)?,
                ReplyState::Doubtful => {
                    let matcher = QuietMatcher::new(reply);
                    let wait = wait_from(&self.uart, &self.local, SETTLE, at, matcher)?;
                    self.stage = Stage::Settling(Box::new(wait));
                    continue;
                }
            };
            let (uart, local) = (&self.uart, &self.local);
            match answer {
                Some(answer) => {
                    let end = Position {
                        offset: answer.end,
                        ..at
                    };
                    return Poll::Ready(Ok((reply, answer, end)));
                }
                None => self.stage = Stage::reading(uart, local, self.timeout, self.from, reply)?,
            }
        }
    }
}

impl Stage {
    fn reading(
        uart: &Arc<UartState>,
        local: &Arc<Mutex<HandleState>>,
        timeout: Duration,
        from: Position,
        reply: Reply,
    ) -> Result<Self> {
        let wait = wait_from(uart, local, timeout, from, ReplyMatcher::new(reply))?;
        Ok(Self::Reading(Box::new(wait)))
    }
}

/// Creates a wait that begins at `from`.
fn wait_from<S: Matcher>(
    uart: &Arc<UartState>,
    local: &Arc<Mutex<HandleState>>,
    timeout: Duration,
    from: Position,
    matcher: S,
) -> Result<Wait<S>> {
    let mut wait = Wait::new(uart, local, timeout, Ok(matcher));
    wait.begin_at(from)?;
    Ok(wait)
}

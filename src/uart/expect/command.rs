//! Running a command: not before the board is ready for it, and with an answer that is known to be its own.

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
use crate::uart::error::ExpectError;
use crate::uart::pattern::{Pattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::Position;

/// So long, in the board's time, an echo may come after a prompt that looks like the answer's end.
const SETTLE: Duration = Duration::from_millis(500);

/// A command to run, and what its answer is known by.
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

    /// What is known of the board's echo.
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

/// Waits for the prompt that follows what was sent last, or the board's start; then
/// sends the command and waits for its answer.
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
    /// For a prompt; whether it is the first one since the board's start.
    Waiting(ReplyWait, bool),
    /// To be sent behind this prompt.
    Ready(Position),
    /// It is being sent; the prompt before, and the end of the output when that began.
    Sending(Position, Position),
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

    /// The operation, as in a message.
    pub(crate) fn describe(&self) -> String {
        describe(&self.command.line, &self.command.prompt)
    }

    /// What has to come before the command can be sent.
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
                    // A password is not echoed, nor is a line that was lost.
                    Expected::Echo => Expected::Unknown,
                    Expected::NoEcho { .. } if !is_command => any_prompt,
                    // It was given up: more than one prompt may be under way.
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
        let hearing = ReplyWait::new(&self.uart, &self.local, self.timeout, at, reply)?;
        Ok(RunState::Waiting(hearing, is_start))
    }

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
                RunState::Waiting(hearing, is_start) => {
                    let (_, _, end) = ready!(hearing.poll(cx))?;
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
                        Poll::Ready(_) => self.listen(prompt, sent)?,
                    }
                }
                RunState::Sending(prompt, sent) => {
                    let (prompt, sent) = (*prompt, *sent);
                    ready!(self.send.poll(cx))?;
                    self.listen(prompt, sent)?
                }
                RunState::Answering(hearing, sent) => {
                    let (reply, answer, end) = ready!(hearing.poll(cx))?;
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
    /// Waits for the answer to the command, which has been sent.
    fn listen(&self, prompt: Position, sent: Position) -> Result<RunState> {
        let expected = self.command.expected(&self.uart);
        let line = &self.command.line;
        let reply = self
            .command
            .reply(ReplyPurpose::Answer, line, sent.offset, expected);
        let left = self.timeout.saturating_sub(self.send.waited());
        let hearing = ReplyWait::new(&self.uart, &self.local, left, prompt, reply)?;
        Ok(RunState::Answering(hearing, sent))
    }
}

/// Waiting for a reply, and longer for one that is doubtful.
struct ReplyWait {
    uart: Arc<UartState>,
    /// A cursor of its own.
    local: Arc<Mutex<HandleState>>,
    timeout: Duration,
    from: Position,
    stage: Stage,
}

enum Stage {
    Listening(Box<Wait<ReplyMatcher>>),
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
        let reply = reply.map_err(ExpectError::from)?;
        Ok(Self {
            stage: Stage::listening(uart, &local, timeout, from, reply)?,
            uart: Arc::clone(uart),
            local,
            timeout,
            from,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Reply, Answer, Position)>> {
        loop {
            let (mut reply, verdict) = match &mut self.stage {
                Stage::Listening(wait) => ready!(wait.poll(cx))?,
                Stage::Settling(wait) => ready!(wait.poll(cx))?,
            };
            let at = lock(&self.local).cursor.at;
            let answer = match verdict {
                ReplyState::Certain(answer) => Some(answer),
                ReplyState::Settled => reply.settle(&self.uart)?,
                ReplyState::Doubtful => {
                    let search = QuietMatcher::new(reply);
                    let wait = begun(&self.uart, &self.local, SETTLE, at, search)?;
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
                None => self.stage = Stage::listening(uart, local, self.timeout, self.from, reply)?,
            }
        }
    }
}

impl Stage {
    fn listening(
        uart: &Arc<UartState>,
        local: &Arc<Mutex<HandleState>>,
        timeout: Duration,
        from: Position,
        reply: Reply,
    ) -> Result<Self> {
        let wait = begun(uart, local, timeout, from, ReplyMatcher::new(reply))?;
        Ok(Self::Listening(Box::new(wait)))
    }
}

fn begun<S: Matcher>(
    uart: &Arc<UartState>,
    local: &Arc<Mutex<HandleState>>,
    timeout: Duration,
    from: Position,
    search: S,
) -> Result<Wait<S>> {
    let mut wait = Wait::new(uart, local, timeout, Ok(search));
    wait.begin_at(from)?;
    Ok(wait)
}

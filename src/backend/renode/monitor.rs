//! A client of Renode's monitor over any pair of byte streams.
//!
//! Commands are written as they come, without waiting for the answers to
//! earlier ones; Renode does them in their order. Everything that Renode says is
//! read at once, so that it is never held up.
//!
//! A command that takes too long cannot be interrupted. It keeps its place: its
//! late answer is its own and is discarded, and later commands wait for it. When
//! one of those runs out of time as well, its error names the command that
//! Renode is still busy with.
//!
//! Knows nothing of processes, boards or what commands there are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use super::command::Command;
use super::dialogue::{Answer, Dialogue, Refusal, Turn, Verdict};
use super::last_words::LastWords;
use crate::backend::OutputTail;

/// Why there is no answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MonitorError {
    /// Renode answered, and did not do it.
    Refused(Refusal),
    /// The time is over.
    Late {
        /// The earlier command that Renode is still busy with, if it is not this one.
        busy_with: Option<String>,
    },
    /// Renode hung up.
    Closed,
}

/// The way to one Renode; clones share it. Renode's input ends with the last one.
#[derive(Debug, Clone)]
pub(super) struct Monitor {
    shared: Arc<Shared>,
    to_renode: mpsc::UnboundedSender<String>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Commands and answers, for the report.
    written_down: OutputTail,
}

#[derive(Debug, Default)]
struct State {
    dialogue: Dialogue,
    /// The commands without an answer, and who waits for it.
    waiting: std::collections::VecDeque<Waiting>,
    /// No answer can come any more.
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    command: String,
    answer: oneshot::Sender<Verdict>,
}

/// What Renode says of itself, to come with its first prompt.
pub(super) type Greeting = oneshot::Receiver<String>;

/// The answer to a command, to come.
#[derive(Debug)]
pub(super) struct Reply {
    number: u64,
    answer: oneshot::Receiver<Verdict>,
    shared: Arc<Shared>,
}

impl Monitor {
    /// A client, Renode's greeting, and the task that reads to the end of `from_renode`.
    ///
    /// Must be called on the I/O thread.
    pub(super) fn new(
        from_renode: impl AsyncRead + Unpin + Send + 'static,
        to_renode: impl AsyncWrite + Unpin + Send + 'static,
        last_words: LastWords,
        written_down: OutputTail,
    ) -> (Self, Greeting, impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            written_down,
        });
        let (greeted, greeting) = oneshot::channel();
        let (sender, lines) = mpsc::unbounded_channel();
        tokio::spawn(write(to_renode, lines));
        let reading = read(from_renode, Arc::clone(&shared), greeted, last_words);
        let monitor = Self {
            shared,
            to_renode: sender,
        };
        (monitor, greeting, reading)
    }

    /// Sends `command`, whether or not earlier ones have been answered.
    pub(super) fn send(&self, command: &Command) -> Reply {
        let (sender, answer) = oneshot::channel();
        let mut state = self.shared.lock();
        let line = state.dialogue.send(command.as_str());
        let number = state.dialogue.sent();
        self.shared.write_down(number, "<", command.as_str());
        if !state.closed {
            state.waiting.push_back(Waiting {
                number,
                command: command.as_str().to_owned(),
                answer: sender,
            });
            // Fails only when Renode's input is closed, of which the reader tells.
            let _ = self.to_renode.send(line);
        }
        Reply {
            number,
            answer,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Reply {
    /// Waits for it, at most `limit` from now.
    pub(super) async fn within(self, limit: Duration) -> Result<Answer, MonitorError> {
        match tokio::time::timeout(limit, self.answer).await {
            Ok(Ok(verdict)) => verdict.map_err(MonitorError::Refused),
            Ok(Err(_)) => Err(MonitorError::Closed),
            Err(_) => {
                let state = self.shared.lock();
                let first = state.waiting.front();
                let earlier = first.filter(|first| first.number < self.number);
                Err(MonitorError::Late {
                    busy_with: earlier.map(|earlier| earlier.command.clone()),
                })
            }
        }
    }
}

impl Shared {
    /// Notes a command or its answer, by the command's number: answers may come much later.
    fn write_down(&self, number: u64, direction: &str, text: &str) {
        let entry = format!("{number:3} {direction} {}\n", text.trim_end());
        self.written_down.push(entry.as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(mut to_renode: impl AsyncWrite + Unpin, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        if to_renode.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
}

async fn read(
    mut from_renode: impl AsyncRead + Unpin,
    shared: Arc<Shared>,
    greeted: oneshot::Sender<String>,
    mut last_words: LastWords,
) {
    let mut greeted = Some(greeted);
    let mut buffer = [0; 4096];
    // An error is an end as well: nothing more can come.
    while let Ok(n @ 1..) = from_renode.read(&mut buffer).await {
        last_words.push(&buffer[..n]);
        let mut state = shared.lock();
        for &byte in &buffer[..n] {
            match state.dialogue.push(byte) {
                None => {}
                Some(Turn::Ready(banner)) => {
                    if let Some(greeted) = greeted.take() {
                        let _ = greeted.send(banner);
                    }
                }
                Some(Turn::Settled(verdict)) => {
                    if let Some(waiting) = state.waiting.pop_front() {
                        let answer = match &verdict {
                            Ok(answer) => answer.to_string(),
                            Err(refusal) => format!("{refusal:?}"),
                        };
                        shared.write_down(waiting.number, ">", &answer);
                        settle(waiting, verdict);
                    }
                }
                Some(Turn::Stray(line)) => {
                    shared
                        .written_down
                        .push(format!("   - {}\n", line.text).as_bytes());
                    tracing::warn!("Renode says: {}", line.text);
                }
            }
        }
    }
    let mut state = shared.lock();
    state.closed = true;
    state.waiting.clear();
}

fn settle(waiting: Waiting, verdict: Verdict) {
    let command = &waiting.command;
    if let Ok(answer) = &verdict {
        for warning in &answer.warnings {
            tracing::warn!("Renode did `{command}`, but says: {warning}");
        }
    }
    if waiting.answer.send(verdict).is_err() {
        tracing::debug!("the answer to `{command}` came too late or was not waited for");
    }
}

//! A client of Renode's monitor over any pair of byte streams.
//!
//! A [`Monitor`] writes commands without waiting for the answers to earlier ones; Renode runs
//! them in their order. All output is read at once, so Renode never blocks.
//!
//! A command that takes too long cannot be interrupted. It keeps its place: later commands
//! wait for its late answer, which is discarded. If a later command times out as well, its
//! error names the command that Renode is still busy with.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use super::command::MonitorCommand;
use super::console_parser::LONGEST_LINE;
use super::output_filter::OutputFilter;
use super::protocol::{Answer, CommandOutcome, Event, NO_DOWNLOAD, Protocol, Refusal};
use crate::backend::OutputTail;
use crate::notice::{PATIENCE, aloud};
use crate::sync::lock;

/// The reason why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MonitorError {
    /// Renode answered that it failed.
    Refused(Refusal),
    /// The time limit has passed.
    Late {
        /// The earlier command that Renode is still busy with; none if that is this command.
        busy_with: Option<String>,
    },
    /// Renode closed its output.
    Closed,
}

/// A client of one Renode; clones share the connection. Renode's input ends when the last
/// clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Monitor {
    shared: Arc<Shared>,
    to_renode: mpsc::UnboundedSender<String>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Commands and answers, for `monitor.log`.
    monitor_log: OutputTail,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    /// Set once the first prompt has arrived.
    ready: bool,
    /// The commands without an answer.
    waiting: VecDeque<Waiting>,
    /// The replies to commands that another process has sent, until this one asks for them.
    sent_before: VecDeque<SentBefore>,
    /// Set once no more answers can arrive.
    closed: bool,
    /// The output that Renode does not print, once such output has ended the dialogue.
    nonsense: Option<String>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    command: String,
    /// Set if `monitor.log` contains the command.
    noted: bool,
    answer: oneshot::Sender<CommandOutcome>,
}

#[derive(Debug)]
struct SentBefore {
    number: u64,
    command: String,
    answer: oneshot::Receiver<CommandOutcome>,
}

/// A future of Renode's banner, which ends with its first prompt.
pub(crate) type Greeting = oneshot::Receiver<String>;

/// The future answer to a command.
#[derive(Debug)]
pub(crate) struct Reply {
    number: u64,
    answer: oneshot::Receiver<CommandOutcome>,
    shared: Arc<Shared>,
}

impl Monitor {
    /// Returns a client, Renode's greeting, and the future that reads Renode's output to its
    /// end. `streams`, from and to Renode, may resolve late, or never.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn new<R, W>(
        protocol: Protocol,
        streams: impl Future<Output = Option<(R, W)>> + Send + 'static,
        filter: OutputFilter,
        monitor_log: OutputTail,
    ) -> (Self, Greeting, impl Future<Output = ()> + Send + 'static)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let state = State::of(protocol);
        for sent in &state.sent_before {
            log(&monitor_log, sent.number, "<", &sent.command);
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            monitor_log,
        });
        let (greeted, greeting) = oneshot::channel();
        let (sender, lines) = mpsc::unbounded_channel();
        let reader = CloseOnDrop(Arc::clone(&shared));
        let reading = async move {
            if let Some((from_renode, to_renode)) = streams.await {
                tokio::spawn(write(to_renode, lines));
                read(from_renode, &reader.0, greeted, filter).await;
            }
        };
        let monitor = Self {
            shared,
            to_renode: sender,
        };
        (monitor, greeting, reading)
    }

    /// Returns the output that Renode does not print, if such output has ended the dialogue.
    pub(crate) fn nonsense(&self) -> Option<String> {
        self.shared.lock().nonsense.clone()
    }

    /// Returns the oldest command without an answer.
    pub(crate) fn busy_with(&self) -> Option<String> {
        let state = self.shared.lock();
        state.waiting.front().map(|first| first.command.clone())
    }

    /// Returns true once the first prompt has arrived.
    pub(crate) fn is_ready(&self) -> bool {
        self.shared.lock().ready
    }

    /// Sends `command`, whether or not earlier ones have been answered. If another process has sent
    /// it for this one, its answer is that of the command that was sent.
    pub(crate) fn send(&self, command: &MonitorCommand) -> Reply {
        let mut state = self.shared.lock();
        let first = state.sent_before.front();
        if first.is_some_and(|first| first.command == command.as_str())
            && let Some(sent) = state.sent_before.pop_front()
        {
            return self.reply(sent.number, sent.answer);
        }
        let (sender, answer) = oneshot::channel();
        let line = state.protocol.send(command.as_str());
        let number = state.protocol.sent();
        // The clock is read so often that it would displace everything else in the log.
        let noted = *command != MonitorCommand::elapsed_time();
        if noted {
            self.shared.log(number, "<", command.as_str());
        }
        if !state.closed {
            state.waiting.push_back(Waiting {
                number,
                command: command.as_str().to_owned(),
                noted,
                answer: sender,
            });
            // Fails only when Renode's input is closed, which the reader reports.
            let _ = self.to_renode.send(line);
        }
        self.reply(number, answer)
    }

    /// Returns the replies to commands of another process that this one has not asked for.
    pub(crate) fn sent_before(&self) -> Vec<Reply> {
        let sent = std::mem::take(&mut self.shared.lock().sent_before);
        let sent = sent.into_iter();
        sent.map(|it| self.reply(it.number, it.answer)).collect()
    }

    fn reply(&self, number: u64, answer: oneshot::Receiver<CommandOutcome>) -> Reply {
        Reply {
            number,
            answer,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Reply {
    /// Waits for the answer, at most `limit` from now.
    pub(crate) async fn within(self, limit: Duration) -> Result<Answer, MonitorError> {
        let shared = Arc::clone(&self.shared);
        let slow = || match shared.lock().waiting.front() {
            Some(first) => format!(
                "Renode has not done `{}` within {PATIENCE:?}",
                first.command
            ),
            None => format!("Renode has not answered within {PATIENCE:?}"),
        };
        match tokio::time::timeout(limit, aloud(self.answer, PATIENCE, slow)).await {
            Ok(Ok(outcome)) => outcome.map_err(MonitorError::Refused),
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
    /// Logs a command or its answer, with the command's number: answers may arrive much later.
    fn log(&self, number: u64, direction: &str, text: &str) {
        log(&self.monitor_log, number, direction, text);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn log(monitor_log: &OutputTail, number: u64, direction: &str, text: &str) {
    let entry = format!("{number:3} {direction} {}\n", text.trim_end());
    monitor_log.push(entry.as_bytes());
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
    shared: &Shared,
    greeted: oneshot::Sender<String>,
    mut filter: OutputFilter,
) {
    let mut greeted = Some(greeted);
    let mut buffer = [0; 4096];
    // An error ends the stream as well.
    while let Ok(n @ 1..) = from_renode.read(&mut buffer).await {
        let mut state = shared.lock();
        for &byte in &buffer[..n] {
            filter.push(&[byte]);
            match state.protocol.push(byte) {
                None => {}
                Some(Event::Ready(banner)) => {
                    state.ready = true;
                    filter.answered();
                    if let Some(greeted) = greeted.take() {
                        let _ = greeted.send(banner);
                    }
                }
                // Renode's own messages are what follows the echo.
                Some(Event::Started) => filter.answered(),
                Some(Event::Completed(outcome)) => {
                    filter.answered();
                    if let Some(waiting) = state.waiting.pop_front() {
                        if waiting.noted {
                            let answer = match &outcome {
                                Ok(answer) => answer.to_string(),
                                Err(refusal) => format!("{refusal:?}"),
                            };
                            shared.log(waiting.number, ">", &answer);
                        }
                        settle(waiting, outcome);
                    }
                }
                Some(Event::Unsolicited(line)) => {
                    filter.unsolicited();
                    shared
                        .monitor_log
                        .push(format!("   - {}\n", line.text).as_bytes());
                    tracing::warn!("Renode says: {}", line.text);
                }
                Some(Event::Overlong) => {
                    state.nonsense = Some(format!("a line of more than {LONGEST_LINE} bytes"));
                    state.close();
                    greeted = None;
                }
            }
        }
    }
    // An echo belongs to an answer, even if Renode exits in the middle of the echo.
    if shared.lock().protocol.ends_in_echo() {
        filter.discard_line();
    }
}

/// Ends all waits once nothing reads Renode's output any more.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.lock().close();
    }
}

impl State {
    fn of(protocol: Protocol) -> Self {
        let (mut waiting, mut sent_before) = (VecDeque::new(), VecDeque::new());
        for (number, command) in (1..).zip(protocol.unanswered()) {
            let command = command.to_owned();
            let (sender, answer) = oneshot::channel();
            waiting.push_back(Waiting {
                number,
                command: command.clone(),
                noted: true,
                answer: sender,
            });
            sent_before.push_back(SentBefore {
                number,
                command,
                answer,
            });
        }
        Self {
            ready: protocol.is_ready(),
            protocol,
            waiting,
            sent_before,
            closed: false,
            nonsense: None,
        }
    }

    /// Ends all waits: there will be no answer.
    fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }
}

fn settle(waiting: Waiting, outcome: CommandOutcome) {
    let command = &waiting.command;
    if let Ok(answer) = &outcome {
        for warning in &answer.warnings {
            if warning.starts_with(NO_DOWNLOAD) {
                // Usually it fails at each boot.
                static WARNED: Once = Once::new();
                WARNED.call_once(|| tracing::warn!("Renode goes on without a file: {warning}"));
                continue;
            }
            tracing::warn!("Renode did `{command}`, but says: {warning}");
        }
    }
    if waiting.answer.send(outcome).is_err() {
        tracing::debug!("the answer to `{command}` came too late or was not waited for");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, ReadHalf, WriteHalf};

    use super::*;
    use crate::backend::OutputTail;
    use crate::backend::renode::monitor::unanswered::Unanswered;

    const LIMIT: Duration = Duration::from_secs(30);

    /// A Renode that the test simulates.
    struct FakeRenode {
        commands: BufReader<ReadHalf<DuplexStream>>,
        output: WriteHalf<DuplexStream>,
    }

    impl FakeRenode {
        async fn print(&mut self, text: &str) {
            self.output.write_all(text.as_bytes()).await.unwrap();
        }

        /// Receives the next command, with its line end as the console echoes it.
        async fn receive(&mut self) -> String {
            let mut line = String::new();
            self.commands.read_line(&mut line).await.unwrap();
            line + "\r"
        }
    }

    fn fake_renode() -> (Monitor, Greeting, FakeRenode) {
        fake_renode_from(Protocol::default())
    }

    fn fake_renode_from(protocol: Protocol) -> (Monitor, Greeting, FakeRenode) {
        fake_renode_into(protocol, OutputTail::default())
    }

    fn fake_renode_into(protocol: Protocol, output: OutputTail) -> (Monitor, Greeting, FakeRenode) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (from_renode, to_renode) = tokio::io::split(ours);
        let filter = OutputFilter::new(output).with_answers();
        let streams = std::future::ready(Some((from_renode, to_renode)));
        let log = OutputTail::default();
        let (monitor, greeting, reading) = Monitor::new(protocol, streams, filter, log);
        tokio::spawn(reading);
        let (commands, output) = tokio::io::split(theirs);
        let commands = BufReader::new(commands);
        (monitor, greeting, FakeRenode { commands, output })
    }

    fn command(text: &str) -> MonitorCommand {
        MonitorCommand::users(text).unwrap()
    }

    fn nonce(echo: &str) -> &str {
        echo.rsplit('"').nth(1).unwrap()
    }

    const PROMPT: &str = "\x1b[33;1m(m) \x1b[0m";

    #[tokio::test]
    async fn a_late_answer_does_not_answer_the_next_command() {
        let (monitor, greeting, mut renode) = fake_renode();
        renode
            .print(&format!("Renode, version 1\n\r{PROMPT}"))
            .await;
        assert_eq!(greeting.await.unwrap(), "Renode, version 1\n");

        let slow = monitor.send(&command("slow"));
        assert_eq!(
            slow.within(Duration::ZERO).await,
            Err(MonitorError::Late { busy_with: None })
        );
        let blocked = monitor.send(&command("blocked"));
        assert_eq!(
            blocked.within(Duration::ZERO).await,
            Err(MonitorError::Late {
                busy_with: Some("slow".into())
            })
        );
        let last = monitor.send(&command("last"));
        for text in ["one", "two", "three"] {
            let echo = renode.receive().await;
            let nonce = nonce(&echo);
            renode
                .print(&format!("{echo}{text}\r\n{nonce}\r\r\n{PROMPT}"))
                .await;
        }
        assert_eq!(last.within(LIMIT).await.unwrap().text, "three");
    }

    #[tokio::test]
    async fn an_echo_of_something_else_is_not_an_answer() {
        let (monitor, _greeting, mut renode) = fake_renode();
        renode.print(PROMPT).await;
        let reply = monitor.send(&command("echo \"x\""));
        let echo = renode.receive().await;
        let nonce = nonce(&echo);
        renode.print(&format!("echo \"\"\n\r{nonce}\r\n")).await;
        renode.print(PROMPT).await;
        let garbled = Refusal::Garbled(nonce.into());
        assert_eq!(
            reply.within(LIMIT).await,
            Err(MonitorError::Refused(garbled))
        );
    }

    #[tokio::test]
    async fn an_unsolicited_message_is_not_an_answer() {
        let (monitor, _greeting, mut renode) = fake_renode();
        renode
            .print(&format!("{PROMPT}\x1b[;031mreset failed\r\n\x1b[0m half"))
            .await;
        let reply = monitor.send(&command("a"));
        let echo = renode.receive().await;
        renode
            .print(&format!("{echo}{}\r\r\n{PROMPT}", nonce(&echo)))
            .await;
        assert_eq!(reply.within(LIMIT).await, Ok(Answer::default()));
    }

    #[tokio::test]
    async fn an_endless_line_closes_the_monitor() {
        let (monitor, greeting, mut renode) = fake_renode();
        let reply = monitor.send(&command("a"));
        renode.print(&"x".repeat(3 << 20)).await;
        assert_eq!(reply.within(LIMIT).await, Err(MonitorError::Closed));
        assert!(greeting.await.is_err());
        let nonsense = monitor.nonsense().unwrap();
        assert_eq!(nonsense, "a line of more than 1048576 bytes");
    }

    #[tokio::test]
    async fn output_for_an_earlier_client_is_not_an_answer() {
        let (monitor, greeting, mut renode) = fake_renode_from(Protocol::joined());
        let reply = monitor.send(&command("a"));
        let echo = renode.receive().await;
        let earlier = format!("GET /\n\r\x1b[;031mNo such command: GET\r\n\x1b[0m{PROMPT}");
        renode.print(&earlier.repeat(2)).await;
        renode
            .print(&format!("{echo}{}\r\r\n{PROMPT}", nonce(&echo)))
            .await;
        assert_eq!(reply.within(LIMIT).await, Ok(Answer::default()));
        assert!(!greeting.await.unwrap().contains("version"));
    }

    #[tokio::test]
    async fn a_command_that_another_process_has_sent_is_not_sent_again() {
        let (sent, lines) = Unanswered::new(&[command("first"), command("second")]);
        let (monitor, _greeting, mut renode) = fake_renode_from(sent.protocol().resumed());
        // What the other process has left unread of its own answers.
        let mut output = format!("\x1b[0m\r\nold\r\n{PROMPT}");
        for line in lines.lines() {
            output += &format!(
                "{line}\n\r{} done\r\n{}\r\r\n{PROMPT}",
                &line[..5],
                nonce(line)
            );
        }
        for cut in 0..=output.len() {
            let is_last = output[..cut].contains(&format!("{}\r", nonce(&lines)));
            assert_eq!(
                sent.are_answered(&output.as_bytes()[..cut]),
                is_last,
                "{cut}"
            );
        }
        let first = monitor.send(&command("first"));
        let second = monitor.send(&command("second"));
        let third = monitor.send(&command("second"));
        assert_eq!(monitor.busy_with(), Some("first".into()));
        renode.print(&output).await;
        assert_eq!(first.within(LIMIT).await.unwrap().text, "first done");
        assert_eq!(second.within(LIMIT).await.unwrap().text, "secon done");
        let echo = renode.receive().await;
        assert!(echo.starts_with("second; echo"), "{echo}");
        renode
            .print(&format!("{echo}{}\r\r\n{PROMPT}", nonce(&echo)))
            .await;
        assert_eq!(third.within(LIMIT).await, Ok(Answer::default()));
    }

    #[tokio::test]
    async fn another_command_than_the_one_that_was_sent_waits_for_its_own_answer() {
        let (sent, lines) = Unanswered::new(&[command("first")]);
        let (monitor, greeting, mut renode) = fake_renode_from(sent.protocol());
        let other = monitor.send(&command("other"));
        let echo = renode.receive().await;
        assert!(echo.starts_with("other; echo"), "{echo}");
        renode.print(&format!("banner\n\r{PROMPT}")).await;
        assert_eq!(greeting.await.unwrap(), "banner\n");
        for line in [lines.trim_end(), echo.trim_end()] {
            renode
                .print(&format!("{line}\n\r{}\r\r\n{PROMPT}", nonce(line)))
                .await;
        }
        assert_eq!(other.within(LIMIT).await, Ok(Answer::default()));
    }

    #[tokio::test]
    async fn a_cut_echo_is_not_output_of_renode() {
        for (cut, own) in [
            ("wh", ""),
            ("", ""),
            ("wh\r\nreally", "wh\nreally\n"),
            ("no", "no\n"),
        ] {
            let output = OutputTail::default();
            let (monitor, _greeting, mut renode) =
                fake_renode_into(Protocol::default(), output.clone());
            renode.print(PROMPT).await;
            let reply = monitor.send(&command("whoami"));
            renode.receive().await;
            renode.print(cut).await;
            drop(renode);
            assert_eq!(reply.within(LIMIT).await, Err(MonitorError::Closed));
            assert_eq!(output.text(), own, "{cut:?}");
        }
    }

    #[tokio::test]
    async fn the_end_of_the_reading_fails_every_command() {
        let (ours, _theirs) = tokio::io::duplex(1 << 16);
        let streams = std::future::ready(Some(tokio::io::split(ours)));
        let filter = OutputFilter::new(OutputTail::default());
        let log = OutputTail::default();
        let (monitor, _greeting, reading) = Monitor::new(Protocol::default(), streams, filter, log);
        let reply = monitor.send(&command("a"));
        drop(reading);
        assert_eq!(reply.within(LIMIT).await, Err(MonitorError::Closed));
        let later = monitor.send(&command("b"));
        assert_eq!(later.within(LIMIT).await, Err(MonitorError::Closed));
    }

    #[tokio::test]
    async fn the_end_of_renode_fails_every_command() {
        let (monitor, greeting, renode) = fake_renode();
        let reply = monitor.send(&command("a"));
        drop(renode);
        assert_eq!(reply.within(LIMIT).await, Err(MonitorError::Closed));
        assert!(greeting.await.is_err());
        let later = monitor.send(&command("b"));
        assert_eq!(later.within(LIMIT).await, Err(MonitorError::Closed));
    }
}

//! [`Qmp`]: a client of QMP, QEMU's control protocol, with one JSON object per line.
//!
//! Each command has an id, by which its [`Reply`] is found. A reader task reads all input, also
//! the events, so QEMU never blocks on a write.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::oneshot;

use crate::sync::lock;

/// The length limit of a line, in bytes. The lines that QEMU sends are far shorter.
const LONGEST_LINE: usize = 1 << 20;

/// The reason why there is no reply.
#[derive(Debug)]
pub(super) enum QmpError {
    /// QEMU refused the command.
    Refused(String),
    /// The connection ended.
    Closed,
    /// The input is not QMP.
    Garbage(String),
}

/// The version of QEMU in its greeting.
pub(super) type Version = String;

/// One connection to a QEMU.
pub(super) struct Qmp<W> {
    to_qemu: W,
    next: u64,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    greeting: Option<oneshot::Sender<Version>>,
    waiting: HashMap<u64, oneshot::Sender<Result<Value, String>>>,
    /// The end of the connection, once it has ended. No reply arrives after it.
    end: Option<End>,
}

#[derive(Clone)]
enum End {
    Closed,
    Garbage(String),
}

/// Any message from QEMU: a greeting, a reply or an event.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "QMP")]
    greeting: Option<Greeting>,
    id: Option<u64>,
    #[serde(rename = "return", default)]
    value: Value,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Greeting {
    version: GreetingVersion,
}

#[derive(Deserialize)]
struct GreetingVersion {
    qemu: Triple,
}

#[derive(Deserialize)]
struct Triple {
    major: u32,
    minor: u32,
    micro: u32,
}

#[derive(Deserialize)]
struct Refusal {
    desc: String,
}

/// The reply to a command that has been sent.
pub(super) struct Reply {
    receiver: oneshot::Receiver<Result<Value, String>>,
    inbox: Arc<Inbox>,
}

impl<W: AsyncWrite + Unpin> Qmp<W> {
    /// Returns a client and the receiver of its greeting. Must be called on the I/O thread.
    pub(super) fn new(
        from_qemu: impl AsyncRead + Unpin + Send + 'static,
        to_qemu: W,
    ) -> (Self, oneshot::Receiver<Version>) {
        let (sender, greeting) = oneshot::channel();
        let inbox = Arc::new(Inbox::default());
        inbox.lock().greeting = Some(sender);
        tokio::spawn(read(from_qemu, Arc::clone(&inbox)));
        let client = Self {
            to_qemu,
            next: 0,
            inbox,
        };
        (client, greeting)
    }

    /// Sends `command`. QEMU runs commands in their order, so the next one may be sent before this
    /// one's reply has arrived.
    pub(super) async fn send(&mut self, command: &str) -> Reply {
        self.send_with(command, json!({})).await
    }

    /// Sends `command` with arguments; see [`send`](Self::send).
    pub(super) async fn send_with(&mut self, command: &str, arguments: Value) -> Reply {
        let (line, reply) = self.message(command, &arguments);
        // A failed write means a closed connection, which the reader reports.
        let _ = self.to_qemu.write_all(line.as_bytes()).await;
        reply
    }

    /// Returns the next message, and its reply.
    fn message(&mut self, command: &str, arguments: &Value) -> (String, Reply) {
        self.next += 1;
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.inbox.lock();
            if state.end.is_none() {
                state.waiting.insert(self.next, sender);
            }
        }
        let message = json!({ "execute": command, "arguments": arguments, "id": self.next });
        let reply = Reply {
            receiver,
            inbox: Arc::clone(&self.inbox),
        };
        (message.to_string() + "\n", reply)
    }
}

impl Qmp<OwnedWriteHalf> {
    /// Passes a descriptor to QEMU, which has it by `name` then.
    pub(super) async fn send_descriptor(
        &mut self,
        name: &str,
        descriptor: &impl AsRawFd,
    ) -> io::Result<Reply> {
        let (line, reply) = self.message("getfd", &json!({ "fdname": name }));
        let socket = self.to_qemu.as_ref();
        let passed = [descriptor.as_raw_fd()];
        let send = || {
            let bytes = [IoSlice::new(line.as_bytes())];
            let rights = [ControlMessage::ScmRights(&passed)];
            let flags = MsgFlags::empty();
            sendmsg::<()>(socket.as_raw_fd(), &bytes, &rights, flags, None).map_err(io::Error::from)
        };
        let sent = socket.async_io(Interest::WRITABLE, send).await?;
        // The descriptor goes with the first byte.
        self.to_qemu.write_all(&line.as_bytes()[sent..]).await?;
        Ok(reply)
    }
}

impl Reply {
    /// Waits for the reply and returns its value.
    pub(super) async fn received(self) -> Result<Value, QmpError> {
        match self.receiver.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(reason)) => Err(QmpError::Refused(reason)),
            Err(_) => Err(match self.inbox.lock().end.clone() {
                Some(End::Garbage(line)) => QmpError::Garbage(line),
                _ => QmpError::Closed,
            }),
        }
    }
}

async fn read(from_qemu: impl AsyncRead + Unpin, inbox: Arc<Inbox>) {
    let mut from_qemu = BufReader::new(from_qemu);
    let mut line = Vec::new();
    let end = loop {
        line.clear();
        let most = LONGEST_LINE as u64 + 1;
        match (&mut from_qemu)
            .take(most)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(1..) => {}
            _ => break End::Closed,
        }
        if line.len() > LONGEST_LINE {
            break End::Garbage(format!("a line of more than {LONGEST_LINE} bytes"));
        }
        match serde_json::from_slice::<Message>(&line) {
            Ok(message) => inbox.take(message),
            Err(_) => break End::Garbage(shown(&line)),
        }
    };
    let mut state = inbox.lock();
    state.end = Some(end);
    state.waiting.clear();
    state.greeting = None;
}

/// Returns the beginning of a line that is not a message.
fn shown(line: &[u8]) -> String {
    const SHOWN: usize = 200;
    let more = if line.len() > SHOWN { "…" } else { "" };
    let line = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
    format!("{}{more}", line.trim_end())
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn take(&self, message: Message) {
        let mut state = self.lock();
        if let Some(greeting) = message.greeting
            && let Some(sender) = state.greeting.take()
        {
            let Triple {
                major,
                minor,
                micro,
            } = greeting.version.qemu;
            let _ = sender.send(format!("{major}.{minor}.{micro}"));
        }
        if let Some(id) = message.id
            && let Some(sender) = state.waiting.remove(&id)
        {
            let _ = sender.send(
                message
                    .error
                    .map_or(Ok(message.value), |refusal| Err(refusal.desc)),
            );
        }
    }
}

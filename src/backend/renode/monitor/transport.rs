//! The connection to the monitor: Renode's console, or TCP.
//!
//! A [`Link`] has the client of the monitor, and a future that reads Renode's output.

use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::client::{Greeting, Monitor};
use super::output_filter::OutputFilter;
use super::protocol::Protocol;
use super::tcp;
use super::telnet::WithoutCommands;
use crate::backend::{BoxFuture, OutputTail};

/// The start of a Renode: its greeting, and over TCP the connection that precedes it.
pub(crate) struct Arrival {
    pub(crate) greeting: Greeting,
    pub(crate) joining: Option<Joining>,
}

/// A connection that can be made once Renode listens.
pub(crate) struct Joining {
    pub(crate) port: u16,
    pub(crate) log: tcp::Log,
    pub(crate) stream: oneshot::Sender<TcpStream>,
}

/// The connection to a Renode that starts.
pub(crate) struct Link {
    pub(crate) monitor: Monitor,
    pub(crate) arrival: Arrival,
    /// The output of the monitor.
    pub(crate) monitor_output: OutputTail,
    /// The future that reads all output to its end.
    pub(crate) reading: BoxFuture<'static, ()>,
}

impl Link {
    /// Connects to the monitor on Renode's own output and input; the log is in a file. `protocol`
    /// is the state of the dialogue.
    pub(crate) fn over_console(
        protocol: Protocol,
        from_renode: pipe::Receiver,
        to_renode: pipe::Sender,
        output: &OutputTail,
        monitor_log: OutputTail,
    ) -> Self {
        // No command is written before the process has passed its gate.
        let streams = std::future::ready(Some((from_renode, to_renode)));
        let filter = OutputFilter::new(output.clone()).with_answers();
        let (monitor, greeting, reading) = Monitor::new(protocol, streams, filter, monitor_log);
        Self {
            monitor,
            arrival: Arrival {
                greeting,
                joining: None,
            },
            monitor_output: output.clone(),
            reading: Box::pin(reading),
        }
    }

    /// Prepares the monitor over TCP; the log is on Renode's own output.
    pub(crate) fn over_tcp(
        port: u16,
        log: pipe::Receiver,
        output: &OutputTail,
        monitor_log: OutputTail,
    ) -> Self {
        let (sender, stream) = oneshot::channel::<TcpStream>();
        let streams = async {
            let (from_renode, to_renode) = stream.await.ok()?.into_split();
            Some((WithoutCommands::new(from_renode), to_renode))
        };
        let monitor_output = OutputTail::default();
        let filter = OutputFilter::new(monitor_output.clone()).with_answers();
        let (monitor, greeting, reading) =
            Monitor::new(Protocol::joined(), streams, filter, monitor_log);
        let (lines, log_lines) = mpsc::unbounded_channel();
        let log = OutputFilter::new(output.clone())
            .forward_to(lines)
            .drain(log);
        let joining = Joining {
            port,
            log: tcp::Log(log_lines),
            stream: sender,
        };
        Self {
            monitor,
            arrival: Arrival {
                greeting,
                joining: Some(joining),
            },
            monitor_output,
            reading: Box::pin(async {
                tokio::join!(reading, log);
            }),
        }
    }
}

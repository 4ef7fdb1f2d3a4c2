//! The connection to the monitor: Renode's console, or TCP.
//!
//! A [`Link`] has the client of the monitor, and a task that reads all other output of
//! Renode.

use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::client::{Greeting, Monitor};
use super::output_filter::OutputFilter;
use super::protocol::Protocol;
use super::tcp;
use super::telnet::WithoutCommands;
use crate::backend::{BoxFuture, OutputTail};

/// The start of a Renode: its greeting, and over TCP, before that, the connection.
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
    pub(crate) said: OutputTail,
    /// The task that reads all output to its end.
    pub(crate) reading: BoxFuture<'static, ()>,
}

impl Link {
    /// The monitor on Renode's own output and input, the log in a file.
    pub(crate) fn over_console(
        from_renode: pipe::Receiver,
        to_renode: pipe::Sender,
        output: &OutputTail,
        monitor_log: OutputTail,
    ) -> Self {
        // Nothing is written before the process has passed its gate.
        let streams = std::future::ready(Some((from_renode, to_renode)));
        let filter = OutputFilter::new(output.clone()).with_answers();
        let (monitor, greeting, reading) =
            Monitor::new(Protocol::default(), streams, filter, monitor_log);
        Self {
            monitor,
            arrival: Arrival {
                greeting,
                joining: None,
            },
            said: output.clone(),
            reading: Box::pin(reading),
        }
    }

    /// The monitor over TCP, the log on Renode's own output.
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
        let said = OutputTail::default();
        let filter = OutputFilter::new(said.clone()).with_answers();
        let (monitor, greeting, reading) =
            Monitor::new(Protocol::joined(), streams, filter, monitor_log);
        let (lines, heard) = mpsc::unbounded_channel();
        let log = OutputFilter::new(output.clone())
            .forward_to(lines)
            .drain(log);
        let joining = Joining {
            port,
            log: tcp::Log(heard),
            stream: sender,
        };
        Self {
            monitor,
            arrival: Arrival {
                greeting,
                joining: Some(joining),
            },
            said,
            reading: Box::pin(async {
                tokio::join!(reading, log);
            }),
        }
    }
}

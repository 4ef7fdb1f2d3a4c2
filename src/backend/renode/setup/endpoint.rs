//! The other end of a UART: a pseudo-terminal or a socket that Renode creates.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::{pty, socket};
use crate::backend::EmulatorError;
use crate::backend::renode::context::{KIND, SETTING_UP};
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::tcp;
use crate::backend::renode::session::{Session, plain};
use crate::config::UartTransport;

/// The other end of a UART.
pub(crate) enum Endpoint {
    /// A pseudo-terminal, by a link to it.
    Pty(PathBuf),
    /// A socket that listens on this port.
    Socket(u16),
}

impl Endpoint {
    /// Creates the endpoint number `number` in Renode.
    pub(crate) async fn create(
        session: &Session,
        number: usize,
        transport: UartTransport,
    ) -> Result<Self, EmulatorError> {
        match transport {
            UartTransport::Pty => {
                let link = session.directory().join(format!("uart-{number}"));
                let create = MonitorCommand::create_pty(number, &plain(&link)?);
                session.run(SETTING_UP, &create).await?;
                Ok(Self::Pty(link))
            }
            UartTransport::Socket => listen(session, number).await.map(Self::Socket),
        }
    }

    /// Opens our end of the connection.
    pub(crate) async fn open(&self) -> Result<OwnedFd, EmulatorError> {
        let (step, opened) = match self {
            Self::Pty(link) => ("opening the UART's pseudo-terminal", pty::open(link)),
            Self::Socket(port) => ("connecting to the UART's socket", socket::open(*port).await),
        };
        opened.map_err(|source| EmulatorError::io(KIND, step, source))
    }
}

/// Makes Renode listen on a free port; tries others if another process takes it first.
async fn listen(session: &Session, number: usize) -> Result<u16, EmulatorError> {
    let mut attempts = 1..socket::ATTEMPTS;
    loop {
        let free = free_port()?;
        let create = MonitorCommand::create_socket(number, free);
        match session.run(SETTING_UP, &create).await {
            Err(error)
                if error.refusal().is_some_and(tcp::was_taken) && attempts.next().is_some() =>
            {
                tracing::debug!("port {free} was taken meanwhile");
            }
            done => return done.map(|_| free),
        }
    }
}

fn free_port() -> Result<u16, EmulatorError> {
    tcp::free()
        .map_err(|source| EmulatorError::io(KIND, "choosing a port for the UART's socket", source))
}

//! The other end of a UART: a terminal that Renode makes, and where we find it.
//!
//! Knows which commands make one; knows nothing of the UART behind it.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::{pty, socket};
use crate::backend::EmulatorError;
use crate::backend::renode::context::SETTING_UP;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::tcp;
use crate::backend::renode::session::{Session, plain};
use crate::config::UartTransport;

/// A terminal of a running Renode.
pub(crate) enum Endpoint {
    /// A pseudo-terminal, by a link to it.
    Pty(PathBuf),
    /// A socket that listens on this port.
    Socket(u16),
}

impl Endpoint {
    /// Makes Renode create the terminal number `number`.
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

    /// Our end of it.
    pub(crate) async fn open(&self) -> Result<OwnedFd, EmulatorError> {
        let (step, opened) = match self {
            Self::Pty(link) => ("opening the UART's pseudo-terminal", pty::open(link)),
            Self::Socket(port) => ("connecting to the UART's socket", socket::open(*port).await),
        };
        opened.map_err(|source| EmulatorError::Io { step, source })
    }
}

/// Has Renode listen on a free port, which may be taken by somebody else in the meantime.
async fn listen(session: &Session, number: usize) -> Result<u16, EmulatorError> {
    let mut attempts = 1..socket::ATTEMPTS;
    loop {
        let free = free_port()?;
        let create = MonitorCommand::create_socket(number, free);
        match session.run(SETTING_UP, &create).await {
            Err(EmulatorError::Refused { reason, .. })
                if tcp::was_taken(&reason) && attempts.next().is_some() =>
            {
                tracing::debug!("port {free} was taken meanwhile");
            }
            done => return done.map(|_| free),
        }
    }
}

fn free_port() -> Result<u16, EmulatorError> {
    tcp::free().map_err(|source| EmulatorError::Io {
        step: "choosing a port for the UART's socket",
        source,
    })
}

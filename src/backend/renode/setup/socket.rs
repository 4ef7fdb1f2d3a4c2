//! Our end of the TCP socket that Renode makes for a UART.
//!
//! Renode listens on every interface and does not say on which port, so the port is
//! chosen here. On Linux its listening excludes everybody else's, also on one interface
//! alone (`SO_REUSEADDR` lets nobody listen where another does): once its command is
//! done, whoever connects to the port connects to it.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use tokio::net::TcpStream;

/// How often another port is tried: each was free when it was chosen.
pub(crate) const ATTEMPTS: usize = 8;

/// Connects to Renode's `port`.
pub(crate) async fn open(port: u16) -> io::Result<OwnedFd> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream.into_std()?.into())
}

//! Our end of the TCP socket that Renode makes for a UART.
//!
//! Renode listens on every interface and does not report the port, so the port is chosen
//! here. On Linux no other process can listen on Renode's port, not even on one interface
//! alone (`SO_REUSEADDR` does not allow it while another process listens): once Renode's
//! command is done, every connection to the port is a connection to Renode.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use tokio::net::TcpStream;

/// The number of ports that are tried: another process may take a free port before Renode does.
pub(crate) const ATTEMPTS: usize = 8;

/// Connects to Renode's `port`.
pub(crate) async fn open(port: u16) -> io::Result<OwnedFd> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream.into_std()?.into())
}

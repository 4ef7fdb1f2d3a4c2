//! Our end of the TCP socket that Renode makes for a UART.
//!
//! Renode listens on every interface and does not say on which port, so the port is
//! chosen here. Its listening excludes everybody else's, also on one interface alone
//! (`SO_REUSEADDR` lets nobody listen where another does): once its command is done,
//! whoever connects to the port connects to it.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use tokio::net::TcpStream;

/// How often another port is tried: each was free when it was chosen.
pub(super) const ATTEMPTS: usize = 8;

/// A port that is free at present, on every interface.
pub(super) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Whether Renode's `reason` is that somebody else has the port: by the name of
/// .NET's error, or in the system's words.
pub(super) fn is_taken(reason: &str) -> bool {
    reason.contains("AddressAlreadyInUse") || reason.contains("Address already in use")
}

/// Connects to Renode's `port`.
pub(super) async fn open(port: u16) -> io::Result<OwnedFd> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream.into_std()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_known_by_renodes_words() {
        let seen =
            "Unable to create '0.0.0.0:38351' socket:[AddressAlreadyInUse] Address already in use";
        assert!(is_taken(seen));
        assert!(!is_taken("Port must be between 0 and 65535"));
    }
}

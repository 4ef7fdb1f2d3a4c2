//! The TCP port of Renode's monitor: choosing it, and connecting to the right process.
//!
//! [`join`] connects once Renode's log reports that the monitor listens. It first sends only
//! a line for the log. No command is sent before that line appears in the log of the Renode
//! that was started: another process that listens on the port receives no command.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

/// The keys that delete a line that another client may have begun: Ctrl-U deletes up to the
/// cursor, Ctrl-K behind it.
const CLEAR: &str = "\x15\x0b";

/// Returns a port that is free at present, on every interface: Renode listens on all of them.
pub(crate) fn free() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Returns true if Renode's `output` reports that another process has the port: by the name
/// of .NET's error, or by the system's message.
pub(crate) fn was_taken(output: &str) -> bool {
    output.contains("AddressAlreadyInUse") || output.contains("Address already in use")
}

/// The error of a log that has ended.
#[derive(Debug)]
pub(crate) struct Ended;

/// Waits until Renode's `log` reports that its monitor listens on `port`.
pub(crate) async fn open(log: &mut Log, port: u16) -> Result<(), Ended> {
    let open = format!("Monitor available in telnet mode on port {port}");
    log.until(&open).await
}

/// Connects to `port` and waits, without a time limit, until `log` shows that the Renode
/// that writes it is at the other end.
pub(crate) async fn join(log: &mut Log, port: u16) -> io::Result<Result<TcpStream, Ended>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    let proof = format!("virtual-target-{:016x}", RandomState::new().hash_one(port));
    let greeting = format!("{CLEAR}log \"{proof}\"\n");
    stream.write_all(greeting.as_bytes()).await?;
    Ok(log.until(&proof).await.map(|()| stream))
}

/// Renode's log, line by line, from its start.
pub(crate) struct Log(pub(crate) UnboundedReceiver<String>);

impl Log {
    /// Waits for a line that ends in `text`.
    async fn until(&mut self, text: &str) -> Result<(), Ended> {
        while let Some(line) = self.0.recv().await {
            if line.trim_end().ends_with(text) {
                return Ok(());
            }
        }
        Err(Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_recognised_in_renodes_final_output() {
        let seen = "Fatal error:\nUnable to create '0.0.0.0:5099' socket:[AddressAlreadyInUse] x";
        assert!(was_taken(seen));
        assert!(!was_taken(
            "Fatal error:\nCould not find a part of the path"
        ));
    }
}

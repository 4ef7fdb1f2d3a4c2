//! The TCP port of Renode's monitor: which one, when it is open, and whose it is.
//!
//! Renode says in its log that it listens; only then is it connected to. Nothing
//! but a line for the log is sent before that line has come up in the log of the
//! very Renode that was started: whoever listens there instead gets no command.
//!
//! Knows nothing of what the monitor is told afterwards.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

/// What another client may have typed half of goes: Ctrl-U up to the cursor, Ctrl-K
/// behind it.
const CLEAR: &str = "\x15\x0b";

/// A port that is free at present, on every interface: Renode listens on them all.
pub(crate) fn free() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Whether what Renode says is that somebody else has the port: by the name of
/// .NET's error, or in the system's words.
pub(crate) fn was_taken(said: &str) -> bool {
    said.contains("AddressAlreadyInUse") || said.contains("Address already in use")
}

/// Renode's log has ended.
#[derive(Debug)]
pub(crate) struct Ended;

/// Waits until Renode's `log` says that its monitor listens on `port`.
pub(crate) async fn open(log: &mut Log, port: u16) -> Result<(), Ended> {
    let open = format!("Monitor available in telnet mode on port {port}");
    log.until(&open).await
}

/// Connects to `port` and waits, for ever if need be, until it is known that the
/// Renode that writes `log` is at its other end.
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

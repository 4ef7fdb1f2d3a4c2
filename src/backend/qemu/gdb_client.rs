//! [`GdbClient`]: a client of QEMU's gdb server, for what the monitor cannot do.
//!
//! A packet of gdb's remote protocol is `$body#sum`, with the sum of the body's bytes as two
//! hexadecimal digits; `+` confirms it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::backend::Place;
use crate::backend::error::ProtocolError;

/// A client of a gdb server.
pub(super) struct GdbClient(UnixStream);

impl GdbClient {
    pub(super) fn new(link: UnixStream) -> Self {
        Self(link)
    }

    /// Writes bytes to the memory.
    pub(super) async fn write(&mut self, address: u64, bytes: &[u8]) -> io::Result<()> {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.ask(&format!("M{address:x},{:x}:{digits}", bytes.len()))
            .await
    }

    /// Stops the guest at a place.
    pub(super) async fn set_stop(&mut self, place: Place) -> io::Result<()> {
        self.ask(&format!("Z{}", arguments(place))).await
    }

    pub(super) async fn remove_stop(&mut self, place: Place) -> io::Result<()> {
        self.ask(&format!("z{}", arguments(place))).await
    }

    /// Lets the guest run.
    pub(super) async fn go_on(&mut self) -> io::Result<()> {
        self.send("c").await
    }

    /// Waits until the guest stops.
    pub(super) async fn stopped(&mut self) -> io::Result<()> {
        loop {
            // Others are output for the debugger.
            if self.receive().await?.starts_with(['T', 'S']) {
                return Ok(());
            }
        }
    }

    /// Sends a command whose answer is `OK`; reports of earlier stops are skipped.
    async fn ask(&mut self, body: &str) -> io::Result<()> {
        self.send(body).await?;
        loop {
            let answer = self.receive().await?;
            match answer.as_str() {
                "OK" => return Ok(()),
                _ if answer.starts_with(['T', 'S']) => {}
                "" => {
                    return Err(ProtocolError::Unsupported {
                        command: body.to_owned(),
                    }
                    .into());
                }
                _ => {
                    return Err(ProtocolError::Failed {
                        command: body.to_owned(),
                        answer,
                    }
                    .into());
                }
            }
        }
    }

    async fn send(&mut self, body: &str) -> io::Result<()> {
        self.0.write_all(packet(body).as_bytes()).await
    }

    /// Returns the body of the next packet, and confirms it.
    async fn receive(&mut self) -> io::Result<String> {
        while self.0.read_u8().await? != b'$' {}
        let mut body = Vec::new();
        loop {
            match self.0.read_u8().await? {
                b'#' => break,
                byte => body.push(byte),
            }
        }
        // The sum; a socket changes no byte.
        self.0.read_u16().await?;
        self.0.write_all(b"+").await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

fn arguments(place: Place) -> String {
    match place {
        Place::Code(address) => format!("0,{address:x},2"),
        Place::Write { address, length } => format!("2,{address:x},{length:x}"),
    }
}

fn packet(body: &str) -> String {
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    format!("${body}#{sum:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_is_answered_behind_confirmations_and_reports_of_stops() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"+$T05thread:01;#07$OK#9a").await.unwrap();
        let mut client = GdbClient::new(ours);
        client.write(0x2000_0000, &[0xab, 1]).await.unwrap();
        let mut sent = [0; 21];
        theirs.read_exact(&mut sent).await.unwrap();
        assert_eq!(&sent[..18], b"$M20000000,2:ab01#");
        theirs.write_all(b"$E22#a9").await.unwrap();
        let error = client
            .set_stop(Place::Code(2))
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(error, "`Z0,2,2` failed: E22");
    }

    #[test]
    fn the_sum_of_a_packet_has_two_digits() {
        assert_eq!(packet("c"), "$c#63");
        assert_eq!(packet("\u{1}"), "$\u{1}#01");
    }
}

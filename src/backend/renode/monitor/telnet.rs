//! Removing telnet's own bytes from the output of Renode's monitor over TCP.
//!
//! Renode asks for a few options when a client connects and skips any answer, so
//! [`WithoutCommands`] sends none: both sides then keep the defaults, a plain stream of
//! bytes. The monitor's commands are ASCII and need no escape.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Interpret as command (RFC 854).
const IAC: u8 = 255;
/// Subnegotiation: begin, and end, each behind an `IAC`.
const SB: u8 = 250;
const SE: u8 = 240;
/// `WILL`, `WONT`, `DO` and `DONT`, each with an option behind it.
const WILL: u8 = 251;
const DONT: u8 = 254;

/// A stream without telnet's commands.
#[derive(Debug)]
pub(crate) struct WithoutCommands<R> {
    inner: R,
    state: State,
}

/// The place of the next byte in a command, which may be cut anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Data,
    Command,
    Option,
    Subnegotiation,
    SubnegotiationCommand,
}

impl<R> WithoutCommands<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            state: State::Data,
        }
    }

    /// Takes the next byte and returns whether it is data.
    fn is_data(&mut self, byte: u8) -> bool {
        let (state, data) = match (self.state, byte) {
            (State::Data, IAC) => (State::Command, false),
            (State::Data, _) => (State::Data, true),
            // A byte of data with the value of `IAC` is sent twice.
            (State::Command, IAC) => (State::Data, true),
            (State::Command, WILL..=DONT) => (State::Option, false),
            (State::Command, SB) => (State::Subnegotiation, false),
            (State::Command | State::Option, _) => (State::Data, false),
            (State::Subnegotiation, IAC) => (State::SubnegotiationCommand, false),
            (State::SubnegotiationCommand, SE) => (State::Data, false),
            (State::Subnegotiation | State::SubnegotiationCommand, _) => {
                (State::Subnegotiation, false)
            }
        };
        self.state = state;
        data
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for WithoutCommands<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        loop {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            let filled = buf.filled().len();
            let mut kept = before;
            for at in before..filled {
                let byte = buf.filled()[at];
                if self.is_data(byte) {
                    buf.filled_mut()[kept] = byte;
                    kept += 1;
                }
            }
            buf.set_filled(kept);
            // An empty read would mean the end of the stream.
            if kept > before || filled == before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Returns the data in `pieces`, each of which arrives as one read.
    fn data(pieces: &[&[u8]]) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut theirs, ours) = tokio::io::duplex(1 << 16);
            let mut ours = WithoutCommands::new(ours);
            let reading = async {
                let mut data = Vec::new();
                ours.read_to_end(&mut data).await.unwrap();
                data
            };
            let writing = async move {
                for piece in pieces {
                    theirs.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            tokio::join!(reading, writing).0
        })
    }

    #[test]
    fn the_first_negotiation_of_renode_is_removed() {
        let first = b"\xff\xfd\x00\xff\xfb\x01\xff\xfb\x03\xff\xfc\"\x1b[0mRenode";
        assert_eq!(data(&[first]), b"\x1b[0mRenode");
    }

    #[test]
    fn every_kind_of_command_is_removed() {
        for command in [
            &b"\xff\xf1"[..],              // NOP
            b"\xff\xfb\xff",               // an option of the number 255
            b"\xff\xfa\x18\x01\xff\xf0",   // a subnegotiation
            b"\xff\xfaa\xff\xffb\xff\xf0", // with an escaped byte in it
            b"\xff\xf9\xff\xfe\x01",       // two
        ] {
            assert_eq!(data(&[b"a", command, b"b"]), b"ab", "{command:?}");
        }
        assert_eq!(data(&[b"a\xff\xffb"]), b"a\xffb");
    }

    #[test]
    fn a_read_of_commands_only_is_not_the_end() {
        assert_eq!(data(&[b"\xff\xfb\x01", b"a", b"\xff"]), b"a");
    }

    proptest! {
        #[test]
        fn data_does_not_depend_on_how_reads_are_cut(
            bytes in prop::collection::vec(prop_oneof![240..=255_u8, any::<u8>()], 0..100),
            cuts in prop::collection::vec(1..9_usize, 1..9),
        ) {
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            for &cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(data(&pieces), data(&[&bytes]));
        }
    }
}

//! Helpers that several tests use: a UART on one end of a socket pair with the board on the
//! other, snapshots of messages, a stream that panics.

pub mod messages;
pub mod panics;
use std::os::unix::net::UnixStream;

use virtual_target::uart::{ExpectError, Uart};
use virtual_target::{Error, ErrorKind};

pub fn uart() -> (Uart, UnixStream) {
    let (ours, board) = UnixStream::pair().unwrap();
    (Uart::over_fd(ours).unwrap(), board)
}

pub fn expect_error(error: Error) -> ExpectError {
    match error.into_kind() {
        ErrorKind::Uart(error) => error,
        other => panic!("{other}"),
    }
}

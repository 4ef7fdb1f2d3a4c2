//! Helpers that several tests use: a UART on one end of a socket pair with the board on the
//! other, snapshots of messages, a stream that panics.

pub mod messages;
pub mod panics;
use std::os::unix::net::UnixStream;

use virtual_target::uart::{Uart, UartError};
use virtual_target::{Error, ErrorKind};

pub fn uart() -> (Uart, UnixStream) {
    let (ours, board) = UnixStream::pair().unwrap();
    (Uart::over_fd(ours).unwrap(), board)
}

pub fn uart_error(error: Error) -> UartError {
    match error.into_kind() {
        ErrorKind::Uart(error) => error,
        other => panic!("{other}"),
    }
}

//! A UART as a blocking byte stream, such as an `expectrl::Session` needs: [`UartStream`].

use std::io::{self, ErrorKind, Read, Write};
use std::panic::Location;

#[cfg(feature = "expectrl")]
use expectrl::process::NonBlocking;

use super::handle::Uart;
use crate::caller::Caller;

impl Uart {
    /// Turns the UART into a blocking byte stream, such as an `expectrl::Session` needs.
    ///
    /// With the feature `expectrl`, which is on by default:
    ///
    /// ```
    /// # #[cfg(feature = "expectrl")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use expectrl::{Expect, Session};
    ///
    /// # let (ours, mut board) = std::os::unix::net::UnixStream::pair()?;
    /// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
    /// # std::io::Write::write_all(&mut board, b"login: ")?;
    /// let mut session = Session::new((), uart.into_stream())?;
    /// session.expect("login: ")?;
    /// session.send_line("root")?;
    /// # Ok(()) }
    /// # #[cfg(not(feature = "expectrl"))]
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn into_stream(self) -> UartStream {
        UartStream::new(self, Location::caller())
    }
}

/// A [`Uart`] as a byte stream; made by [`Uart::into_stream`].
///
/// Reading starts at the cursor, includes escape sequences, waits without a time limit, and ends
/// when the board is off. In non-blocking mode it returns
/// [`WouldBlock`](ErrorKind::WouldBlock) instead of waiting.
#[derive(Debug)]
pub struct UartStream {
    uart: Uart,
    at: Caller,
    blocking: bool,
}

impl UartStream {
    pub(super) fn new(uart: Uart, at: Caller) -> Self {
        Self {
            uart,
            at,
            blocking: true,
        }
    }

    /// Returns the UART, with its cursor behind the bytes that were read.
    pub fn into_uart(self) -> Uart {
        self.uart
    }
}

impl Read for UartStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = if self.blocking {
            self.uart.read_some(buffer.len(), self.at).wait()
        } else {
            let now = self.uart.read_now(buffer.len());
            now.ok_or(ErrorKind::WouldBlock)?
        };
        let bytes = bytes.map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for UartStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.uart
            .send_at(self.at, bytes)
            .wait()
            .map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "expectrl")]
impl NonBlocking for UartStream {
    fn set_blocking(&mut self, on: bool) -> io::Result<()> {
        self.blocking = on;
        Ok(())
    }
}

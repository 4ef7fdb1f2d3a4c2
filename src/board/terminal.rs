//! [`Terminal`]: the terminal of this process, in raw mode until it is dropped.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use nix::libc::O_NOCTTY;
use nix::sys::termios::{OutputFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;
use tokio::io::unix::AsyncFd;

use super::error::NoTerminal;
use crate::runtime::register;

/// The number of bytes that are read at once.
const READ_SIZE: usize = 4 << 10;

/// A terminal in raw mode: each key arrives at once, and none is a signal.
pub(super) struct Terminal {
    /// Opened anew, because a non-blocking standard input would be so for its other users too.
    file: AsyncFd<File>,
    before: Termios,
}

impl Terminal {
    /// Opens the terminal that the standard input is; called within the I/O runtime.
    pub(super) fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Err(NoTerminal.into());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(O_NOCTTY);
        let file = register(options.open(ttyname(&stdin)?)?.into())?;
        let before = tcgetattr(&file)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        // Firmware that ends its lines with a plain `\n` would draw a staircase.
        raw.output_flags = before.output_flags | OutputFlags::OPOST | OutputFlags::ONLCR;
        tcsetattr(&file, SetArg::TCSADRAIN, &raw)?;
        Ok(Self { file, before })
    }

    /// Returns what has been typed, as soon as there is something; nothing at the terminal's end.
    pub(super) async fn read(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let mut ready = self.file.readable().await?;
            match ready.try_io(|file| file.get_ref().read(&mut buffer)) {
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(read) => {
                    buffer.truncate(read?);
                    return Ok(buffer);
                }
                Err(_would_block) => {}
            }
        }
    }

    /// Writes all `bytes`.
    pub(super) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.file.writable().await?;
            match ready.try_io(|file| file.get_ref().write(bytes)) {
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(written) => bytes = &bytes[written?..],
                Err(_would_block) => {}
            }
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Without a terminal there is nothing to restore.
        let _ = tcsetattr(&self.file, SetArg::TCSADRAIN, &self.before);
    }
}

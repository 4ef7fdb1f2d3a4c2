//! Our end of the pseudo-terminal that Renode makes for a UART.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

/// Opens it, and lets every byte through as it is.
///
/// Renode takes the settings from its own standard input, which is no terminal:
/// they are whatever was in memory. Nothing may have been sent before this, and
/// nothing is flushed, so nothing is lost.
pub(crate) fn open(link: &Path) -> io::Result<OwnedFd> {
    let pty = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
        .open(link)?;
    make_raw(&pty)?;
    Ok(pty.into())
}

fn make_raw(pty: &File) -> io::Result<()> {
    let mut settings = tcgetattr(pty)?;
    cfmakeraw(&mut settings);
    tcsetattr(pty, SetArg::TCSANOW, &settings)?;
    Ok(())
}

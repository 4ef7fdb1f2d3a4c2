//! Our end of the pseudo-terminal that Renode makes for a UART.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

/// Opens the pseudo-terminal at `link` in raw mode, so that no byte is changed.
///
/// Renode copies the terminal settings from its own standard input, which is no terminal:
/// their values are undefined. Nothing may be sent before this call. The call does not flush,
/// so nothing is lost.
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

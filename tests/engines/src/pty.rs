//! A pair of pseudo-terminals: a serial port, and the end that a board's stand-in holds.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, unlockpt};

/// A pseudo-terminal. The port hangs up when the last copy of the master is closed, as an
/// unplugged port does; no child inherits a copy.
pub struct Pty {
    pub master: OwnedFd,
    /// The port's path.
    pub path: PathBuf,
    /// The other end of the port, open so that the connection stays while no program has the port open.
    pub slave: OwnedFd,
}

/// Opens a new pair, with the settings of an interactive terminal: echo, lines, control characters.
pub fn open() -> io::Result<Pty> {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let path = name(&master)?;
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(&path)?;
    Ok(Pty {
        path,
        master: master.as_fd().try_clone_to_owned()?,
        slave: slave.into(),
    })
}

#[cfg(target_os = "linux")]
fn name(master: &PtyMaster) -> io::Result<PathBuf> {
    Ok(nix::pty::ptsname_r(master)?.into())
}

/// On other systems a pseudo-terminal has no speed, so that it cannot simulate a serial port.
#[cfg(not(target_os = "linux"))]
fn name(_: &PtyMaster) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

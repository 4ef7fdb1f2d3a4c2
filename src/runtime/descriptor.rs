//! [`register`]: descriptors that the I/O thread waits for.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::unix::AsyncFd;

/// Makes a descriptor non-blocking, and registers it with the I/O thread, whose runtime the
/// caller has entered.
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<File>> {
    let flags = OFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    #[allow(
        deprecated,
        reason = "unsound only for types that do not own their descriptor, which a File does; \
                  the replacement is an unsafe function"
    )]
    AsyncFd::new(File::from(fd))
}

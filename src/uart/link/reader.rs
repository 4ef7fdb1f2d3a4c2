//! Reading a stream into the transcript.
//!
//! A task reads as fast as bytes arrive, whether or not an operation waits for them. A
//! [`Source`] can also be read from any other thread; the lock of its intake keeps the bytes
//! in order.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::user_stream::catch_panic;
use crate::runtime::register;
use crate::sync::lock;
use crate::uart::error::Ending;
use crate::uart::transcript::Transcript;

/// The size of a read.
const READ: usize = 64 << 10;
/// The size of a pipe, a small part of the 64 MiB that Linux grants a user for all pipes.
#[cfg(target_os = "linux")]
const PIPE: i32 = 256 << 10;
/// The limit for reading without waking the readers of the transcript.
const READ_PER_WAKE: usize = 256 << 10;
/// The limit for draining a stream whose other end keeps writing: more than any kernel buffers.
const MOST_PENDING: usize = 8 << 20;

/// A descriptor to read from.
pub(crate) struct Source {
    fd: AsyncFd<File>,
    transcript: Arc<Transcript>,
    /// Locked while bytes move from the descriptor to the transcript.
    intake: Mutex<Intake>,
}

struct Intake {
    buffer: Vec<u8>,
    /// Cleared when nothing more may be read.
    open: bool,
}

/// The result of reading until a limit or until nothing is left.
enum ReadResult {
    /// The limit was reached; there may be more.
    Limit,
    /// Nothing is left for now.
    Drained,
    /// The stream has ended.
    End(Ending),
}

/// The meaning of the end of a stream.
pub(crate) enum OnEnd {
    /// The stream counts as closed, unless its backend gives another reason within this time.
    Closed(Duration),
    /// The board has exited, for this reason.
    Exited(Arc<str>),
}

/// Enlarges a pipe, so that its writer seldom has to wait.
#[cfg(target_os = "linux")]
fn widen(read: &OwnedFd) {
    use nix::fcntl::{FcntlArg, fcntl};

    if fcntl(read, FcntlArg::F_GETPIPE_SZ).is_ok_and(|room| room < PIPE) {
        // Fails when the user's memory for pipes is used up; a smaller pipe works too.
        let _ = fcntl(read, FcntlArg::F_SETPIPE_SZ(PIPE));
    }
}

#[cfg(not(target_os = "linux"))]
fn widen(_read: &OwnedFd) {}

impl Source {
    /// Registers a descriptor, whose bytes go to `transcript`.
    pub(super) fn new(read: OwnedFd, transcript: &Arc<Transcript>) -> io::Result<Self> {
        widen(&read);
        Ok(Self {
            fd: register(read)?,
            transcript: Arc::clone(transcript),
            intake: Mutex::new(Intake {
                buffer: vec![0; READ],
                open: true,
            }),
        })
    }

    /// Reads everything that the kernel holds.
    pub(crate) fn take_pending(&self) {
        self.read(MOST_PENDING);
    }

    /// Reads everything that the kernel holds; nothing is read afterwards.
    pub(super) fn drain(&self) {
        self.take_pending();
        lock(&self.intake).open = false;
    }

    /// Reads until nothing is left for now or `most` bytes are reached, then wakes the readers
    /// of the transcript.
    fn read(&self, most: usize) -> ReadResult {
        let mut intake = lock(&self.intake);
        let mut left = most;
        let got = loop {
            if !intake.open {
                break ReadResult::Drained;
            }
            if left == 0 {
                break ReadResult::Limit;
            }
            match self.fd.get_ref().read(&mut intake.buffer) {
                Ok(0) => break ReadResult::End(Ending::Closed),
                Ok(n) => {
                    self.transcript.append(&mut intake.buffer, n);
                    left = left.saturating_sub(n);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break ReadResult::Drained,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => break ReadResult::End(ending(&e)),
            }
        };
        // A woken reader may do anything at once, such as turning the board off.
        drop(intake);
        if left < most {
            self.transcript.announce();
        }
        got
    }
}

/// Reads a descriptor until it ends, and ends the transcript.
pub(super) async fn read_fd(source: Arc<Source>, on_end: OnEnd) {
    let ending = loop {
        let mut ready = match source.fd.readable().await {
            Ok(ready) => ready,
            Err(e) => break ending(&e),
        };
        match source.read(READ_PER_WAKE) {
            ReadResult::Limit => {}
            ReadResult::Drained => ready.clear_ready(),
            ReadResult::End(ending) => break ending,
        }
    };
    source.transcript.end(match on_end {
        OnEnd::Exited(reason) => Ending::Exited(reason),
        OnEnd::Closed(grace) => {
            if !grace.is_zero() {
                tokio::time::sleep(grace).await;
            }
            ending
        }
    });
}

/// Reads a stream until it ends, and ends the transcript.
pub(super) async fn read_stream(mut stream: impl AsyncRead + Unpin, transcript: Arc<Transcript>) {
    let mut buffer = vec![0; READ];
    loop {
        let Some(read) = catch_panic(stream.read(&mut buffer), &transcript).await else {
            return;
        };
        match read {
            Ok(0) => return transcript.end(Ending::Closed),
            Ok(n) => {
                transcript.append(&mut buffer, n);
                transcript.announce();
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return transcript.end(ending(&e)),
        }
    }
}

/// Returns the ending that corresponds to a failed read.
fn ending(error: &io::Error) -> Ending {
    // A terminal whose other side was closed, and a socket that was reset.
    let closed = [Errno::EIO as i32, Errno::ECONNRESET as i32];
    if error
        .raw_os_error()
        .is_some_and(|code| closed.contains(&code))
    {
        Ending::Closed
    } else {
        Ending::unreadable(error)
    }
}

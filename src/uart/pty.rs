//! A pseudo-terminal through which other programs talk to a board: `minicom`, PySerial, pexpect.
//!
//! A [`UartPty`] forwards the board's output from the transcript, so that it is recorded first,
//! and sends the programs' input to the board. It never waits in the board's time: a virtual
//! clock advances only while a test waits.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use super::follow::Follower;
use super::state::UartState;
use super::transcript::Position;
use crate::runtime::{self, register};
use crate::sync::lock;

/// The number of bytes that are read from the other program at once.
const READ_SIZE: usize = 4 << 10;

/// A pseudo-terminal that leads to a board's UART; made by [`Uart::open_pty`](super::Uart::open_pty).
///
/// Dropping it closes the pseudo-terminal.
#[derive(Debug)]
pub struct UartPty {
    path: PathBuf,
    /// The far end, held open so that the terminal does not hang up while no program uses it.
    _far_end: OwnedFd,
    tasks: [AbortHandle; 2],
}

impl UartPty {
    pub(super) fn open(uart: &Arc<UartState>) -> io::Result<Self> {
        let pty = openpty(None, None)?;
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        let mut settings = tcgetattr(&pty.slave)?;
        cfmakeraw(&mut settings);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &settings)?;
        let path = ttyname(&pty.slave)?;
        let io_thread = runtime::handle().map_err(io::Error::other)?;
        let _entered = io_thread.enter();
        let output = register(pty.master.try_clone()?)?;
        let input = register(pty.master)?;
        let from = uart.transcript.end_position();
        let out = io_thread.spawn(forward_output(Arc::clone(uart), from, output));
        let in_ = io_thread.spawn(forward_input(Arc::clone(uart), input));
        Ok(Self {
            path,
            _far_end: pty.slave,
            tasks: [out.abort_handle(), in_.abort_handle()],
        })
    }

    /// Returns the path that other programs open, such as `/dev/pts/7`.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UartPty {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Forwards the board's output. While no program reads it, the rest stays in the transcript.
async fn forward_output(uart: Arc<UartState>, at: Position, output: AsyncFd<File>) {
    let mut follower = Follower::new(&uart, at);
    loop {
        let bytes = follower.next().await;
        let mut left = bytes.as_slice();
        while !left.is_empty() {
            let Ok(mut ready) = output.writable().await else {
                return;
            };
            match ready.try_io(|pty| pty.get_ref().write(left)) {
                Ok(Ok(written)) => left = &left[written..],
                Ok(Err(e)) if e.kind() == ErrorKind::Interrupted => {}
                Ok(Err(_)) => return,
                Err(_would_block) => {}
            }
        }
    }
}

/// Sends a program's input to the board while the board is on.
async fn forward_input(uart: Arc<UartState>, input: AsyncFd<File>) {
    let mut buffer = [0; READ_SIZE];
    loop {
        let Ok(mut ready) = input.readable().await else {
            return;
        };
        let n = match ready.try_io(|pty| pty.get_ref().read(&mut buffer)) {
            Ok(Ok(0)) => return,
            Ok(Ok(n)) => n,
            Ok(Err(e)) if e.kind() == ErrorKind::Interrupted => continue,
            Ok(Err(_)) => return,
            Err(_would_block) => continue,
        };
        uart.note_sent(&buffer[..n]);
        let written = {
            let link = lock(&uart.link);
            link.as_ref().map(|link| link.write(buffer[..n].to_vec()))
        };
        if let Some(written) = written {
            // If the board is powered off meanwhile, the input is lost.
            let _ = written.await;
        }
    }
}

//! The I/O side of a UART: what carries bytes between a stream and the transcript.
//!
//! It reads as fast as bytes come, whether anybody looks at them or not, and
//! writes what is sent in order. A link is one attachment; a power cycle makes
//! a new one. Knows nothing of what the bytes mean.

pub(super) mod stepped;

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::error::Ending;
use super::transcript::Transcript;
use crate::runtime;
use crate::sync::lock;

/// The most that is read at once.
const READ: usize = 64 << 10;
/// The room in a pipe, little of the 64 MiB that Linux lets a user have in all of them.
#[cfg(target_os = "linux")]
const PIPE: i32 = 256 << 10;
/// How much is read before those who wait are told, if there is so much.
const AT_ONCE: usize = 256 << 10;
/// More than any kernel holds back for us: where draining a stream stops even if its other end goes on.
const MOST_PENDING: usize = 8 << 20;

/// The answer to a job: written, and how long it takes until the line is free again, or not.
pub(crate) type Written = oneshot::Receiver<io::Result<Duration>>;

/// Bytes to write, and who wants to know.
pub(crate) struct Job {
    pub(crate) bytes: Vec<u8>,
    pub(super) written: oneshot::Sender<io::Result<Duration>>,
}

/// What the end of a stream means.
pub(crate) enum OnEnd {
    /// Its backend has this long to say why; then the stream counts as closed.
    Closed(Duration),
    /// The board went by itself, for this reason.
    Exited(Arc<str>),
}

/// One attachment of a stream; dropping it lets go of the stream.
pub(crate) struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    tasks: Vec<AbortHandle>,
    source: Option<Arc<Source>>,
}

/// A descriptor that is read.
pub(crate) struct Source {
    fd: AsyncFd<File>,
    transcript: Arc<Transcript>,
    /// Locked while bytes are on their way from the descriptor to the transcript.
    intake: Mutex<Intake>,
}

struct Intake {
    buffer: Vec<u8>,
    open: bool,
}

/// What reading came to.
enum Got {
    Bytes,
    Nothing,
    End(Ending),
}

impl Link {
    /// Attaches descriptors, which become non-blocking.
    pub(crate) fn over_fds(
        read: OwnedFd,
        write: OwnedFd,
        transcript: &Arc<Transcript>,
        on_end: OnEnd,
    ) -> io::Result<Self> {
        let io_thread = runtime::handle().map_err(io::Error::other)?;
        let _entered = runtime::enter().map_err(io::Error::other)?;
        let sink = register(write)?;
        let (mut link, queue) = Self::reading(read, transcript, on_end)?;
        let writer = io_thread.spawn(write_all(queue, Sink(sink), Arc::clone(transcript)));
        link.tasks.push(writer.abort_handle());
        Ok(link)
    }

    /// Attaches a descriptor that is read, and whoever takes the jobs.
    pub(crate) fn reading(
        read: OwnedFd,
        transcript: &Arc<Transcript>,
        on_end: OnEnd,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<Job>)> {
        let io_thread = runtime::handle().map_err(io::Error::other)?;
        let _entered = runtime::enter().map_err(io::Error::other)?;
        widen(&read);
        let source = Arc::new(Source {
            fd: register(read)?,
            transcript: Arc::clone(transcript),
            intake: Mutex::new(Intake {
                buffer: vec![0; READ],
                open: true,
            }),
        });
        let (jobs, queue) = mpsc::unbounded_channel();
        let reader = io_thread.spawn(read_fd(Arc::clone(&source), on_end));
        let link = Self {
            jobs,
            tasks: vec![reader.abort_handle()],
            source: Some(source),
        };
        Ok((link, queue))
    }

    /// Attaches any stream.
    pub(crate) fn over_stream<S>(stream: S, transcript: &Arc<Transcript>) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let io_thread = runtime::handle().map_err(io::Error::other)?;
        let (read, write) = tokio::io::split(stream);
        let (jobs, queue) = mpsc::unbounded_channel();
        let reader = io_thread.spawn(read_stream(read, Arc::clone(transcript)));
        let writer = io_thread.spawn(write_all(queue, write, Arc::clone(transcript)));
        Ok(Self {
            jobs,
            tasks: vec![reader.abort_handle(), writer.abort_handle()],
            source: None,
        })
    }

    /// Attaches whoever takes the jobs and feeds the transcript by itself.
    pub(crate) fn stepped() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let link = Self {
            jobs,
            tasks: Vec::new(),
            source: None,
        };
        (link, queue)
    }

    /// Hands over bytes to be written.
    pub(crate) fn write(&self, bytes: Vec<u8>) -> Written {
        let (written, answer) = oneshot::channel();
        // A writer that has gone drops the job, which is an answer too.
        drop(self.jobs.send(Job { bytes, written }));
        answer
    }

    /// The descriptor, if there is one.
    pub(crate) fn source(&self) -> Option<Arc<Source>> {
        self.source.clone()
    }

    /// Takes what the kernel still holds; nothing is read afterwards.
    pub(crate) fn drain(&self) {
        if let Some(source) = &self.source {
            source.take_pending();
            lock(&source.intake).open = false;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// If `read` is a pipe with less room, gives it more, so that its writer seldom waits for us.
#[cfg(target_os = "linux")]
fn widen(read: &OwnedFd) {
    if fcntl(read, FcntlArg::F_GETPIPE_SZ).is_ok_and(|room| room < PIPE) {
        // Where a user's share of memory for pipes is used up, it works as it is.
        let _ = fcntl(read, FcntlArg::F_SETPIPE_SZ(PIPE));
    }
}

#[cfg(not(target_os = "linux"))]
fn widen(_read: &OwnedFd) {}

/// Makes a descriptor non-blocking and known to the I/O thread.
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

impl Source {
    /// Takes what the kernel holds.
    pub(crate) fn take_pending(&self) {
        self.read(MOST_PENDING);
    }

    /// Reads until there is nothing more for now, but no more than `most` bytes
    /// and some; then those who wait are told.
    fn read(&self, most: usize) -> Got {
        let mut intake = lock(&self.intake);
        let mut left = most;
        let got = loop {
            if !intake.open {
                break Got::Nothing;
            }
            if left == 0 {
                break Got::Bytes;
            }
            match self.fd.get_ref().read(&mut intake.buffer) {
                Ok(0) => break Got::End(Ending::Closed),
                Ok(n) => {
                    self.transcript.append(&mut intake.buffer, n);
                    left = left.saturating_sub(n);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break Got::Nothing,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => break Got::End(ending(&e)),
            }
        };
        // Whoever is woken may do anything at once, such as turning the board off.
        drop(intake);
        if left < most {
            self.transcript.announce();
        }
        got
    }
}

/// The ending that a failed read is.
fn ending(error: &io::Error) -> Ending {
    // A terminal of which the other side was closed, and a socket that was reset.
    let closed = [Errno::EIO as i32, Errno::ECONNRESET as i32];
    if error
        .raw_os_error()
        .is_some_and(|code| closed.contains(&code))
    {
        Ending::Closed
    } else {
        Ending::Exited(format!("reading the UART's stream failed: {error}").into())
    }
}

async fn read_fd(source: Arc<Source>, on_end: OnEnd) {
    let ending = loop {
        let mut ready = match source.fd.readable().await {
            Ok(ready) => ready,
            Err(e) => break ending(&e),
        };
        match source.read(AT_ONCE) {
            Got::Bytes => {}
            Got::Nothing => ready.clear_ready(),
            Got::End(ending) => break ending,
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

async fn read_stream(mut stream: impl AsyncRead + Unpin, transcript: Arc<Transcript>) {
    let mut buffer = vec![0; READ];
    loop {
        let Some(read) = unless_it_panics(stream.read(&mut buffer), &transcript).await else {
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

/// Carries out `work` on a stream, which may be of the user's making: its panic ends the transcript.
async fn unless_it_panics<T>(work: impl Future<Output = T>, transcript: &Transcript) -> Option<T> {
    let mut work = pin!(work);
    // Nothing of it is used again after a panic.
    let polled = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    );
    let panic = match polled.await {
        Ok(done) => return Some(done),
        Err(panic) => panic,
    };
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or(panic.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("without a message");
    transcript.end(Ending::Exited(
        format!("the UART's stream panicked: {said}").into(),
    ));
    None
}

async fn write_all<S>(
    mut jobs: mpsc::UnboundedReceiver<Job>,
    mut sink: S,
    transcript: Arc<Transcript>,
) where
    S: AsyncWrite + Unpin,
{
    while let Some(job) = jobs.recv().await {
        let written = async {
            sink.write_all(&job.bytes).await?;
            sink.flush().await
        };
        let Some(written) = unless_it_panics(written, &transcript).await else {
            return;
        };
        // Whoever sent it may have gone; it is written all the same.
        drop(job.written.send(written.map(|()| Duration::ZERO)));
    }
}

/// A descriptor that is written.
struct Sink(AsyncFd<File>);

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(cx))?;
            if let Ok(written) = ready.try_io(|fd| fd.get_ref().write(bytes)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

//! One attachment of a stream to a UART.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::job::{Job, JobQueue, Written};
use super::reader::{OnEnd, Source, read_fd, read_stream};
use super::writer::{Sink, write_all};
use crate::runtime::{self, register};
use crate::uart::transcript::Transcript;

/// One attachment of a stream; dropping it detaches the stream.
pub(crate) struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    tasks: Vec<AbortHandle>,
    source: Option<Arc<Source>>,
}

impl Link {
    /// Attaches two descriptors, which become non-blocking.
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

    /// Attaches a descriptor to read from; the caller takes the jobs.
    pub(crate) fn reading(
        read: OwnedFd,
        transcript: &Arc<Transcript>,
        on_end: OnEnd,
    ) -> io::Result<(Self, JobQueue)> {
        let io_thread = runtime::handle().map_err(io::Error::other)?;
        let _entered = runtime::enter().map_err(io::Error::other)?;
        let source = Arc::new(Source::new(read, transcript)?);
        let (jobs, queue) = mpsc::unbounded_channel();
        let reader = io_thread.spawn(read_fd(Arc::clone(&source), on_end));
        let link = Self {
            jobs,
            tasks: vec![reader.abort_handle()],
            source: Some(source),
        };
        Ok((link, JobQueue(queue)))
    }

    /// Attaches a descriptor to read from; nothing can be sent.
    pub(crate) fn output_only(
        read: OwnedFd,
        transcript: &Arc<Transcript>,
        on_end: OnEnd,
    ) -> io::Result<Self> {
        let io_thread = runtime::handle().map_err(io::Error::other)?;
        let (mut link, queue) = Self::reading(read, transcript, on_end)?;
        link.tasks
            .push(io_thread.spawn(queue.refuse()).abort_handle());
        Ok(link)
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
        let writer = io_thread.spawn(write_all(JobQueue(queue), write, Arc::clone(transcript)));
        Ok(Self {
            jobs,
            tasks: vec![reader.abort_handle(), writer.abort_handle()],
            source: None,
        })
    }

    /// Attaches no stream; the caller takes the jobs and appends to the transcript.
    pub(crate) fn stepped() -> (Self, JobQueue) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let link = Self {
            jobs,
            tasks: Vec::new(),
            source: None,
        };
        (link, JobQueue(queue))
    }

    /// Queues bytes to be written.
    pub(crate) fn write(&self, bytes: Vec<u8>) -> Written {
        let (job, answer) = Job::new(bytes);
        // Without a writer the job is dropped, which also answers its sender.
        drop(self.jobs.send(job));
        answer
    }

    /// Returns the descriptor to read from, if there is one.
    pub(crate) fn source(&self) -> Option<Arc<Source>> {
        self.source.clone()
    }

    /// Reads everything that the kernel still holds; nothing is read afterwards.
    pub(crate) fn drain(&self) {
        if let Some(source) = &self.source {
            source.drain();
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

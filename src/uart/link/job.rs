//! The bytes to send to a UART, in jobs.
//!
//! A sender queues a [`Job`] and waits for its answer; the writer of a link, or the backend,
//! takes it from the [`JobQueue`]. A dropped job also answers: it was not written.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::uart::error::NotSent;

/// The answer to a job: an error, or the time until the line is free again.
pub(crate) type Written = oneshot::Receiver<Result<Duration, NotSent>>;

/// Bytes to write, and the sender that waits for them.
pub(crate) struct Job {
    pub(crate) bytes: Vec<u8>,
    written: oneshot::Sender<Result<Duration, NotSent>>,
}

impl Job {
    /// Makes a job, and the receiver of its answer.
    pub(super) fn new(bytes: Vec<u8>) -> (Self, Written) {
        let (written, answer) = oneshot::channel();
        (Self { bytes, written }, answer)
    }

    /// Completes the job: its bytes are on the line, which is free again after `rest`.
    pub(crate) fn complete(self, rest: Duration) {
        self.answer(Ok(rest));
    }

    /// Answers the sender, if it still waits.
    pub(super) fn answer(self, written: Result<Duration, NotSent>) {
        drop(self.written.send(written));
    }
}

/// The queue of jobs for a UART.
pub(crate) struct JobQueue(pub(super) mpsc::UnboundedReceiver<Job>);

impl JobQueue {
    /// Returns the next job, or none once the UART is detached.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Job>> {
        self.0.poll_recv(cx)
    }

    /// Returns the next job if there is one.
    pub(crate) fn try_next(&mut self) -> Option<Job> {
        self.0.try_recv().ok()
    }

    /// Answers each job that nothing can be sent, until the UART is detached.
    pub(super) async fn refuse(mut self) {
        while let Some(job) = poll_fn(|cx| self.poll_next(cx)).await {
            job.answer(Err(NotSent::OutputOnly));
        }
    }

    /// Discards all queued jobs, because the board restarts. They count as written, as a line
    /// does not report losses.
    pub(crate) fn clear(&mut self) {
        while let Some(job) = self.try_next() {
            job.complete(Duration::ZERO);
        }
    }
}

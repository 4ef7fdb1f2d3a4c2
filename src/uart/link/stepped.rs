//! A UART whose bytes are passed on by its backend: what is sent to the guest, and, for a
//! [`SteppedLink`], what the guest puts out, each byte with its time in the guest's clock.
//!
//! What is sent to the guest arrives there as over a line, byte after byte, as its time
//! passes. Knows nothing of how either is done.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;

use super::Job;
use crate::uart::transcript::Transcript;

/// One attachment of such a UART, for whoever passes the bytes on.
pub(crate) struct SteppedLink {
    pub(crate) transcript: Arc<Transcript>,
    pub(crate) jobs: JobQueue,
    /// How long the line takes to carry a byte.
    pub(crate) byte_time: Duration,
    /// When the line will have carried all that was sent.
    pub(crate) free_at: Duration,
}

/// What is sent to a UART, in order, for whoever passes it on.
pub(crate) struct JobQueue(pub(crate) mpsc::UnboundedReceiver<Job>);

impl JobQueue {
    /// The next one; none once the UART is detached.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Job>> {
        self.0.poll_recv(cx)
    }

    /// What has been sent up to now is lost: the board starts anew. A line does not tell.
    pub(crate) fn lose(&mut self) {
        while let Ok(job) = self.0.try_recv() {
            job.done(Duration::ZERO);
        }
    }
}

impl Job {
    /// It is on the line, which is free again after `rest`.
    pub(crate) fn done(self, rest: Duration) {
        // Whoever sent it may have gone; it is sent all the same.
        drop(self.written.send(Ok(rest)));
    }
}

impl SteppedLink {
    /// The guest has put these out, the first of them at `time` since the target was made.
    pub(crate) fn push_rx(&self, bytes: &mut Vec<u8>, time: Duration) {
        let n = bytes.len();
        self.transcript.append_at(bytes, n, time);
        self.transcript.announce();
    }

    /// What is to be passed on to the guest; nothing more once the UART is detached.
    pub(crate) fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<Job> {
        match self.jobs.poll_next(cx) {
            Poll::Ready(Some(job)) => Poll::Ready(job),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// The job was passed on at `now`. Whoever sent it is done when no more than
    /// `ahead` bytes have yet to arrive.
    pub(crate) fn complete_tx(&mut self, job: Job, now: Duration, ahead: u32) {
        let count = u32::try_from(job.bytes.len()).unwrap_or(u32::MAX);
        self.free_at = self.free_at.max(now) + self.byte_time * count;
        job.done((self.free_at - now).saturating_sub(self.byte_time * ahead));
    }

    /// What was on the line is lost: the board starts anew.
    pub(crate) fn clear(&mut self) {
        self.jobs.lose();
        self.free_at = Duration::ZERO;
    }
}

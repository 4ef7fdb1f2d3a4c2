//! A UART whose bytes the backend passes on, each with its time in the guest's clock.
//!
//! A [`SteppedLink`] paces what is sent to the guest as a line does: byte after byte, as the
//! guest's time passes.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::job::{Job, JobQueue};
use crate::uart::transcript::Transcript;

/// One attachment of such a UART, for the backend.
pub(crate) struct SteppedLink {
    pub(crate) transcript: Arc<Transcript>,
    pub(crate) jobs: JobQueue,
    /// The time that the line takes to carry a byte.
    pub(crate) byte_time: Duration,
    /// The time at which the line has carried everything that was sent.
    pub(crate) free_at: Duration,
}

impl SteppedLink {
    /// Appends output of the guest; its first byte arrived at `time` in the target's clock.
    ///
    /// Wakes no reader: [`announce`](Transcript::announce) does.
    pub(crate) fn push_rx(&self, bytes: &mut Vec<u8>, time: Duration) {
        let n = bytes.len();
        self.transcript.append_at(bytes, n, time);
    }

    /// Returns the next job for the guest; stays pending once the UART is detached.
    pub(crate) fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<Job> {
        match self.jobs.poll_next(cx) {
            Poll::Ready(Some(job)) => Poll::Ready(job),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Completes a job that was passed on at `now`. Its sender is done when at most `ahead`
    /// bytes have yet to arrive.
    pub(crate) fn complete_tx(&mut self, job: Job, now: Duration, ahead: u32) {
        let count = u32::try_from(job.bytes.len()).unwrap_or(u32::MAX);
        self.free_at = self.free_at.max(now) + self.byte_time * count;
        job.complete((self.free_at - now).saturating_sub(self.byte_time * ahead));
    }

    /// Discards the bytes on the line, because the board restarts.
    pub(crate) fn clear(&mut self) {
        self.jobs.clear();
        self.free_at = Duration::ZERO;
    }
}

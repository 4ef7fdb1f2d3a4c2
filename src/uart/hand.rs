//! A UART whose bytes are passed on one by one, each with its time in the guest's clock.
//!
//! What is sent to the guest arrives there as over a line, byte after byte, as its time
//! passes. Knows nothing of how either is done.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::link::Job;
use super::transcript::Transcript;

/// One attachment of such a UART, for whoever passes the bytes on.
pub(crate) struct Hand {
    pub(super) transcript: Arc<Transcript>,
    pub(super) jobs: mpsc::UnboundedReceiver<Job>,
    /// When the line will have carried all that was sent.
    pub(super) free_at: Duration,
}

/// Bytes for the guest.
pub(crate) struct Parcel {
    pub(crate) bytes: Vec<u8>,
    written: oneshot::Sender<io::Result<Duration>>,
}

impl Hand {
    /// The guest has put these out, the first of them at `time` since the target was made.
    pub(crate) fn heard(&self, bytes: &mut Vec<u8>, time: Duration) {
        let n = bytes.len();
        self.transcript.append_at(bytes, n, time);
        self.transcript.announce();
    }

    /// What is to be passed on to the guest; nothing more once the UART is detached.
    pub(crate) fn poll_parcel(&mut self, cx: &mut Context<'_>) -> Poll<Parcel> {
        match self.jobs.poll_recv(cx) {
            Poll::Ready(Some(Job { bytes, written })) => Poll::Ready(Parcel { bytes, written }),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// The parcel was passed on at `now`: each byte takes the line that long. Whoever
    /// sent it is done when no more than `ahead` bytes have yet to arrive.
    pub(crate) fn passed_on(&mut self, parcel: Parcel, now: Duration, each: Duration, ahead: u32) {
        let count = u32::try_from(parcel.bytes.len()).unwrap_or(u32::MAX);
        self.free_at = self.free_at.max(now) + each * count;
        let rest = (self.free_at - now).saturating_sub(each * ahead);
        // Whoever sent it may have gone; it is sent all the same.
        drop(parcel.written.send(Ok(rest)));
    }

    /// What was on the line is lost: the board starts anew.
    pub(crate) fn clear(&mut self) {
        self.free_at = Duration::ZERO;
    }
}

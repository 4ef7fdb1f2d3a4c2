//! A UART whose bytes are passed on by its backend: what is sent to the guest, and, for a
//! [`Hand`], what the guest puts out, each byte with its time in the guest's clock.
//!
//! What is sent to the guest arrives there as over a line, byte after byte, as its time
//! passes. Knows nothing of how either is done.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Job;
use crate::uart::transcript::Transcript;

/// One attachment of such a UART, for whoever passes the bytes on.
pub(crate) struct Hand {
    pub(crate) transcript: Arc<Transcript>,
    pub(crate) parcels: Parcels,
    /// How long the line takes to carry a byte.
    pub(crate) byte_time: Duration,
    /// When the line will have carried all that was sent.
    pub(crate) free_at: Duration,
}

/// What is sent to a UART, in order, for whoever passes it on.
pub(crate) struct Parcels(pub(crate) mpsc::UnboundedReceiver<Job>);

/// Bytes for the guest.
pub(crate) struct Parcel {
    pub(crate) bytes: Vec<u8>,
    written: oneshot::Sender<io::Result<Duration>>,
}

impl Parcels {
    /// The next one; none once the UART is detached.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Parcel>> {
        self.0.poll_recv(cx).map(|job| job.map(Parcel::from))
    }

    /// What has been sent up to now is lost: the board starts anew. A line does not tell.
    pub(crate) fn lose(&mut self) {
        while let Ok(job) = self.0.try_recv() {
            Parcel::from(job).done(Duration::ZERO);
        }
    }
}

impl From<Job> for Parcel {
    fn from(Job { bytes, written }: Job) -> Self {
        Self { bytes, written }
    }
}

impl Parcel {
    /// It is on the line, which is free again after `rest`.
    pub(crate) fn done(self, rest: Duration) {
        // Whoever sent it may have gone; it is sent all the same.
        drop(self.written.send(Ok(rest)));
    }
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
        match self.parcels.poll_next(cx) {
            Poll::Ready(Some(parcel)) => Poll::Ready(parcel),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// The parcel was passed on at `now`. Whoever sent it is done when no more than
    /// `ahead` bytes have yet to arrive.
    pub(crate) fn passed_on(&mut self, parcel: Parcel, now: Duration, ahead: u32) {
        let count = u32::try_from(parcel.bytes.len()).unwrap_or(u32::MAX);
        self.free_at = self.free_at.max(now) + self.byte_time * count;
        parcel.done((self.free_at - now).saturating_sub(self.byte_time * ahead));
    }

    /// What was on the line is lost: the board starts anew.
    pub(crate) fn clear(&mut self) {
        self.parcels.lose();
        self.free_at = Duration::ZERO;
    }
}

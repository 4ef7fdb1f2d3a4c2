//! [`LogEnd`]: waits until all that Renode has logged so far has been read.
//!
//! Renode writes its log on a thread of its own, in the order of the messages. So a message of ours
//! comes behind all earlier ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// The message; a board has a log of its own.
pub(crate) const MARK: &str = "virtual-target has read the log up to here";

/// The time limit of the wait: a Renode that does not answer logs nothing either.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Counts the messages of a log; clones share that.
#[derive(Clone, Default)]
pub(crate) struct LogEnd(Arc<Counts>);

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    read: watch::Sender<u64>,
}

impl LogEnd {
    /// Counts a message that is about to be sent, and returns its number.
    pub(crate) fn next(&self) -> u64 {
        self.0.sent.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns true if a line of the log is the message.
    pub(crate) fn is_at(&self, line: &str) -> bool {
        let is_mark = line.contains(MARK);
        if is_mark {
            self.0.read.send_modify(|read| *read += 1);
        }
        is_mark
    }

    /// Waits until message number `number` has been read.
    pub(crate) async fn reached(&self, number: u64) {
        // It fails only if the sender is gone, which this holds.
        let _ = self
            .0
            .read
            .subscribe()
            .wait_for(|read| *read >= number)
            .await;
    }
}

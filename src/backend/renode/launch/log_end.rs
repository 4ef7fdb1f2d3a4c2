//! [`LogEnd`]: waits until all that Renode has logged so far has been read.
//!
//! Renode writes its log on a thread of its own, in the order of the messages. So a message of ours
//! comes behind all earlier ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// The message; a board has a log of its own, in which it appears once.
pub(crate) const MARK: &str = "virtual-target has read the log up to here";

/// The time limit of the wait: a Renode that does not answer logs nothing either.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Knows whether the message has been read; clones share that.
#[derive(Clone, Default)]
pub(crate) struct LogEnd(Arc<Notify>);

impl LogEnd {
    /// Looks for the message in a line of the log.
    pub(crate) fn look_at(&self, line: &str) {
        if line.contains(MARK) {
            self.0.notify_one();
        }
    }

    /// Waits until the message has been read.
    pub(crate) async fn reached(&self) {
        self.0.notified().await;
    }
}

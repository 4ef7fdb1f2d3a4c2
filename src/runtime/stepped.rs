//! [`Stepped`]: a wait's part in a [`VirtualClock`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::VirtualClock;
use super::stops::Wants;
use super::virtual_time::Look;

/// A deadline's part in a clock that stands still except while somebody waits.
pub(crate) struct Stepped {
    clock: Arc<VirtualClock>,
    wants: Wants,
    id: u64,
    /// The clock's time when the deadline was armed.
    began: Option<Duration>,
    /// The look at what the guest has sent that has been begun, if anybody looks.
    look: Option<Look>,
}

impl Stepped {
    /// Lets the guest run, as long as nothing comes that is wanted.
    pub(crate) fn new(clock: &Arc<VirtualClock>, wants: Wants) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            clock: Arc::clone(clock),
            wants,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            began: None,
            look: None,
        }
    }

    /// To be called before a look at the output, which the next [`poll`](Self::poll) follows.
    pub(super) fn begin_look(&mut self) {
        self.look = Some(self.clock.look());
    }

    /// Lets the guest run no longer.
    pub(super) fn leave(&self) {
        self.clock.leave(self.id);
    }

    /// Returns the clock that lets the guest run.
    pub(super) fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    pub(super) fn poll(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let began = *self.began.get_or_insert_with(|| self.clock.now());
        // A longer one is as good as none.
        let until = began
            .checked_add(timeout)
            .filter(|until| until.as_nanos() <= i64::MAX as u128);
        let look = self.look.take().unwrap_or_else(|| self.clock.look());
        self.clock.poll(self.id, until, &self.wants, look, cx)
    }

    /// The clock's time since the deadline was armed.
    pub(super) fn waited(&self) -> Duration {
        let began = self
            .began
            .map(|began| self.clock.now().saturating_sub(began));
        began.unwrap_or_default()
    }

    /// As [`waited`](Self::waited), at the time that the guest's own clock shows.
    pub(super) fn had(&self, elapsed: Duration) -> Duration {
        let now = self.clock.since_start(elapsed).max(self.clock.now());
        now.saturating_sub(self.began.unwrap_or(now))
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        if self.began.is_some() {
            self.leave();
        }
    }
}

//! Deadlines in a target's clock, usable from any thread and executor.
//!
//! The timer runs on the I/O thread. Where a target has a [`Clock`] of its own
//! (an emulator that may be slower than the host's clock), a deadline that
//! fires on the host is checked against it, and what the guest has not had yet
//! is granted: a slow host is no failure. Where the guest runs only while it is waited
//! for, waiting for a deadline lets it run, exactly so far; the host's timer is then
//! only a watchdog.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::runtime::virtual_clock::HOST_CAP;
use crate::runtime::virtual_time::Look;
use crate::runtime::{HostError, VirtualClock, Wants, enter};

/// A question for the clock that is being answered on the I/O thread; `None` when it cannot be.
pub(crate) type Reading = Pin<Box<dyn Future<Output = Option<Duration>> + Send>>;

/// A guest's own clock.
pub(crate) trait Clock: Send + Sync {
    /// Asks for the time the guest has run since it was powered on.
    fn read(&self) -> Reading;
}

/// Fires once the timeout has passed in the target's clock.
pub(crate) struct Deadline {
    timeout: Duration,
    clock: Option<Arc<dyn Clock>>,
    stepped: Option<Box<Stepped>>,
    armed: Option<Armed>,
}

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

    fn poll(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let began = *self.began.get_or_insert_with(|| self.clock.now());
        // A longer one is as good as none.
        let until = began
            .checked_add(timeout)
            .filter(|until| until.as_nanos() <= i64::MAX as u128);
        let look = self.look.take().unwrap_or_else(|| self.clock.look());
        self.clock.poll(self.id, until, &self.wants, look, cx)
    }

    /// The clock's time since the deadline was armed.
    fn waited(&self) -> Duration {
        let began = self
            .began
            .map(|began| self.clock.now().saturating_sub(began));
        began.unwrap_or_default()
    }

    /// As [`waited`](Self::waited), at the time that the guest's own clock shows.
    fn had(&self, elapsed: Option<Duration>) -> Duration {
        let (Some(began), Some(elapsed)) = (self.began, elapsed) else {
            return self.waited();
        };
        self.clock.since_start(elapsed).saturating_sub(began)
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        if self.began.is_some() {
            self.clock.leave(self.id);
        }
    }
}

struct Armed {
    /// By the host's clock: the user's runtime may have paused tokio's.
    since: Instant,
    sleep: Pin<Box<Sleep>>,
    began: Answer,
    now: Option<Reading>,
    /// Set when no more time was granted, though the guest has not had all of it.
    cut_short: Option<CutShort>,
}

/// What a guest that has not had its whole time has had of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutShort {
    Had(Duration),
    /// Its clock could not be read.
    Unknown,
}

/// The guest's time when the deadline was armed.
enum Answer {
    Asked(Reading),
    Is(Option<Duration>),
}

impl Deadline {
    pub(crate) fn new(timeout: Duration, clock: Option<Arc<dyn Clock>>) -> Self {
        Self {
            timeout,
            clock,
            stepped: None,
            armed: None,
        }
    }

    /// As [`new`](Self::new); where the guest runs only while it is waited for, this lets it run.
    pub(crate) fn stepping(
        timeout: Duration,
        clock: Option<Arc<dyn Clock>>,
        stepped: Option<Stepped>,
    ) -> Self {
        Self {
            stepped: stepped.map(Box::new),
            ..Self::new(timeout, clock)
        }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Time since the first poll: the host's, or that of the virtual clock.
    pub(crate) fn waited(&self) -> Duration {
        match (&self.stepped, &self.armed) {
            (Some(stepped), _) => stepped.waited(),
            (None, Some(armed)) => armed.since.elapsed(),
            (None, None) => Duration::ZERO,
        }
    }

    /// What the guest has had of the timeout, if it was not granted all, or may have been.
    pub(crate) fn cut_short(&self) -> Option<CutShort> {
        self.armed.as_ref()?.cut_short
    }

    /// Sets the clock that counts, unless the deadline has been armed: it may have been
    /// made before the board was turned on.
    pub(crate) fn set_clock(&mut self, clock: Option<Arc<dyn Clock>>) {
        if self.armed.is_none() {
            self.clock = clock;
        }
    }

    /// The host's time since the first poll, if it was that which has run out.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        let armed = self.armed.as_ref()?;
        armed.cut_short?;
        self.stepped.as_ref().map(|_| armed.since.elapsed())
    }

    /// To be called by who looks at what the guest has sent, before the look and the
    /// [`poll`](Self::poll) that follows it: a byte that comes in between is not overlooked.
    pub(crate) fn begin_look(&mut self) {
        if let Some(stepped) = &mut self.stepped {
            stepped.look = Some(stepped.clock.look());
        }
    }

    /// Lets the guest run no longer: what was waited for has come.
    pub(crate) fn leave(&self) {
        if let Some(stepped) = &self.stepped {
            stepped.clock.leave(stepped.id);
        }
    }

    /// Ready when the deadline has passed; armed by the first call.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HostError>> {
        if let Some(stepped) = &mut self.stepped {
            if stepped.poll(self.timeout, cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let armed = match &mut self.armed {
                Some(armed) => armed,
                none => none.insert(arm(stepped.clock.watchdog(self.timeout), None)?),
            };
            return armed.watch(cx, stepped, self.clock.as_deref()).map(Ok);
        }
        let armed = match &mut self.armed {
            Some(armed) => armed,
            none => none.insert(arm(self.timeout, self.clock.as_deref())?),
        };
        armed.poll(cx, self.timeout, self.clock.as_deref()).map(Ok)
    }
}

fn arm(timeout: Duration, clock: Option<&dyn Clock>) -> Result<Armed, HostError> {
    let _on_io_thread = enter()?;
    let since = Instant::now();
    Ok(Armed {
        since,
        sleep: Box::pin(tokio::time::sleep_until(after(since, timeout).into())),
        began: clock.map_or(Answer::Is(None), |clock| Answer::Asked(clock.read())),
        now: None,
        cut_short: None,
    })
}

impl Armed {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        timeout: Duration,
        clock: Option<&dyn Clock>,
    ) -> Poll<()> {
        loop {
            if let Some(reading) = &mut self.now {
                if let Answer::Asked(began) = &mut self.began {
                    self.began = Answer::Is(ready!(began.as_mut().poll(cx)));
                }
                let now = ready!(reading.as_mut().poll(cx));
                self.now = None;
                let rest = self.rest(now, timeout);
                if rest.is_zero() {
                    return Poll::Ready(());
                }
                self.sleep
                    .as_mut()
                    .reset(after(Instant::now(), rest).into());
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match clock {
                Some(clock) => self.now = Some(clock.read()),
                None => return Poll::Ready(()),
            }
        }
    }

    /// Ready when the host's time has run out, and it is known how far the guest has got.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        stepped: &Stepped,
        clock: Option<&dyn Clock>,
    ) -> Poll<()> {
        if self.now.is_none() {
            ready!(self.sleep.as_mut().poll(cx));
        }
        let elapsed = match (&mut self.now, clock) {
            (Some(reading), _) => ready!(reading.as_mut().poll(cx)),
            (now @ None, Some(clock)) => ready!(now.insert(clock.read()).as_mut().poll(cx)),
            (None, None) => None,
        };
        self.cut_short = Some(CutShort::Had(stepped.had(elapsed)));
        Poll::Ready(())
    }

    /// How much of its time the guest has not had yet, as far as the cap allows.
    fn rest(&mut self, now: Option<Duration>, timeout: Duration) -> Duration {
        let (Answer::Is(Some(began)), Some(now)) = (&self.began, now) else {
            self.cut_short = Some(CutShort::Unknown);
            return Duration::ZERO;
        };
        let had = now.saturating_sub(*began);
        let owed = timeout.saturating_sub(had);
        let allowed = timeout
            .saturating_mul(HOST_CAP)
            .saturating_sub(self.since.elapsed());
        let rest = owed.min(allowed);
        self.cut_short = (rest < owed).then_some(CutShort::Had(had));
        rest
    }
}

/// `instant + wait`, or far away where that would overflow.
fn after(instant: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(86400 * 365);
    instant + wait.min(FAR)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// The guest's clock, as it is.
    struct Stands(Duration);

    impl Clock for Stands {
        fn read(&self) -> Reading {
            let now = self.0;
            Box::pin(async move { Some(now) })
        }
    }

    #[tokio::test]
    async fn a_deadline_ends_when_guest_time_does_not_advance() {
        let clock = Arc::new(Stands(Duration::from_secs(1)));
        let mut deadline = Deadline::new(Duration::from_millis(20), Some(clock));
        poll_fn(|cx| deadline.poll(cx)).await.unwrap();
        let had = CutShort::Had(Duration::ZERO);
        assert_eq!(deadline.cut_short(), Some(had));
    }

    /// The clock of the runtime in which it is polled stands still, too.
    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_in_a_runtime_with_paused_time() {
        let clock = Arc::new(Stands(Duration::from_secs(1)));
        let mut deadline = Deadline::new(Duration::from_millis(20), Some(clock));
        // On a thread of its own, because this one never returns if it goes wrong.
        let (done, ended) = std::sync::mpsc::channel();
        let user = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            let _in_users_runtime = user.enter();
            futures::executor::block_on(poll_fn(|cx| deadline.poll(cx))).unwrap();
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    /// A clock that is never read in time.
    struct Unreadable;

    impl Clock for Unreadable {
        fn read(&self) -> Reading {
            Box::pin(async { None })
        }
    }

    #[tokio::test]
    async fn an_unreadable_clock_cuts_a_deadline_short() {
        let timeout = Duration::from_millis(1);
        let mut deadline = Deadline::new(timeout, Some(Arc::new(Unreadable)));
        poll_fn(|cx| deadline.poll(cx)).await.unwrap();
        assert_eq!(deadline.cut_short(), Some(CutShort::Unknown));
    }

    #[tokio::test]
    async fn a_deadline_uses_the_clock_set_before_it_is_armed() {
        let mut deadline = Deadline::new(Duration::ZERO, Some(Arc::new(Unreadable)));
        deadline.set_clock(Some(Arc::new(Stands(Duration::ZERO))));
        poll_fn(|cx| deadline.poll(cx)).await.unwrap();
        assert_eq!(deadline.cut_short(), None);
    }

    #[tokio::test]
    async fn a_deadline_that_guest_time_reached_is_not_cut_short() {
        let clock = Arc::new(Stands(Duration::from_secs(1)));
        let mut deadline = Deadline::new(Duration::ZERO, Some(clock));
        poll_fn(|cx| deadline.poll(cx)).await.unwrap();
        assert_eq!(deadline.cut_short(), None);
    }
}

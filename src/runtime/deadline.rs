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
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::clock::{Clock, CutShort, Reading, after};
use super::stepped::Stepped;
use super::virtual_clock::HOST_CAP;
use super::watch::Watch;
use super::{HostError, enter};

/// Fires once the timeout has passed in the target's clock.
pub(crate) struct Deadline {
    timeout: Duration,
    clock: Option<Arc<dyn Clock>>,
    stepped: Option<Box<Stepped>>,
    armed: Option<Armed>,
    /// Watches the guest of a stepped deadline on the host.
    watch: Option<Box<Watch>>,
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
            watch: None,
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
        match &self.watch {
            Some(watch) => watch.outcome().map(|(_, had)| had),
            None => self.armed.as_ref()?.cut_short,
        }
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
        let (on_host, _) = self.watch.as_ref()?.outcome()?;
        Some(on_host)
    }

    /// To be called by who looks at what the guest has sent, before the look and the
    /// [`poll`](Self::poll) that follows it: a byte that comes in between is not overlooked.
    pub(crate) fn begin_look(&mut self) {
        if let Some(stepped) = &mut self.stepped {
            stepped.begin_look();
        }
    }

    /// Lets the guest run no longer: what was waited for has come.
    pub(crate) fn leave(&self) {
        if let Some(stepped) = &self.stepped {
            stepped.leave();
        }
    }

    /// Ready when the deadline has passed; armed by the first call.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HostError>> {
        if let Some(stepped) = &mut self.stepped {
            if stepped.poll(self.timeout, cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let watch = match &mut self.watch {
                Some(watch) => watch,
                none => none.insert(Box::new(Watch::begin(stepped, self.timeout)?)),
            };
            return watch.poll(cx, stepped, self.clock.as_deref()).map(Ok);
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

//! [`Watch`]: the host's watchdog over a guest that runs only while it is waited for.
//!
//! The guest is given up after a multiple of its time limit, and earlier if it is clear that it
//! cannot get there: while it runs without a stop, its emulator does not answer, or hardly any of
//! its time passes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::clock::{Clock, CutShort, Reading, after};
use super::stepped::Stepped;
use super::virtual_time::Look;
use super::{HostError, enter};

/// The time before the first look at the guest, which may not have been told to run until then.
const FIRST: Duration = Duration::from_secs(1);
/// The time for which a guest is measured: Renode tells the time in steps of 10 ms, so less would
/// be unfair to a guest whose instructions take a thousand times their time.
const MEASURED: Duration = Duration::from_secs(30);
/// Hardly any time passes for a guest that gets less than one part of this many of the host's.
const HARDLY: u32 = 10_000;

pub(super) struct Watch {
    since: Instant,
    /// The end of all patience.
    end: Instant,
    /// The time between two looks at the guest.
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    progress: Progress,
    /// The guest's clock, while it is being read.
    reading: Option<Reading>,
    outcome: Option<(Duration, CutShort)>,
}

/// What a guest gets of the host's time.
#[derive(Default)]
struct Progress(Option<Measured>);

/// The beginning of a measurement.
#[derive(Clone, Copy)]
struct Measured {
    run: Look,
    since: Instant,
    /// What the guest had had at least.
    had: Duration,
}

impl Watch {
    pub(super) fn begin(stepped: &Stepped, timeout: Duration) -> Result<Self, HostError> {
        let _on_io_thread = enter()?;
        let since = Instant::now();
        let end = after(since, stepped.clock().watchdog(timeout));
        let pause = stepped.clock().patience();
        let first = after(since, pause.min(FIRST)).min(end);
        Ok(Self {
            since,
            end,
            pause,
            sleep: Box::pin(tokio::time::sleep_until(first.into())),
            progress: Progress::default(),
            reading: None,
            outcome: None,
        })
    }

    /// Returns the host's time until the guest was given up, and what the guest had had.
    pub(super) fn outcome(&self) -> Option<(Duration, CutShort)> {
        self.outcome
    }

    /// Ready once the guest is given up.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stepped: &Stepped,
        clock: Option<&dyn Clock>,
    ) -> Poll<()> {
        loop {
            if self.reading.is_none() {
                ready!(self.sleep.as_mut().poll(cx));
                // A guest that is stopped now and then is not measured.
                if self.progress.is_of(stepped.clock().running()) || Instant::now() >= self.end {
                    self.reading = clock.map(Clock::read);
                }
            }
            let had = match &mut self.reading {
                Some(reading) => match ready!(reading.as_mut().poll(cx)) {
                    Some(elapsed) => CutShort::Had(stepped.had(elapsed)),
                    None => CutShort::NoAnswer(stepped.waited()),
                },
                None => CutShort::AtLeast(stepped.waited()),
            };
            self.reading = None;
            let now = Instant::now();
            let run = stepped.clock().running();
            if now >= self.end || self.progress.is_hopeless(had, run, now) {
                self.outcome = Some((now - self.since, had));
                return Poll::Ready(());
            }
            let next = after(now, self.pause).min(self.end);
            self.sleep.as_mut().reset(next.into());
        }
    }
}

impl Progress {
    /// Returns true if `run` is the one that is being measured: the guest has not been stopped since.
    fn is_of(&self, run: Option<Look>) -> bool {
        run.is_some() && run == self.0.map(|measured| measured.run)
    }

    /// Returns true if a guest that has had `had`, and is in `run`, cannot get on. Begins another
    /// measurement after a complete one, or if the guest has been stopped.
    fn is_hopeless(&mut self, had: CutShort, run: Option<Look>, now: Instant) -> bool {
        let measured = self.0.filter(|_| self.is_of(run));
        let so_far = match (had, measured) {
            (CutShort::Had(so_far), Some(measured)) => {
                let on_host = now - measured.since;
                if on_host < MEASURED {
                    return false;
                }
                if so_far.saturating_sub(measured.had) < on_host / HARDLY {
                    return true;
                }
                so_far
            }
            (
                CutShort::Had(so_far) | CutShort::AtLeast(so_far) | CutShort::NoAnswer(so_far),
                None,
            ) => so_far,
            (CutShort::NoAnswer(_), Some(_)) => return true,
            (CutShort::AtLeast(_) | CutShort::Unknown, _) => return false,
        };
        self.0 = run.map(|run| Measured {
            run,
            since: now,
            had: so_far,
        });
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use super::*;
    use crate::runtime::{Deadline, VirtualClock, Wants};

    const MS: Duration = Duration::from_millis(1);

    /// Two runs, between which the guest has been paused.
    fn runs() -> [Option<Look>; 2] {
        let clock = VirtualClock::new(1, MS);
        let first = clock.look();
        clock.paused();
        [Some(first), Some(clock.look())]
    }

    #[test]
    fn a_guest_that_gets_hardly_any_time_is_hopeless() {
        let [run, _] = runs();
        for (each, expected) in [(MS * 2, true), (MS * 4, false)] {
            let (mut progress, began) = (Progress::default(), Instant::now());
            let mut is_hopeless = |seconds: u32, had: Duration| {
                progress.is_hopeless(CutShort::Had(had), run, began + seconds * 1000 * MS)
            };
            assert!(!is_hopeless(0, MS * 700));
            assert!(!is_hopeless(29, MS * 700), "not measured for long enough");
            assert_eq!(is_hopeless(30, MS * 700 + each), expected);
            if !expected {
                // What it had before does not count.
                assert!(!is_hopeless(59, MS * 700 + each));
                assert!(is_hopeless(60, MS * 700 + each + MS * 2));
            }
        }
    }

    #[test]
    fn a_guest_that_was_stopped_in_between_is_not_hopeless() {
        let [first, second] = runs();
        let had = CutShort::Had(Duration::ZERO);
        for other in [None, second] {
            let (mut progress, began) = (Progress::default(), Instant::now());
            assert!(!progress.is_hopeless(had, first, began));
            assert!(!progress.is_hopeless(had, other, began + 60_000 * MS));
            assert!(!progress.is_hopeless(CutShort::NoAnswer(MS), None, began + 90_000 * MS));
        }
    }

    #[tokio::test]
    async fn a_guest_that_a_debugger_may_have_halted_is_in_no_run() {
        let clock = Arc::new(VirtualClock::new(1, MS));
        clock.prepare();
        clock.begin();
        let mut deadline =
            Deadline::stepping(MS, None, Some(Stepped::new(&clock, Wants::default())));
        poll_fn(|cx| {
            assert!(deadline.poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        clock.next_order().await;
        let debugging = clock.begin_debugging();
        assert_eq!(clock.running(), None);
        drop(debugging);
        assert!(clock.running().is_some());
    }

    /// A clock of an emulator that does not answer.
    struct Unreadable;

    impl Clock for Unreadable {
        fn read(&self) -> Reading {
            Box::pin(async { None })
        }
    }

    #[tokio::test]
    async fn an_emulator_that_does_not_answer_is_given_up_long_before_the_end() {
        let clock = Arc::new(VirtualClock::new(1, MS * 20));
        clock.prepare();
        clock.begin();
        let timeout = Duration::from_secs(3600);
        let stepped = Stepped::new(&clock, Wants::default());
        let mut deadline = Deadline::stepping(timeout, Some(Arc::new(Unreadable)), Some(stepped));
        let drives = async {
            clock.next_order().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = drives => {}
            polled = poll_fn(|cx| deadline.poll(cx)) => polled.unwrap(),
        }
        assert_eq!(
            deadline.cut_short(),
            Some(CutShort::NoAnswer(Duration::ZERO))
        );
        assert!(deadline.watchdog().unwrap() < Duration::from_secs(60));
    }
}

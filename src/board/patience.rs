//! [`Patience`]: how long an emulator may take to do something.

use std::sync::Arc;
use std::time::Duration;

use crate::process::{Activity, Process};

/// How long an emulator may take to do something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// This time of the host.
    Host(Duration),
    /// As long as it works, but at most this time of a processor: an emulator that hangs is left
    /// soon, one on a busy host is not.
    Working(Duration),
}

impl From<Duration> for Patience {
    fn from(limit: Duration) -> Self {
        Self::Host(limit)
    }
}

/// An emulator was not ready after this time of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow {
    pub(super) after: Duration,
}

/// How often it is asked whether the emulator works: the system offers no event for that.
const INTERVAL: Duration = Duration::from_millis(250);
/// The time after which an emulator hangs that neither works nor wants to.
const IDLE: Duration = Duration::from_millis(1250);
/// The longest time of the host.
const LONGEST: Duration = Duration::from_secs(20);
/// The longest time of the host, where the system does not tell what a process does.
const UNWATCHED: Duration = Duration::from_secs(2);

impl Patience {
    /// Waits for what `process` does.
    pub(super) async fn wait<T>(
        self,
        process: Option<Arc<Process>>,
        act: impl Future<Output = T>,
    ) -> Result<T, TooSlow> {
        let of_processor = match self {
            Self::Host(limit) => {
                return tokio::time::timeout(limit, act)
                    .await
                    .map_err(|_| TooSlow { after: limit });
            }
            Self::Working(of_processor) => of_processor,
        };
        let activity = || process.as_ref().and_then(|it| it.activity());
        let mut work = Work::new(of_processor, activity());
        let mut act = std::pin::pin!(act);
        loop {
            if let Ok(output) = tokio::time::timeout(INTERVAL, &mut act).await {
                return Ok(output);
            }
            if !work.goes_on(activity()) {
                let after = INTERVAL * work.passed;
                return Err(TooSlow { after });
            }
        }
    }
}

/// What an emulator has done since a wait began.
struct Work {
    first: Option<Activity>,
    last: Option<Activity>,
    of_processor: Duration,
    /// The number of intervals that have passed, and of those since it worked.
    passed: u32,
    idle: u32,
}

impl Work {
    fn new(of_processor: Duration, first: Option<Activity>) -> Self {
        Self {
            first,
            last: first,
            of_processor,
            passed: 0,
            idle: 0,
        }
    }

    /// Adds an interval; returns false if the emulator was given enough time.
    fn goes_on(&mut self, now: Option<Activity>) -> bool {
        self.passed += 1;
        let (Some(first), Some(last), Some(now)) = (self.first, self.last, now) else {
            return INTERVAL * self.passed < UNWATCHED;
        };
        let has_worked = now.wants_to_run || now.used > last.used;
        self.idle = if has_worked { 0 } else { self.idle + 1 };
        self.last = Some(now);
        INTERVAL * self.idle < IDLE
            && now.used.saturating_sub(first.used) < self.of_processor
            && INTERVAL * self.passed < LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::millis;

    /// Returns the number of intervals that an emulator gets which uses these milliseconds of a
    /// processor in each.
    fn intervals(activity: impl Fn(u64) -> Option<(u64, bool)>) -> usize {
        let at = |interval| {
            activity(interval).map(|(used, wants_to_run)| Activity {
                used: millis(used),
                wants_to_run,
                memory: 0,
            })
        };
        let mut work = Work::new(millis(1500), at(0));
        let goes_on = |interval: &u64| work.goes_on(at(*interval));
        (1..1000).take_while(goes_on).count()
    }

    #[test]
    fn only_an_emulator_that_works_gets_more_time() {
        assert_eq!(intervals(|_| Some((4711, false))), 4, "it hangs");
        assert_eq!(
            intervals(|it| Some((it * 250, true))),
            5,
            "it works in vain"
        );
        assert_eq!(intervals(|it| Some((it, true))), 79, "the host is busy");
        assert_eq!(
            intervals(|it| Some((10 * (it / 2), false))),
            79,
            "it does a little"
        );
        assert_eq!(intervals(|_| None), 7, "the system does not tell");
    }
}

//! Arrival times of the transcript's bytes, in bounded memory.
//!
//! [`Timestamps`] are exact to a millisecond. When there are too many, every second one is
//! dropped, and from then on they are exact to twice the time.

use std::collections::VecDeque;
use std::time::Duration;

/// The limit for their number.
const MOST_TIMESTAMPS: usize = 1 << 16;

/// Arrival times by offset.
#[derive(Debug)]
pub(crate) struct Timestamps {
    /// Offsets, each with the time at which its byte arrived; both ascend.
    timestamps: VecDeque<(u64, Duration)>,
    /// The time within which bytes share a timestamp.
    apart: Duration,
}

impl Default for Timestamps {
    fn default() -> Self {
        Self {
            timestamps: VecDeque::new(),
            apart: Duration::from_millis(1),
        }
    }
}

impl Timestamps {
    /// Records that the byte at `offset` arrived at `time`.
    pub(crate) fn record(&mut self, offset: u64, time: Duration) {
        if let Some((_, last)) = self.timestamps.back()
            && time.saturating_sub(*last) < self.apart
        {
            return;
        }
        if self.timestamps.len() == MOST_TIMESTAMPS {
            let mut index = 0;
            self.timestamps.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.apart *= 2;
        }
        self.timestamps.push_back((offset, time));
    }

    /// Returns the time at which the byte at `offset` arrived.
    pub(crate) fn time(&self, offset: u64) -> Duration {
        let after = self
            .timestamps
            .partition_point(|(start, _)| *start <= offset);
        let timestamp = after
            .checked_sub(1)
            .and_then(|index| self.timestamps.get(index));
        timestamp.map_or(Duration::ZERO, |(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_one_millisecond_share_a_timestamp() {
        let mut timestamps = Timestamps::default();
        timestamps.record(0, Duration::from_micros(100));
        timestamps.record(5, Duration::from_micros(900));
        timestamps.record(9, Duration::from_micros(1200));
        assert_eq!(timestamps.time(7), Duration::from_micros(100));
        assert_eq!(timestamps.time(9), Duration::from_micros(1200));
    }

    #[test]
    fn memory_is_bounded_and_the_times_stay_close() {
        let mut timestamps = Timestamps::default();
        let count = 4 * MOST_TIMESTAMPS as u64;
        for n in 0..count {
            timestamps.record(n, Duration::from_millis(2 * n));
        }
        assert!(timestamps.timestamps.len() <= MOST_TIMESTAMPS);
        let found = timestamps.time(count / 2);
        assert!(found.abs_diff(Duration::from_millis(count)) < Duration::from_millis(64));
    }
}

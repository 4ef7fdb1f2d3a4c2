//! When which byte of the transcript arrived, to the millisecond and in bounded memory.

use std::collections::VecDeque;
use std::time::Duration;

const MOST_MARKS: usize = 1 << 16;

/// Arrival times by offset.
#[derive(Debug)]
pub(crate) struct Timestamps {
    /// (offset of the first byte, when it arrived), both ascending.
    timestamps: VecDeque<(u64, Duration)>,
    /// Bytes that arrive closer than this to a mark share it.
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
    /// Notes that the byte at `offset` arrived at `time`.
    pub(crate) fn note(&mut self, offset: u64, time: Duration) {
        if let Some((_, last)) = self.timestamps.back()
            && time.saturating_sub(*last) < self.apart
        {
            return;
        }
        if self.timestamps.len() == MOST_MARKS {
            let mut index = 0;
            self.timestamps.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.apart *= 2;
        }
        self.timestamps.push_back((offset, time));
    }

    /// When the byte at `offset` arrived.
    pub(crate) fn time(&self, offset: u64) -> Duration {
        let after = self
            .timestamps
            .partition_point(|(start, _)| *start <= offset);
        let mark = after
            .checked_sub(1)
            .and_then(|index| self.timestamps.get(index));
        mark.map_or(Duration::ZERO, |(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_one_millisecond_share_a_mark() {
        let mut timestamps = Timestamps::default();
        timestamps.note(0, Duration::from_micros(100));
        timestamps.note(5, Duration::from_micros(900));
        timestamps.note(9, Duration::from_micros(1200));
        assert_eq!(timestamps.time(7), Duration::from_micros(100));
        assert_eq!(timestamps.time(9), Duration::from_micros(1200));
    }

    #[test]
    fn memory_is_bounded_and_the_times_stay_close() {
        let mut timestamps = Timestamps::default();
        let count = 4 * MOST_MARKS as u64;
        for n in 0..count {
            timestamps.note(n, Duration::from_millis(2 * n));
        }
        assert!(timestamps.timestamps.len() <= MOST_MARKS);
        let found = timestamps.time(count / 2);
        assert!(found.abs_diff(Duration::from_millis(count)) < Duration::from_millis(64));
    }
}

//! When which byte of the transcript arrived, to the millisecond and in bounded memory.

use std::collections::VecDeque;
use std::time::Duration;

const MOST_MARKS: usize = 1 << 16;

/// Arrival times by offset.
#[derive(Debug)]
pub(crate) struct Marks {
    /// (offset of the first byte, when it arrived), both ascending.
    marks: VecDeque<(u64, Duration)>,
    /// Bytes that arrive closer than this to a mark share it.
    apart: Duration,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            marks: VecDeque::new(),
            apart: Duration::from_millis(1),
        }
    }
}

impl Marks {
    /// Notes that the byte at `offset` arrived at `time`.
    pub(crate) fn note(&mut self, offset: u64, time: Duration) {
        if let Some((_, last)) = self.marks.back()
            && time.saturating_sub(*last) < self.apart
        {
            return;
        }
        if self.marks.len() == MOST_MARKS {
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.apart *= 2;
        }
        self.marks.push_back((offset, time));
    }

    /// When the byte at `offset` arrived.
    pub(crate) fn time(&self, offset: u64) -> Duration {
        let after = self.marks.partition_point(|(start, _)| *start <= offset);
        let mark = after.checked_sub(1).and_then(|index| self.marks.get(index));
        mark.map_or(Duration::ZERO, |(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_one_millisecond_share_a_mark() {
        let mut marks = Marks::default();
        marks.note(0, Duration::from_micros(100));
        marks.note(5, Duration::from_micros(900));
        marks.note(9, Duration::from_micros(1200));
        assert_eq!(marks.time(7), Duration::from_micros(100));
        assert_eq!(marks.time(9), Duration::from_micros(1200));
    }

    #[test]
    fn memory_is_bounded_and_the_times_stay_close() {
        let mut marks = Marks::default();
        let count = 4 * MOST_MARKS as u64;
        for n in 0..count {
            marks.note(n, Duration::from_millis(2 * n));
        }
        assert!(marks.marks.len() <= MOST_MARKS);
        let found = marks.time(count / 2);
        assert!(found.abs_diff(Duration::from_millis(count)) < Duration::from_millis(64));
    }
}

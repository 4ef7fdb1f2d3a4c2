//! [`Timeline`]: the operations on a target, with their times and outcomes.
//!
//! Its length is limited: the oldest events are removed first.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::beginning::beginning;

const MAX_EVENTS: usize = 1000;
/// The length in bytes to which an outcome, usually an error's message, is cut.
const MAX_OUTCOME_LEN: usize = 2000;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Timeline {
    /// The number of removed events, all of them before the first one here.
    pub(super) left_out: u64,
    pub(super) events: VecDeque<Event>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Event {
    /// Seconds since the target was made.
    pub(super) at_s: f64,
    /// The duration in seconds; none while the operation is in progress.
    pub(super) took_s: Option<f64>,
    pub(super) what: String,
    /// The place in the test: file and line.
    pub(super) at: String,
    pub(super) outcome: String,
}

/// The outcome of an operation that has not ended.
pub(super) const UNDER_WAY: &str = "under way";

impl Event {
    pub(super) fn is_under_way(&self) -> bool {
        self.outcome == UNDER_WAY
    }

    /// Returns the time of the end, or of the begin while the operation is in progress.
    pub(super) fn end_s(&self) -> f64 {
        self.at_s + self.took_s.unwrap_or_default()
    }
}

impl Timeline {
    /// Records an operation that begins at `now`, and returns the event's number.
    pub(super) fn begin(&mut self, now: Duration, what: &str, at: String) -> u64 {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
            self.left_out += 1;
        }
        self.events.push_back(Event {
            at_s: now.as_secs_f64(),
            took_s: None,
            what: what.to_owned(),
            at,
            outcome: UNDER_WAY.to_owned(),
        });
        self.left_out + self.events.len() as u64 - 1
    }

    /// Records the outcome of an event, unless the event has been removed.
    pub(super) fn end(&mut self, number: u64, now: Duration, outcome: &str) {
        let index = number.checked_sub(self.left_out);
        let event = index.and_then(|index| self.events.get_mut(usize::try_from(index).ok()?));
        if let Some(event) = event {
            event.took_s = Some(now.as_secs_f64() - event.at_s);
            event.outcome = beginning(outcome, MAX_OUTCOME_LEN).to_owned();
        }
    }

    pub(super) fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_dropped_and_others_keep_their_outcome() {
        let mut timeline = Timeline::default();
        let first = timeline.begin(Duration::ZERO, "first", String::new());
        let mut last = first;
        for n in 1..=MAX_EVENTS as u64 {
            last = timeline.begin(Duration::from_secs(n), "next", String::new());
        }
        timeline.end(first, Duration::from_secs(1), "lost");
        timeline.end(last, Duration::from_secs(2000), "ok");
        assert_eq!(timeline.events.len(), MAX_EVENTS);
        assert_eq!(timeline.left_out, 1);
        assert!(timeline.events.iter().all(|event| event.outcome != "lost"));
        let newest = timeline.events.back().unwrap();
        assert_eq!(newest.outcome, "ok");
        assert_eq!(newest.took_s, Some(1000.0));
    }
}

//! [`EmulatorLog`]: the lines that an emulator has logged since its board was turned on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::sync::lock;
use crate::uart::{Pattern, PatternError};

/// The number of bytes of lines that are kept.
const KEPT: usize = 1 << 20;

/// The lines of the log, and how far the test has looked at them; clones are the same log.
#[derive(Clone, Default)]
pub(crate) struct EmulatorLog(Arc<Log>);

#[derive(Default)]
struct Log {
    state: Mutex<State>,
    added: Notify,
}

/// Lines are numbered over all starts of the board.
#[derive(Default)]
struct State {
    lines: VecDeque<Box<str>>,
    bytes: usize,
    /// The number of the first line that is kept.
    first: u64,
    /// The number of the first line that the test has not looked at.
    cursor: u64,
}

/// What a search has found, from a line on.
pub(crate) enum Searched {
    /// The line with this number has the pattern.
    Found { number: u64, line: String },
    /// No line before this number has the pattern.
    NotBefore(u64),
    /// This many of the lines are no longer kept.
    Lost(u64),
}

impl EmulatorLog {
    /// Begins the log of another start of the board.
    pub(crate) fn begin(&self) {
        let mut state = self.lock();
        state.first = state.end();
        state.cursor = state.first;
        state.lines.clear();
        state.bytes = 0;
    }

    /// Adds a line, with or without its end.
    pub(crate) fn add(&self, line: &str) {
        let line = line.trim_end();
        let mut state = self.lock();
        state.bytes += line.len();
        state.lines.push_back(line.into());
        while state.bytes > KEPT
            && let Some(oldest) = state.lines.pop_front()
        {
            state.bytes -= oldest.len();
            state.first += 1;
        }
        drop(state);
        self.0.added.notify_waiters();
    }

    /// Returns the number of the first line that the test has not looked at.
    pub(crate) fn cursor(&self) -> u64 {
        self.lock().cursor
    }

    /// Moves the cursor behind a line, unless it is further ahead.
    pub(crate) fn skip(&self, number: u64) {
        let mut state = self.lock();
        state.cursor = state.cursor.max(number + 1);
    }

    /// Looks for a line from number `from` on.
    pub(crate) fn search(&self, pattern: &Pattern, from: u64) -> Result<Searched, PatternError> {
        let state = self.lock();
        if from < state.first {
            return Ok(Searched::Lost(state.first - from));
        }
        let skipped = usize::try_from(from - state.first).unwrap_or(usize::MAX);
        for (number, line) in (from..).zip(state.lines.iter().skip(skipped)) {
            if pattern.find(line.as_bytes())?.is_some() {
                let line = line.to_string();
                return Ok(Searched::Found { number, line });
            }
        }
        Ok(Searched::NotBefore(state.end()))
    }

    /// Returns the last `most` lines from number `from` on.
    pub(crate) fn last(&self, from: u64, most: usize) -> Vec<String> {
        let state = self.lock();
        let from = from
            .max(state.first)
            .max(state.end().saturating_sub(most as u64));
        let skipped = usize::try_from(from - state.first).unwrap_or(usize::MAX);
        state
            .lines
            .iter()
            .skip(skipped)
            .map(ToString::to_string)
            .collect()
    }

    /// Waits until there is a line with this number.
    pub(crate) async fn reached(&self, number: u64) {
        loop {
            let mut added = std::pin::pin!(self.0.added.notified());
            added.as_mut().enable();
            if self.lock().end() > number {
                return;
            }
            added.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl State {
    /// Returns the number of the next line.
    fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uart::IntoPattern;

    fn found(log: &EmulatorLog, pattern: &str, from: u64) -> Option<(u64, String)> {
        match log.search(&pattern.into_pattern().unwrap(), from).unwrap() {
            Searched::Found { number, line } => Some((number, line)),
            Searched::NotBefore(end) => {
                assert!(end >= from);
                None
            }
            Searched::Lost(lines) => panic!("{lines} lines are lost"),
        }
    }

    #[test]
    fn the_cursor_stands_behind_what_was_found_and_begins_anew_with_the_board() {
        let log = EmulatorLog::default();
        for line in ["one\n", "two\r\n", "one more"] {
            log.add(line);
        }
        assert_eq!(
            found(&log, "one", log.cursor()),
            Some((0, "one".to_owned()))
        );
        log.skip(0);
        let more = Some((2, "one more".to_owned()));
        assert_eq!(found(&log, "one", log.cursor()), more);
        log.skip(2);
        log.skip(1);
        assert_eq!(found(&log, "one", log.cursor()), None);
        assert_eq!(log.last(1, 5), ["two", "one more"]);
        assert_eq!(log.last(0, 1), ["one more"]);
        log.add("one unread");
        log.begin();
        assert_eq!(found(&log, "one", log.cursor()), None);
        log.add("one of the next start");
        assert_eq!(found(&log, "one", log.cursor()).map(|it| it.0), Some(4));
    }

    #[test]
    fn lines_that_are_no_longer_kept_are_not_taken_for_read_ones() {
        let log = EmulatorLog::default();
        log.add("the first");
        for _ in 0..3 {
            log.add(&"x".repeat(KEPT / 2));
        }
        let searched = log.search(&"first".into_pattern().unwrap(), log.cursor());
        assert!(matches!(searched, Ok(Searched::Lost(2))));
        assert_eq!(found(&log, "first", 2), None);
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_line() {
        let log = EmulatorLog::default();
        let add = async {
            tokio::task::yield_now().await;
            log.add("a line");
        };
        tokio::join!(log.reached(0), add);
    }
}

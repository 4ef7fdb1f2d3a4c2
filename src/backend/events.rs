//! [`Events`]: what a board does apart from its UARTs, such as a change of an LED.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::sync::lock;

/// The largest number of events that are kept for the artifacts.
const MOST: usize = 10_000;

/// One event, at the guest's time since the emulator's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) time: Duration,
    /// The machine's number, the name of the peripheral or processor, and what it does, such as
    /// `0 sysbus.gpioPortD.UserLED on`.
    pub(crate) text: String,
}

/// The events of a board that somebody waits for or has waited for.
#[derive(Default)]
pub(crate) struct Events {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    /// The number of events that are no longer kept.
    gone: usize,
}

impl Events {
    pub(crate) fn add(&self, event: Event) {
        let mut state = self.lock();
        if state.events.len() >= MOST {
            state.events.drain(..MOST / 2);
            state.gone += MOST / 2;
        }
        state.events.push(event);
        drop(state);
        self.added.notify_waiters();
    }

    /// Returns the number of events so far.
    pub(crate) fn count(&self) -> usize {
        let state = self.lock();
        state.gone + state.events.len()
    }

    /// Waits for an event with this text, behind the first `from` events.
    pub(crate) async fn wait(&self, from: usize, text: &str) {
        loop {
            let mut added = std::pin::pin!(self.added.notified());
            added.as_mut().enable();
            if self.has(from, text) {
                return;
            }
            added.await;
        }
    }

    fn has(&self, from: usize, text: &str) -> bool {
        let state = self.lock();
        let mut later = state.events.iter().skip(from.saturating_sub(state.gone));
        later.any(|event| event.text == text)
    }

    /// Returns the events as the text of an artifact.
    pub(crate) fn report(&self) -> String {
        let mut report = String::new();
        for Event { time, text } in &self.lock().events {
            let (_, what) = text.split_once(' ').unwrap_or_default();
            // Writing to a text cannot fail.
            let _ = writeln!(report, "[{:>12.6}] {what}", time.as_secs_f64());
        }
        report
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_events_after_the_given_number_count() {
        let events = Events::default();
        let add = |text: &str| {
            events.add(Event {
                time: Duration::from_micros(1500),
                text: text.to_owned(),
            });
        };
        add("0 led on");
        let from = events.count();
        assert!(!events.has(from, "0 led on"));
        let later = async {
            tokio::task::yield_now().await;
            add("0 led off");
            add("0 led on");
        };
        tokio::join!(events.wait(from, "0 led on"), later);
        assert_eq!(
            events.report().lines().next(),
            Some("[    0.001500] led on")
        );
        for _ in 0..MOST {
            add("0 led off");
        }
        assert!(events.has(events.count() - 1, "0 led off"));
        assert!(!events.has(events.count(), "0 led off"));
    }
}

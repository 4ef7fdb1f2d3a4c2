//! [`Events`]: what a board does apart from its UARTs, such as a change of an LED.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

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

/// When an event was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// In a virtual clock, since the target was made.
    Clock(Duration),
    /// In the host's time.
    Host(Instant),
}

/// A change of an LED or a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: At,
    pub(crate) machine: usize,
    /// The LED, or the port and the number of the pin.
    pub(crate) what: String,
    /// What it is now, such as `on`.
    pub(crate) state: String,
}

/// The events of a board that somebody waits for or has waited for.
#[derive(Default)]
pub(crate) struct Events {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    events: Vec<(At, Event)>,
    /// The number of events that are no longer kept.
    gone: usize,
}

impl Events {
    /// Adds an event, which is noticed now, or at a time of a virtual clock.
    pub(crate) fn add(&self, event: Event, at: Option<Duration>) {
        let at = at.map_or_else(|| At::Host(Instant::now()), At::Clock);
        let mut state = self.lock();
        if state.events.len() >= MOST {
            state.events.drain(..MOST / 2);
            state.gone += MOST / 2;
        }
        state.events.push((at, event));
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
        later.any(|(_, event)| event.text == text)
    }

    /// Returns the changes of LEDs and pins.
    pub(crate) fn changes(&self) -> Vec<Change> {
        const STATES: [&str; 4] = ["on", "off", "high", "low"];
        let state = self.lock();
        let change = |(at, event): &(At, Event)| {
            let (machine, what) = event.text.split_once(' ')?;
            let (what, state) = what.rsplit_once(' ')?;
            STATES.contains(&state).then_some(())?;
            Some(Change {
                at: *at,
                machine: machine.parse().ok()?,
                what: what.to_owned(),
                state: state.to_owned(),
            })
        };
        state.events.iter().filter_map(change).collect()
    }

    /// Returns the events as the text of an artifact.
    pub(crate) fn report(&self) -> String {
        let mut report = String::new();
        for (_, Event { time, text }) in &self.lock().events {
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
            let time = Duration::from_micros(1500);
            let text = text.to_owned();
            events.add(Event { time, text }, Some(2 * time));
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
        add("1 sysbus.cpu reached");
        add("1 sysbus.gpioPortD 12 high");
        let changes = events.changes();
        let last = changes.last().unwrap();
        assert_eq!(last.at, At::Clock(Duration::from_millis(3)));
        assert_eq!(
            (last.machine, last.what.as_str(), last.state.as_str()),
            (1, "sysbus.gpioPortD 12", "high")
        );
        assert_eq!(changes.len(), 4);
        for _ in 0..MOST {
            add("0 led off");
        }
        assert!(events.has(events.count() - 1, "0 led off"));
        assert!(!events.has(events.count(), "0 led off"));
    }
}

//! What the guards of a UART have found, and whether the test has been told.

use std::sync::{Arc, Weak};

use super::guards::Alarm;
use crate::uart::error::Told;

/// The first alarm of each guard.
#[derive(Default)]
pub(crate) struct Alarms {
    alarms: Vec<Alarm>,
    told: Weak<()>,
    /// The verdict has been given.
    judged: bool,
}

impl Alarms {
    /// Adds what guards have found.
    pub(crate) fn raise(&mut self, alarms: impl IntoIterator<Item = Alarm>) {
        for alarm in alarms {
            match self
                .alarms
                .iter_mut()
                .find(|known| known.guard == alarm.guard)
            {
                Some(known) if known.end <= alarm.end => {}
                Some(known) => *known = alarm,
                None => self.alarms.push(alarm),
            }
        }
    }

    /// Forgets what this guard has found.
    pub(crate) fn withdraw(&mut self, guard: u64) {
        self.alarms.retain(|alarm| alarm.guard != guard);
    }

    /// The first one in the order of the output.
    pub(crate) fn first(&self) -> Option<&Alarm> {
        self.alarms.iter().min_by_key(|alarm| alarm.end)
    }

    /// An error is made that tells of them.
    pub(crate) fn tell(&mut self) -> Told {
        let held = self.told.upgrade().unwrap_or_default();
        self.told = Arc::downgrade(&held);
        Told::new(held)
    }

    /// Whether an error lives that tells of them.
    pub(crate) fn is_told(&self) -> bool {
        self.told.strong_count() > 0
    }

    /// At the end: the first alarm if no error that tells of it lives. Not twice.
    pub(crate) fn judge(&mut self) -> Option<Alarm> {
        let untold = !self.judged && !self.is_told();
        self.judged = true;
        self.first().filter(|_| untold).cloned()
    }
}

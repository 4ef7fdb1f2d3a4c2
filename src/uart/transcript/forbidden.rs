//! What the guards of a UART have found, and whether the test has been told.

use std::sync::{Arc, Weak};

use super::guards::ForbiddenMatch;
use crate::uart::error::Reported;

/// The first forbidden of each guard.
#[derive(Default)]
pub(crate) struct ForbiddenMatches {
    matches: Vec<ForbiddenMatch>,
    reported: Weak<()>,
    /// The verdict has been given.
    judged: bool,
}

impl ForbiddenMatches {
    /// Adds what guards have found.
    pub(crate) fn raise(&mut self, matches: impl IntoIterator<Item = ForbiddenMatch>) {
        for forbidden in matches {
            match self
                .matches
                .iter_mut()
                .find(|known| known.guard == forbidden.guard)
            {
                Some(known) if known.end <= forbidden.end => {}
                Some(known) => *known = forbidden,
                None => self.matches.push(forbidden),
            }
        }
    }

    /// Forgets what this guard has found.
    pub(crate) fn withdraw(&mut self, guard: u64) {
        self.matches.retain(|forbidden| forbidden.guard != guard);
    }

    /// The first one in the order of the output.
    pub(crate) fn first(&self) -> Option<&ForbiddenMatch> {
        self.matches.iter().min_by_key(|forbidden| forbidden.end)
    }

    /// An error is made that tells of them.
    pub(crate) fn tell(&mut self) -> Reported {
        let held = self.reported.upgrade().unwrap_or_default();
        self.reported = Arc::downgrade(&held);
        Reported::new(held)
    }

    /// Whether an error lives that tells of them.
    pub(crate) fn is_reported(&self) -> bool {
        self.reported.strong_count() > 0
    }

    /// At the end: the first forbidden if no error that tells of it lives. Not twice.
    pub(crate) fn judge(&mut self) -> Option<ForbiddenMatch> {
        let unreported = !self.judged && !self.is_reported();
        self.judged = true;
        self.first().filter(|_| unreported).cloned()
    }
}

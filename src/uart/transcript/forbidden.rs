//! The matches of a UART's guards, and whether an error has reported them to the test.

use std::sync::{Arc, Weak};

use super::guards::ForbiddenMatch;
use crate::uart::error::Reported;

/// The first match of each guard.
#[derive(Default)]
pub(crate) struct ForbiddenMatches {
    matches: Vec<ForbiddenMatch>,
    /// Alive as long as an error that reports the matches.
    reported: Weak<()>,
    /// Set once [`take_unreported`](Self::take_unreported) has run.
    taken: bool,
}

impl ForbiddenMatches {
    /// Adds matches, and keeps the first one in the output for each guard.
    pub(crate) fn add(&mut self, matches: impl IntoIterator<Item = ForbiddenMatch>) {
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

    /// Removes the match of this guard.
    pub(crate) fn remove(&mut self, guard: u64) {
        self.matches.retain(|forbidden| forbidden.guard != guard);
    }

    /// Returns the first match in the order of the output.
    pub(crate) fn first(&self) -> Option<&ForbiddenMatch> {
        self.matches.iter().min_by_key(|forbidden| forbidden.end)
    }

    /// Returns the mark for an error that reports the matches: they count as reported while
    /// it lives.
    pub(crate) fn report(&mut self) -> Reported {
        let held = self.reported.upgrade().unwrap_or_default();
        self.reported = Arc::downgrade(&held);
        Reported::new(held)
    }

    /// Returns true while an error lives that reports the matches.
    pub(crate) fn is_reported(&self) -> bool {
        self.reported.strong_count() > 0
    }

    /// Returns the first match if no living error reports it; the second call returns none.
    pub(crate) fn take_unreported(&mut self) -> Option<ForbiddenMatch> {
        let unreported = !self.taken && !self.is_reported();
        self.taken = true;
        self.first().filter(|_| unreported).cloned()
    }
}

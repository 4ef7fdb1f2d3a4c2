//! The state of one handle: its [`Cursor`] and settings.

use std::sync::Arc;
use std::time::Duration;

use super::expect::ignored_lines::IgnoredLines;
use super::pattern::Pattern;
use super::transcript::Position;
use crate::config::Echo;

/// A handle's position in the transcript.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    pub(crate) at: Position,
    /// True if the last line ended at a `\r`: a `\r*\n?` that follows belongs to that line.
    pub(crate) after_cr: bool,
}

/// The state of one handle.
#[derive(Clone)]
pub(super) struct HandleState {
    pub(super) cursor: Cursor,
    pub(super) timeout: Duration,
    pub(super) line_ending: Arc<str>,
    pub(super) prompt: Option<Pattern>,
    pub(super) echo: Echo,
    pub(super) ignored: IgnoredLines,
}

impl HandleState {
    /// Moves the cursor to `at`, unless it is further ahead.
    pub(super) fn advance(&mut self, at: Position) {
        if at >= self.cursor.at {
            self.cursor = Cursor {
                at,
                after_cr: false,
            };
        }
    }

    /// Returns a copy with its cursor at `at`.
    pub(super) fn starting_at(&self, at: Position) -> Self {
        let cursor = Cursor {
            at,
            after_cr: false,
        };
        Self {
            cursor,
            ..self.clone()
        }
    }
}

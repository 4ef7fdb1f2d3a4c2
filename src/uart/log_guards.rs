//! [`LogGuards`]: the patterns that must never appear in the emulator's log.
//!
//! A line with one is a forbidden match of each UART of the board, from the end of its output on: it
//! ends their waits, and is judged at the end, as the match of a UART's own guard is.

use std::sync::Arc;

use super::pattern::stream::in_log_lines;
use super::pattern::{IntoPattern, Kind, Pattern, PatternError};
use super::shown::shown;
use super::transcript::Transcript;
use super::transcript::guards::{ForbiddenMatch, next_id};

/// The number of bytes of a line that are shown.
const SHOWN: usize = 400;

/// Patterns for the lines of a log; clones are the same guards.
#[derive(Clone, Default)]
pub(crate) struct LogGuards(Arc<[(u64, Pattern)]>);

impl LogGuards {
    pub(crate) fn new(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let guards = patterns.into_iter().map(|pattern| (next_id(), pattern));
        Self(guards.collect())
    }

    /// Compiles a pattern for lines of the log; it must run no code of the user's.
    pub(crate) fn pattern(pattern: impl IntoPattern) -> Result<Pattern, PatternError> {
        let pattern = in_log_lines(pattern)?;
        match pattern.kind() {
            Kind::Function(_) => Err(PatternError::NoGuard {
                pattern: pattern.to_string(),
            }),
            _ => Ok(pattern),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reports a line of the log to a UART's transcript, if it must not appear.
    pub(super) fn check(&self, line: &[u8], transcript: &Transcript) {
        for (guard, pattern) in &*self.0 {
            if let Ok(Some(_)) = pattern.find(line) {
                let line = line.trim_ascii();
                let shown = shown(&line[..line.len().min(SHOWN)]);
                transcript.forbid_now(|end| ForbiddenMatch {
                    guard: *guard,
                    pattern: Arc::clone(pattern.source()),
                    end: end + 1,
                    log_line: Some(shown.into()),
                });
            }
        }
    }
}

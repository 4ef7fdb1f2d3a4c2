//! Regular expressions on a stream: a lazy DFA whose state is carried from slice to slice.
//!
//! The forward automaton knows all matches at once and stops at the earliest
//! end; the reverse one, run backwards from there, finds where that match
//! starts, and the regular expression itself its groups. All three are linear.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use regex_automata::{Anchored, Span};

use super::{LONGEST_MATCH, Located, Stretch};
use crate::uart::dialect::{Automata, Caches, Dialect};
use crate::uart::error::ExpectError;
use crate::uart::pattern::{Kind, Pattern, PatternError};

/// Beyond this size a cache might be cleared by asking it about the end of the
/// stream, which would make the present state's id invalid.
const SAFE_CACHE: usize = 1 << 20;

/// The automata of one pattern and how far they are.
pub(in crate::uart) struct Automaton {
    pattern: Pattern,
    automata: Arc<Automata>,
    caches: Caches,
    state: Option<LazyStateID>,
}

impl Automaton {
    pub(super) fn new(pattern: &Pattern, automata: Arc<Automata>) -> Self {
        Self {
            pattern: pattern.clone(),
            caches: automata.take_caches(),
            automata,
            state: None,
        }
    }

    pub(super) fn restart(&mut self) {
        self.state = None;
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<usize>, PatternError> {
        let gave_up = |e: &dyn fmt::Display| gave_up(&self.pattern, e);
        let automata = Arc::clone(&self.automata);
        let dfa = &automata.forward;
        let cache = self
            .caches
            .forward
            .get_or_insert_with(|| dfa.create_cache());
        let mut state = match self.state {
            Some(state) => state,
            None => start_state(dfa, cache, None).map_err(|e| gave_up(&e))?,
        };
        let mut at = 0;
        while at < bytes.len() {
            if state.is_start()
                && let Some(next) = candidate(dfa, bytes, at)
            {
                at = next;
                state = start_state(dfa, cache, Some(bytes[at - 1])).map_err(|e| gave_up(&e))?;
                continue;
            }
            if state.is_tagged() {
                state = dfa
                    .next_state(cache, state, bytes[at])
                    .map_err(|e| gave_up(&e))?;
                at += 1;
            } else {
                let (run, before, after) = run(dfa, cache, state, &bytes[at..]);
                at += run;
                state = after;
                if state.is_unknown() {
                    state = dfa
                        .next_state(cache, before, bytes[at - 1])
                        .map_err(|e| gave_up(&e))?;
                }
            }
            // The automaton tells of a match one byte late.
            if state.is_match() {
                return Ok(Some(at - 1));
            }
            if state.is_dead() {
                break;
            }
        }
        self.state = Some(state);
        let at_end = at_end(dfa, cache, state).map_err(|e| gave_up(&e))?;
        Ok(at_end.then_some(bytes.len()))
    }

    pub(super) fn locate(&mut self, stream: &Stretch<'_>) -> Result<Located, ExpectError> {
        let length = self.length(stream)?;
        if length > LONGEST_MATCH {
            return Err(ExpectError::MatchTooLong {
                pattern: self.pattern.to_string(),
                length,
                limit: LONGEST_MATCH,
            });
        }
        // One byte more, for assertions about what is before the match.
        let text = stream.last(length + 1)?;
        let start = text.len() - length;
        let groups = self
            .dialect()
            .and_then(|dialect| dialect.find_from(&text, start));
        Ok(Located {
            groups: groups.unwrap_or_else(|| vec![Some(start..text.len())]),
            text,
        })
    }

    fn dialect(&self) -> Option<&Dialect> {
        match self.pattern.kind() {
            Kind::Dialect(dialect) => Some(dialect),
            _ => None,
        }
    }

    /// The length of the leftmost match that ends where `stream` does.
    fn length(&mut self, stream: &Stretch<'_>) -> Result<usize, ExpectError> {
        let gave_up = |e: &dyn fmt::Display| gave_up(&self.pattern, e);
        let dfa = &self.automata.reverse;
        let cache = self
            .caches
            .reverse
            .get_or_insert_with(|| dfa.create_cache());
        let config = start::Config::new().anchored(Anchored::Yes);
        let mut state = dfa.start_state(cache, &config).map_err(|e| gave_up(&e))?;
        let (mut length, mut longest) = (0, 0);
        let stopped = stream.backwards(|piece| {
            for byte in piece.bytes.iter().rev() {
                match dfa.next_state(cache, state, *byte) {
                    Ok(next) => state = next,
                    Err(e) => return ControlFlow::Break(Some(gave_up(&e))),
                }
                if state.is_match() {
                    longest = length;
                }
                if state.is_dead() {
                    return ControlFlow::Break(None);
                }
                length += 1;
            }
            ControlFlow::Continue(())
        })?;
        match stopped {
            Some(Some(error)) => return Err(error.into()),
            Some(None) => {}
            None => {
                let end = dfa.next_eoi_state(cache, state);
                if end.map_err(|e| gave_up(&e))?.is_match() {
                    longest = length;
                }
            }
        }
        Ok(longest)
    }
}

impl Drop for Automaton {
    fn drop(&mut self) {
        self.automata
            .return_caches(std::mem::take(&mut self.caches));
    }
}

fn start_state(
    dfa: &DFA,
    cache: &mut Cache,
    before: Option<u8>,
) -> Result<LazyStateID, regex_automata::hybrid::StartError> {
    dfa.start_state(cache, &start::Config::new().look_behind(before))
}

/// Where from `at` on a match can start, as far as a prefilter knows; `None` when that is `at` itself.
fn candidate(dfa: &DFA, bytes: &[u8], at: usize) -> Option<usize> {
    let prefilter = dfa.get_config().get_prefilter()?;
    let next = match prefilter.find(bytes, Span::from(at..bytes.len())) {
        Some(found) => found.start,
        // What it looks for may be cut by the end of the slice.
        None => (bytes.len() + 1).saturating_sub(prefilter.max_needle_len()),
    };
    (next > at).then_some(next)
}

/// Runs over `bytes` while nothing special happens: how many bytes were taken,
/// and the states before and after the last of them.
fn run(
    dfa: &DFA,
    cache: &Cache,
    mut state: LazyStateID,
    bytes: &[u8],
) -> (usize, LazyStateID, LazyStateID) {
    let mut before = state;
    for (index, byte) in bytes.iter().enumerate() {
        before = state;
        state = dfa.next_state_untagged(cache, state, *byte);
        if state.is_tagged() {
            return (index + 1, before, state);
        }
    }
    (bytes.len(), before, state)
}

/// Whether the stream's end, if it were here, would make a match.
fn at_end(
    dfa: &DFA,
    cache: &mut Cache,
    state: LazyStateID,
) -> Result<bool, regex_automata::hybrid::CacheError> {
    let end = if cache.memory_usage() < SAFE_CACHE {
        dfa.next_eoi_state(cache, state)?
    } else {
        dfa.next_eoi_state(&mut cache.clone(), state)?
    };
    Ok(end.is_match())
}

fn gave_up(pattern: &Pattern, reason: &dyn fmt::Display) -> PatternError {
    PatternError::Syntax {
        pattern: pattern.to_string(),
        reason: format!("its automaton gave up: {reason}"),
    }
}

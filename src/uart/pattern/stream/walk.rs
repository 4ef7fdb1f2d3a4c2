//! Runs of the lazy DFAs: forwards over a slice, and backwards from a match's end.
//!
//! [`Walk`] and [`ReverseWalk`] borrow the state of an [automaton](super::automaton) for one
//! call.

use regex_automata::Span;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;

use super::hit::Hit;
use crate::uart::pattern::decode::REPLACEMENT;
use crate::uart::pattern::decoder::{Decoder, Part};

/// A run of the forward automaton over a slice.
pub(super) struct Walk<'a> {
    pub(super) dfa: &'a DFA,
    pub(super) cache: &'a mut Cache,
    pub(super) state: LazyStateID,
}

impl Walk<'_> {
    /// Runs over `bytes` as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<Option<Hit>, String> {
        match self.run(bytes)? {
            Some(end) => Ok(Some(Hit::at(end))),
            None => Ok(self.is_at_match()?.then(|| Hit::at(bytes.len()))),
        }
    }

    /// Decodes `bytes` and runs over their text.
    pub(super) fn decoded(
        &mut self,
        bytes: &[u8],
        decoder: &mut Decoder,
    ) -> Result<Option<Hit>, String> {
        let mut at = 0;
        while at < bytes.len() && !self.state.is_dead() {
            // No match starts within a character, hence nothing before its start has to be decoded.
            if self.state.is_start()
                && !decoder.is_within_character()
                && let Some(next) = candidate(self.dfa, bytes, at)
            {
                self.restart_behind(bytes[next - 1])?;
                at = next;
                continue;
            }
            match decoder.next(&bytes[at..]) {
                Part::Text(length) => {
                    if let Some(Hit { known, .. }) = self.bytes(&bytes[at..at + length])? {
                        return Ok(Some(Hit::at(at + known)));
                    }
                    at += length;
                }
                Part::Character {
                    bytes: character,
                    length,
                    here,
                } => {
                    at += here;
                    if self.bytes(&character[..length])?.is_some() {
                        return Ok(Some(Hit::at(at)));
                    }
                }
                Part::Invalid {
                    count,
                    here,
                    by_next,
                } => {
                    at += here;
                    let found = self.invalid(count, at, usize::from(by_next))?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Part::Unfinished => break,
            }
        }
        Ok(None)
    }

    /// Runs over `count` invalid bytes that end at `end`; `more` bytes were needed to know that
    /// they are invalid.
    pub(super) fn invalid(
        &mut self,
        count: usize,
        end: usize,
        more: usize,
    ) -> Result<Option<Hit>, String> {
        for left in (0..count).rev() {
            if self.bytes(REPLACEMENT.as_bytes())?.is_some() {
                let (known, behind) = (end + more, left + more);
                return Ok(Some(Hit { known, behind }));
            }
        }
        Ok(None)
    }

    /// Runs over `bytes` up to the end of the first match.
    fn run(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state.is_start()
                && let Some(next) = candidate(self.dfa, bytes, at)
            {
                self.restart_behind(bytes[next - 1])?;
                at = next;
                continue;
            }
            if self.state.is_tagged() {
                self.step(self.state, bytes[at])?;
                at += 1;
            } else {
                let (run, before, after) =
                    run_untagged(self.dfa, self.cache, self.state, &bytes[at..]);
                at += run;
                self.state = after;
                if after.is_unknown() {
                    self.step(before, bytes[at - 1])?;
                }
            }
            // The automaton reports a match one byte late.
            if self.state.is_match() {
                return Ok(Some(at - 1));
            }
            if self.state.is_dead() {
                break;
            }
        }
        Ok(None)
    }

    fn step(&mut self, from: LazyStateID, byte: u8) -> Result<(), String> {
        let next = self.dfa.next_state(self.cache, from, byte);
        self.state = next.map_err(|e| e.to_string())?;
        Ok(())
    }

    /// Sets the start state behind `byte`.
    fn restart_behind(&mut self, byte: u8) -> Result<(), String> {
        let state = start_state(self.dfa, self.cache, Some(byte));
        self.state = state.map_err(|e| e.to_string())?;
        Ok(())
    }

    /// Returns true if a match ends here; then the state must not be used any more.
    ///
    /// The call may clear the cache, but only to make room for the state of a match: the
    /// other answer is the dead state, which always exists.
    fn is_at_match(&mut self) -> Result<bool, String> {
        let end = self.dfa.next_eoi_state(self.cache, self.state);
        Ok(end.map_err(|e| e.to_string())?.is_match())
    }
}

/// A run of the reverse automaton from a match's end.
pub(super) struct ReverseWalk<'a> {
    pub(super) dfa: &'a DFA,
    pub(super) cache: &'a mut Cache,
    pub(super) state: LazyStateID,
    /// The number of bytes of the stream it has passed.
    pub(super) length: usize,
    /// The length of the longest match so far.
    pub(super) longest: usize,
}

/// The reason why a reverse run stops before the start of the stream.
pub(super) enum Stopped {
    Dead,
    Failed(String),
}

impl ReverseWalk<'_> {
    /// Takes the character before, which has `length` bytes in the stream.
    pub(super) fn character(&mut self, text: &[u8], length: usize) -> Option<Stopped> {
        for byte in text.iter().rev() {
            match self.dfa.next_state(self.cache, self.state, *byte) {
                Ok(next) => self.state = next,
                Err(e) => return Some(Stopped::Failed(e.to_string())),
            }
            // The automaton reports a match one byte late; none starts within a character.
            if self.state.is_match() {
                self.longest = self.length;
            }
            if self.state.is_dead() {
                return Some(Stopped::Dead);
            }
        }
        self.length += length;
        None
    }

    /// Ends at the start of the stream, and returns the length of the longest match.
    pub(super) fn finish(self) -> Result<usize, regex_automata::hybrid::CacheError> {
        let end = self.dfa.next_eoi_state(self.cache, self.state)?;
        Ok(if end.is_match() {
            self.length
        } else {
            self.longest
        })
    }
}

/// Returns the state of the forward automaton behind the byte `before`.
pub(super) fn start_state(
    dfa: &DFA,
    cache: &mut Cache,
    before: Option<u8>,
) -> Result<LazyStateID, regex_automata::hybrid::StartError> {
    dfa.start_state(cache, &start::Config::new().look_behind(before))
}

/// Returns the first place behind `at` where a match can start, by the prefilter; none if a
/// match can start at `at` itself.
fn candidate(dfa: &DFA, bytes: &[u8], at: usize) -> Option<usize> {
    let prefilter = dfa.get_config().get_prefilter()?;
    let next = match prefilter.find(bytes, Span::from(at..bytes.len())) {
        Some(found) => found.start,
        // The end of the slice may cut the text that the prefilter looks for.
        None => (bytes.len() + 1).saturating_sub(prefilter.max_needle_len()),
    };
    (next > at).then_some(next)
}

/// Runs over `bytes` up to a tagged state. Returns the number of bytes that were taken, and the
/// states before and after the last of them.
fn run_untagged(
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

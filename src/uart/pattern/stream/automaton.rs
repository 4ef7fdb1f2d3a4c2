//! Regular expressions on a stream: a lazy DFA whose state is carried from slice to slice.
//!
//! An [`Automaton`] follows all possible matches at once and stops at the earliest end. From
//! there the reverse DFA runs backwards to the start of that match; the regular expression
//! itself finds the groups in between. All three take linear time. Both DFAs run on text, to
//! which the bytes are decoded on the way.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::util::start;

use super::hit::{Hit, LONGEST_MATCH, Located, ReadBack};
use super::walk::{ReverseWalk, Stopped, Walk, start_state};
use crate::uart::error::{UartError, UartErrorKind};
use crate::uart::pattern::decoder::{Decoder, ReverseDecoder};
use crate::uart::pattern::stream_regex::{Automata, Caches, StreamRegex};
use crate::uart::pattern::{Kind, Pattern, PatternError};

/// The automata of one pattern, and their state on one stream.
pub(crate) struct Automaton {
    pattern: Pattern,
    automata: Arc<Automata>,
    caches: Caches,
    decoder: Decoder,
    state: Option<LazyStateID>,
}

impl Automaton {
    pub(super) fn new(pattern: &Pattern, automata: Arc<Automata>) -> Self {
        Self {
            pattern: pattern.clone(),
            caches: automata.take_caches(),
            automata,
            decoder: Decoder::default(),
            state: None,
        }
    }

    pub(super) fn restart(&mut self) {
        self.state = None;
        self.decoder.restart();
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Hit>, PatternError> {
        self.walk(|walk, decoder, see_bytes| match see_bytes {
            true => walk.bytes(bytes),
            false => walk.decoded(bytes, decoder),
        })
    }

    /// Ends the stream, and returns the match that this shows.
    pub(super) fn finish(&mut self) -> Result<Option<Hit>, PatternError> {
        self.walk(|walk, decoder, _| {
            let count = decoder.finish();
            walk.invalid(count, 0, 0)
        })
    }

    /// Runs the forward automaton from its present state.
    fn walk(
        &mut self,
        run: impl FnOnce(&mut Walk<'_>, &mut Decoder, bool) -> Result<Option<Hit>, String>,
    ) -> Result<Option<Hit>, PatternError> {
        let dfa = &self.automata.forward;
        let cache = self
            .caches
            .forward
            .get_or_insert_with(|| dfa.create_cache());
        let state = match self.state.take() {
            Some(state) => Ok(state),
            None => start_state(dfa, cache, None).map_err(|e| e.to_string()),
        };
        let found = state.and_then(|state| {
            let mut walk = Walk { dfa, cache, state };
            let found = run(&mut walk, &mut self.decoder, self.automata.see_bytes)?;
            // After a match the state is no longer needed.
            self.state = found.is_none().then_some(walk.state);
            Ok(found)
        });
        found.map_err(|reason| gave_up(&self.pattern, &reason))
    }

    /// Looks up the match that ends where `stream` does.
    pub(super) fn locate(&mut self, stream: &impl ReadBack) -> Result<Located, UartError> {
        let length = self.length(stream)?;
        if length > LONGEST_MATCH {
            return Err(UartErrorKind::MatchTooLong {
                pattern: self.pattern.to_string(),
                length,
                limit: LONGEST_MATCH,
            }
            .into());
        }
        // One byte more, for assertions that look back.
        let text = stream.last(length + 1)?;
        let start = text.len() - length;
        let groups = self.regex().and_then(|regex| regex.find_from(&text, start));
        Ok(Located {
            groups: groups.unwrap_or_else(|| vec![Some(start..text.len())]),
            text,
        })
    }

    fn regex(&self) -> Option<&StreamRegex> {
        match self.pattern.kind() {
            Kind::StreamRegex(regex) => Some(regex),
            _ => None,
        }
    }

    /// Returns the length of the leftmost match that ends where `stream` does.
    fn length(&mut self, stream: &impl ReadBack) -> Result<usize, UartError> {
        let gave_up = |e: &dyn fmt::Display| gave_up(&self.pattern, e);
        let dfa = &self.automata.reverse;
        let cache = self
            .caches
            .reverse
            .get_or_insert_with(|| dfa.create_cache());
        let config = start::Config::new().anchored(Anchored::Yes);
        let state = dfa.start_state(cache, &config).map_err(|e| gave_up(&e))?;
        let mut walk = ReverseWalk {
            dfa,
            cache,
            state,
            length: 0,
            longest: 0,
        };
        let mut decoder = ReverseDecoder::default();
        let mut stopped = stream.backwards(|piece| {
            let mut bytes = piece.iter().rev();
            let stopped = match self.automata.see_bytes {
                true => bytes.find_map(|byte| walk.character(&[*byte], 1)),
                false => bytes.find_map(|byte| {
                    decoder.take(*byte, |character, length| walk.character(character, length))
                }),
            };
            stopped.map_or(ControlFlow::Continue(()), ControlFlow::Break)
        })?;
        if stopped.is_none() {
            stopped = decoder.finish(|character, length| walk.character(character, length));
        }
        match stopped {
            Some(Stopped::Failed(reason)) => Err(gave_up(&reason).into()),
            Some(Stopped::Dead) => Ok(walk.longest),
            None => walk.finish().map_err(|e| gave_up(&e).into()),
        }
    }
}

impl Drop for Automaton {
    fn drop(&mut self) {
        self.automata
            .return_caches(std::mem::take(&mut self.caches));
    }
}

fn gave_up(pattern: &Pattern, reason: &dyn fmt::Display) -> PatternError {
    PatternError::GaveUp {
        pattern: pattern.to_string(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::uart::pattern::Pattern;
    use crate::uart::pattern::stream::{Engine, Hit};

    /// A pattern whose automaton needs more states than fit into its cache.
    const LARGE: &str = r"[a-m][^\n]{20}!";

    /// Returns random letters.
    fn letters(count: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 24) as u8 % 26
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn clearing_the_cache_does_not_change_matches() {
        let pattern = Pattern::new(format!("re:{LARGE}")).unwrap();
        let reference = regex::Regex::new(LARGE).unwrap();
        let mut output = letters(40_000);
        for at in (0..output.len()).step_by(97) {
            output[at] = b'!';
        }
        let text = std::str::from_utf8(&output).unwrap();
        let ends: Vec<usize> = reference.find_iter(text).map(|found| found.end()).collect();
        assert!(ends.len() > 10);
        for size in [1, 7, output.len()] {
            let mut engine = Engine::new(&pattern).unwrap();
            let (mut found, mut at, mut largest, mut clearings) = (Vec::new(), 0, 0, 0);
            while at < output.len() {
                let slice = &output[at..output.len().min(at + size)];
                match engine.feed(slice).unwrap() {
                    Some(Hit { known, .. }) => {
                        at += known;
                        found.push(at);
                        engine.restart();
                    }
                    None => at += slice.len(),
                }
                let Engine::Automaton(engine) = &engine else {
                    unreachable!("it is a regular expression");
                };
                let used = engine.caches.forward.as_ref().unwrap().memory_usage();
                clearings += usize::from(used < largest);
                largest = used;
            }
            assert!(clearings > 0 || size == output.len(), "{largest}");
            assert_eq!(found, ends, "by {size}");
        }
    }
}

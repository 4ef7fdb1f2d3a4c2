//! Regular expressions on a stream: a lazy DFA whose state is carried from slice to slice.
//!
//! The forward automaton knows all matches at once and stops at the earliest
//! end; the reverse one, run backwards from there, finds where that match
//! starts, and the regular expression itself its groups. All three are linear.
//! Both automata run on text, which the bytes are decoded to on the way.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use regex_automata::{Anchored, Span};

use super::hit::{Hit, LONGEST_MATCH, Located, ReadBack};
use crate::uart::error::ExpectError;
use crate::uart::pattern::decode::{Backwards, Decoder, Part, REPLACEMENT};
use crate::uart::pattern::stream_regex::{Automata, Caches, StreamRegex};
use crate::uart::pattern::{Kind, Pattern, PatternError};

/// The automata of one pattern and how far they are.
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

    /// As [`feed`](Self::feed), for the end of the stream.
    pub(super) fn finish(&mut self) -> Result<Option<Hit>, PatternError> {
        self.walk(|walk, decoder, _| {
            let count = decoder.finish();
            walk.invalid(count, 0, 0)
        })
    }

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
            // What has found something is not fed on.
            self.state = found.is_none().then_some(walk.state);
            Ok(found)
        });
        found.map_err(|reason| gave_up(&self.pattern, &reason))
    }

    /// Looks up the match that ends where `stream` does.
    pub(super) fn locate(&mut self, stream: &impl ReadBack) -> Result<Located, ExpectError> {
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

    fn dialect(&self) -> Option<&StreamRegex> {
        match self.pattern.kind() {
            Kind::StreamRegex(dialect) => Some(dialect),
            _ => None,
        }
    }

    /// The length of the leftmost match that ends where `stream` does.
    fn length(&mut self, stream: &impl ReadBack) -> Result<usize, ExpectError> {
        let gave_up = |e: &dyn fmt::Display| gave_up(&self.pattern, e);
        let dfa = &self.automata.reverse;
        let cache = self
            .caches
            .reverse
            .get_or_insert_with(|| dfa.create_cache());
        let config = start::Config::new().anchored(Anchored::Yes);
        let state = dfa.start_state(cache, &config).map_err(|e| gave_up(&e))?;
        let mut walk = WalkBack {
            dfa,
            cache,
            state,
            length: 0,
            longest: 0,
        };
        let mut backwards = Backwards::default();
        let mut stopped = stream.backwards(|piece| {
            let mut bytes = piece.iter().rev();
            let stopped = match self.automata.see_bytes {
                true => bytes.find_map(|byte| walk.character(&[*byte], 1)),
                false => bytes.find_map(|byte| {
                    backwards.take(*byte, |character, length| walk.character(character, length))
                }),
            };
            stopped.map_or(ControlFlow::Continue(()), ControlFlow::Break)
        })?;
        if stopped.is_none() {
            stopped = backwards.finish(|character, length| walk.character(character, length));
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

/// The forward automaton at work.
struct Walk<'a> {
    dfa: &'a DFA,
    cache: &'a mut Cache,
    state: LazyStateID,
}

impl Walk<'_> {
    /// Runs over `bytes` as they are.
    fn bytes(&mut self, bytes: &[u8]) -> Result<Option<Hit>, String> {
        match self.run(bytes)? {
            Some(end) => Ok(Some(Hit::at(end))),
            None => Ok(self.is_at_match()?.then(|| Hit::at(bytes.len()))),
        }
    }

    /// Runs over the text that `bytes` are.
    fn decoded(&mut self, bytes: &[u8], decoder: &mut Decoder) -> Result<Option<Hit>, String> {
        let mut at = 0;
        while at < bytes.len() && !self.state.is_dead() {
            // No match begins within a character, hence nothing before its beginning has to be decoded.
            if self.state.is_start()
                && !decoder.is_within()
                && let Some(next) = candidate(self.dfa, bytes, at)
            {
                self.begin_behind(bytes[next - 1])?;
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
                Part::Beginning => break,
            }
        }
        Ok(None)
    }

    /// Runs over `count` invalid bytes that end at `end`, which is known by so many more.
    fn invalid(&mut self, count: usize, end: usize, more: usize) -> Result<Option<Hit>, String> {
        for left in (0..count).rev() {
            if self.bytes(REPLACEMENT.as_bytes())?.is_some() {
                let (known, behind) = (end + more, left + more);
                return Ok(Some(Hit { known, behind }));
            }
        }
        Ok(None)
    }

    /// Runs over `bytes`, to the end of the first match.
    fn run(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state.is_start()
                && let Some(next) = candidate(self.dfa, bytes, at)
            {
                self.begin_behind(bytes[next - 1])?;
                at = next;
                continue;
            }
            if self.state.is_tagged() {
                self.step(self.state, bytes[at])?;
                at += 1;
            } else {
                let (run, before, after) = run(self.dfa, self.cache, self.state, &bytes[at..]);
                at += run;
                self.state = after;
                if after.is_unknown() {
                    self.step(before, bytes[at - 1])?;
                }
            }
            // The automaton tells of a match one byte late.
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

    /// Begins anew, behind this byte.
    fn begin_behind(&mut self, byte: u8) -> Result<(), String> {
        let state = start_state(self.dfa, self.cache, Some(byte));
        self.state = state.map_err(|e| e.to_string())?;
        Ok(())
    }

    /// Whether a match ends here. If it does, the state is of no use any more.
    ///
    /// The cache may be cleared by that, but only to make room for the state of a match: the
    /// other answer is the dead state, which is always there.
    fn is_at_match(&mut self) -> Result<bool, String> {
        let end = self.dfa.next_eoi_state(self.cache, self.state);
        Ok(end.map_err(|e| e.to_string())?.is_match())
    }
}

/// The reverse automaton at work, from a match's end on.
struct WalkBack<'a> {
    dfa: &'a DFA,
    cache: &'a mut Cache,
    state: LazyStateID,
    /// So many bytes of the stream it has come.
    length: usize,
    /// The longest match so far.
    longest: usize,
}

/// Why it goes no further.
enum Stopped {
    Dead,
    Failed(String),
}

impl WalkBack<'_> {
    /// Takes the character before, which has so many bytes in the stream.
    fn character(&mut self, text: &[u8], length: usize) -> Option<Stopped> {
        for byte in text.iter().rev() {
            match self.dfa.next_state(self.cache, self.state, *byte) {
                Ok(next) => self.state = next,
                Err(e) => return Some(Stopped::Failed(e.to_string())),
            }
            // The automaton tells of a match one byte late; none starts within a character.
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

    /// There is nothing before: the length of the longest match.
    fn finish(self) -> Result<usize, regex_automata::hybrid::CacheError> {
        let end = self.dfa.next_eoi_state(self.cache, self.state)?;
        Ok(if end.is_match() {
            self.length
        } else {
            self.longest
        })
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

fn gave_up(pattern: &Pattern, reason: &dyn fmt::Display) -> PatternError {
    PatternError::Syntax {
        pattern: pattern.to_string(),
        reason: format!("its automaton gave up: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::uart::pattern::Pattern;
    use crate::uart::pattern::stream::{Engine, Hit};

    /// A pattern of which the automaton needs more states than fit into its cache.
    const LARGE: &str = r"[a-m][^\n]{20}!";

    /// Letters without order.
    fn letters(count: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 24) as u8 % 26
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_cache_that_is_cleared_on_the_way_changes_nothing() {
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

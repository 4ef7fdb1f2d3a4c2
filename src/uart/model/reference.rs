//! The reference: it finds the match of each step in all of the output at once.

use std::collections::VecDeque;
use std::sync::LazyLock;

use super::step::{CompiledStep, Step};

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The index of the pattern.
    pub(super) which: usize,
    pub(super) groups: Vec<Option<String>>,
    pub(super) line: Vec<u8>,
}

/// The reference: it has all output at once, and is slow.
pub(super) struct Reference {
    pub(super) raw: Vec<u8>,
    pub(super) text: Vec<(u8, u64)>,
    /// The cursor in the raw output.
    pub(super) at: u64,
    /// Set if the line before the cursor ended with a `\r`.
    pub(super) after_cr: bool,
}

impl Reference {
    /// Returns the text from the cursor on, each byte with its place.
    fn rest(&self) -> Vec<(u8, u64)> {
        let mut rest: VecDeque<_> = self
            .text
            .iter()
            .filter(|(_, at)| *at >= self.at)
            .copied()
            .collect();
        if self.after_cr {
            while rest.front().is_some_and(|(byte, _)| *byte == b'\r') {
                rest.pop_front();
            }
            if rest.front().is_some_and(|(byte, _)| *byte == b'\n') {
                rest.pop_front();
            }
        }
        rest.into()
    }

    /// Runs a step; returns none if the output is not enough.
    pub(super) fn step(&mut self, compiled: &CompiledStep<'_>) -> Option<Found> {
        let rest = self.rest();
        let bytes: Vec<u8> = rest.iter().map(|(byte, _)| *byte).collect();
        match compiled.step {
            Step::Expect(_) => {
                let found = compiled.references.iter().enumerate();
                let found = found.filter_map(|(which, regex)| Some((which, regex.first(&bytes)?)));
                let (which, first) = found.min_by_key(|(_, first)| (first.known, first.end))?;
                self.at = match first.cursor {
                    0 => self.at,
                    cursor => rest[cursor - 1].1 + 1,
                };
                self.after_cr = false;
                Some(Found {
                    which,
                    groups: first.groups,
                    line: Vec::new(),
                })
            }
            Step::ExpectLine(_) => {
                let look = |line: &[u8]| compiled.references[0].find(line);
                self.line(&rest, &bytes, look)
            }
            Step::ReadLine => self.line(&rest, &bytes, |_| Some(Vec::new())),
            Step::ReadExact(count) => {
                let mut from = self.at;
                if self.after_cr {
                    while self.raw.get(from as usize) == Some(&b'\r') {
                        from += 1;
                    }
                    if self.raw.get(from as usize) == Some(&b'\n') {
                        from += 1;
                    }
                }
                let bytes = self.raw.get(from as usize..from as usize + count)?.to_vec();
                self.at = from + *count as u64;
                self.after_cr = false;
                Some(Found {
                    which: 0,
                    groups: Vec::new(),
                    line: bytes,
                })
            }
        }
    }

    /// Finds the next line for which `look` returns groups.
    fn line(
        &mut self,
        rest: &[(u8, u64)],
        bytes: &[u8],
        look: impl Fn(&[u8]) -> Option<Vec<Option<String>>>,
    ) -> Option<Found> {
        static LINES: LazyLock<regex::bytes::Regex> = LazyLock::new(|| {
            regex::bytes::Regex::new(r"(?-u)\r*([^\r\n]+)(?:\n|\r+\n?)|\r*()\n").unwrap()
        });
        for captures in LINES.captures_iter(bytes) {
            let line = captures.get(1).or(captures.get(2)).unwrap();
            if let Some(groups) = look(line.as_bytes()) {
                self.at = rest[line.end()].1 + 1;
                self.after_cr = bytes[line.end()] == b'\r';
                return Some(Found {
                    which: 0,
                    groups,
                    line: line.as_bytes().to_vec(),
                });
            }
        }
        None
    }
}

//! The engine against a reference so simple that it is plainly right.
//!
//! Random patterns, output and cuts: what operations find must be what the
//! reference finds in all the output at once. `VTARGET_SOAK_CASES` sets how many
//! cases there are; without it there is a small slice, the same every time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::handle::Uart;
use super::matched::Match;
use super::pattern::Pattern;
use super::port::{Settings, Shared};
use crate::runtime::Operation;

/// Pieces of output; escape sequences are in pieces of their own, and complete.
const TEXT: &[&str] = &[
    "a", "b", "ab", " ", "\n", "\r\n", "\r", "\n\r", "é", "_", "aab ", "\u{2028}",
];
const SEQUENCES: &[&str] = &[
    "\x1b[31m",
    "\x1b[0;1m",
    "\x1b]0;ab\x07",
    "\x1b]8;;a\x1b\\",
    "\x1b(B",
    "\x1bPab\x1b\\",
    "\x1b7",
];

#[derive(Debug, Clone)]
enum Token {
    Text(&'static str),
    Sequence(&'static str),
    Byte(u8),
}

impl Token {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Sequence(text) => text.as_bytes(),
            Self::Byte(byte) => std::slice::from_ref(byte),
        }
    }
}

/// The output of a board, and how it is cut into reads.
#[derive(Debug, Clone)]
struct Output {
    tokens: Vec<Token>,
    cuts: Vec<usize>,
}

impl Output {
    fn raw(&self) -> Vec<u8> {
        self.tokens
            .iter()
            .flat_map(|token| token.bytes().to_vec())
            .collect()
    }

    /// The text with the place of every byte in the raw output.
    fn text(&self) -> Vec<(u8, u64)> {
        let mut at = 0;
        let mut text = Vec::new();
        for token in &self.tokens {
            for byte in token.bytes() {
                if !matches!(token, Token::Sequence(_)) {
                    text.push((*byte, at));
                }
                at += 1;
            }
        }
        text
    }

    fn reads(&self) -> Vec<Vec<u8>> {
        let raw = self.raw();
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut % (raw.len() + 1)).collect();
        cuts.extend([0, raw.len()]);
        cuts.sort_unstable();
        cuts.windows(2)
            .map(|cut| raw[cut[0]..cut[1]].to_vec())
            .collect()
    }
}

fn output() -> impl Strategy<Value = Output> {
    let token = prop_oneof![
        8 => proptest::sample::select(TEXT).prop_map(Token::Text),
        2 => proptest::sample::select(SEQUENCES).prop_map(Token::Sequence),
        1 => proptest::sample::select(&[0xff_u8, 0xc3, 0x80][..]).prop_map(Token::Byte),
    ];
    let tokens = proptest::collection::vec(token, 0..24);
    let cuts = proptest::collection::vec(any::<usize>(), 0..12);
    (tokens, cuts).prop_map(|(tokens, cuts)| Output { tokens, cuts })
}

/// A regular expression in which every boundary is ASCII.
fn regex() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(
        &[
            "a",
            "b",
            " ",
            "é",
            ".",
            r"\w",
            r"\W",
            "[^a]",
            r"\n",
            "_",
            "(?s:.)",
            r"\s",
            "ab",
            "(?-u:\\xff)",
            "(?-u:[^a])",
            "^",
            "(?m:^)",
            r"(?-u:\b)",
            r"(?-u:\B)",
            "(?m:$)",
            "$",
            r"(?-u:\b{start})",
            r"(?-u:\b{end-half})",
        ][..],
    )
    .prop_map(str::to_owned);
    atom.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            4 => proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            2 => inner.clone().prop_map(|a| format!("({a})")),
            2 => (inner, proptest::sample::select(&["*", "+", "?", "{1,2}", "{2}", "*?", "+?", "??"][..]))
                .prop_map(|(a, times)| format!("(?:{a}){times}")),
        ]
    })
}

#[derive(Debug, Clone)]
enum Step {
    /// Literals, regular expressions of ours, foreign ones.
    Expect(Vec<Looked>),
    ExpectLine(String),
    ReadLine,
    ReadExact(usize),
}

#[derive(Debug, Clone)]
enum Looked {
    Literal(String),
    Dialect(String),
    Bytes(String),
}

impl Looked {
    fn pattern(&self) -> Pattern {
        match self {
            Self::Literal(text) => Pattern::literal(text.as_bytes()),
            Self::Dialect(regex) => Pattern::new(format!("re:{regex}")).unwrap(),
            Self::Bytes(regex) => Pattern::new(regex::bytes::Regex::new(regex).unwrap()).unwrap(),
        }
    }

    fn reference(&self) -> regex::bytes::Regex {
        let regex = match self {
            Self::Literal(text) => regex::escape(text),
            Self::Dialect(regex) | Self::Bytes(regex) => regex.clone(),
        };
        regex::bytes::Regex::new(&regex).unwrap()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let looked = prop_oneof![
        1 => proptest::collection::vec(proptest::sample::select(TEXT), 1..3).prop_map(|parts| Looked::Literal(parts.concat())),
        3 => regex().prop_map(Looked::Dialect),
        1 => regex().prop_map(Looked::Bytes),
    ];
    let step = prop_oneof![
        6 => proptest::collection::vec(looked, 1..4).prop_map(Step::Expect),
        2 => regex().prop_map(Step::ExpectLine),
        2 => Just(Step::ReadLine),
        1 => (1_usize..4).prop_map(Step::ReadExact),
    ];
    proptest::collection::vec(step, 1..4)
}

/// What was found: which pattern, the range, the groups, the line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    which: usize,
    groups: Vec<Option<Vec<u8>>>,
    line: Vec<u8>,
}

fn groups(captures: &regex::bytes::Captures<'_>) -> Vec<Option<Vec<u8>>> {
    let group = |m: regex::bytes::Match<'_>| m.as_bytes().to_vec();
    captures.iter().map(|found| found.map(group)).collect()
}

/// The reference: all the output at once, and no thought of speed.
struct Reference {
    raw: Vec<u8>,
    text: Vec<(u8, u64)>,
    /// The cursor, in the raw output.
    at: u64,
    after_cr: bool,
}

impl Reference {
    /// The text from the cursor on, and where it is.
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

    fn step(&mut self, step: &Step) -> Option<Found> {
        let rest = self.rest();
        let bytes: Vec<u8> = rest.iter().map(|(byte, _)| *byte).collect();
        match step {
            Step::Expect(patterns) => {
                let regexes: Vec<_> = patterns.iter().map(Looked::reference).collect();
                for end in 1..=bytes.len() {
                    for (which, regex) in regexes.iter().enumerate() {
                        if let Some(captures) = regex.captures(&bytes[..end]) {
                            self.at = rest[end - 1].1 + 1;
                            self.after_cr = false;
                            return Some(Found {
                                which,
                                groups: groups(&captures),
                                line: Vec::new(),
                            });
                        }
                    }
                }
                None
            }
            Step::ExpectLine(regex) => {
                let regex = regex::bytes::Regex::new(regex).unwrap();
                self.line(&rest, &bytes, |line| Some(groups(&regex.captures(line)?)))
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

    fn line(
        &mut self,
        rest: &[(u8, u64)],
        bytes: &[u8],
        look: impl Fn(&[u8]) -> Option<Vec<Option<Vec<u8>>>>,
    ) -> Option<Found> {
        let lines = regex::bytes::Regex::new(r"(?-u)\r*([^\r\n]+)(?:\n|\r+\n?)|\r*()\n").unwrap();
        for captures in lines.captures_iter(bytes) {
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

fn poll<T>(operation: &mut Operation<T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(operation).poll(&mut cx) {
        Poll::Ready(result) => Some(result.unwrap()),
        Poll::Pending => None,
    }
}

fn of_match(which: usize, found: &Match, is_line: bool) -> Found {
    let groups = (0..found.groups.len()).map(|group| found.get_bytes(group).map(<[u8]>::to_vec));
    Found {
        which,
        groups: groups.collect(),
        line: if is_line {
            found.text.clone()
        } else {
            Vec::new()
        },
    }
}

/// Runs one step, feeding reads whenever it waits.
fn run<T>(
    mut operation: Operation<T>,
    shared: &Shared,
    reads: &mut VecDeque<Vec<u8>>,
) -> Option<T> {
    loop {
        if let Some(output) = poll(&mut operation) {
            return Some(output);
        }
        let mut read = reads.pop_front()?;
        let count = read.len();
        shared.transcript.append(&mut read, count);
        shared.transcript.announce();
    }
}

/// Whether all patterns of the steps are ones for where they are used.
fn usable(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Expect(patterns) => patterns
            .iter()
            .all(|looked| super::search::Engine::new(&looked.pattern()).is_ok()),
        _ => true,
    })
}

fn check(steps: &[Step], output: &Output) -> Result<(), TestCaseError> {
    let shared = Arc::new(Shared::new("model", Settings::default(), None));
    let uart = Uart::at_start(&shared);
    let mut reads: VecDeque<_> = output.reads().into();
    let mut reference = Reference {
        raw: output.raw(),
        text: output.text(),
        at: 0,
        after_cr: false,
    };
    for step in steps {
        let expected = reference.step(step);
        let line = |line: String| Found {
            which: 0,
            groups: Vec::new(),
            line: line.into_bytes(),
        };
        let found = match step {
            Step::Expect(patterns) => {
                let patterns = patterns.iter().map(Looked::pattern);
                run(uart.expect_any(patterns), &shared, &mut reads)
                    .map(|(which, found)| of_match(which, &found, false))
            }
            Step::ExpectLine(regex) => {
                run(uart.expect_line(format!("re:{regex}")), &shared, &mut reads)
                    .map(|found| of_match(0, &found, true))
            }
            Step::ReadLine => run(uart.read_line(), &shared, &mut reads).map(line),
            Step::ReadExact(count) => {
                run(uart.read_exact(*count), &shared, &mut reads).map(|bytes| Found {
                    which: 0,
                    groups: Vec::new(),
                    line: bytes,
                })
            }
        };
        let expected = match (step, expected) {
            (Step::ReadLine, Some(found)) => Some(Found {
                line: String::from_utf8_lossy(&found.line)
                    .into_owned()
                    .into_bytes(),
                ..found
            }),
            (_, expected) => expected,
        };
        prop_assert_eq!(&found, &expected, "{:?}", step);
        if found.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

fn cases(slice: u32) -> u32 {
    std::env::var("VTARGET_SOAK_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(slice)
}

#[test]
fn operations_find_what_the_reference_finds() {
    const OUTPUTS: u32 = 8;
    let config = Config {
        cases: cases(4000).div_ceil(OUTPUTS),
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outputs = proptest::collection::vec(output(), OUTPUTS as usize);
    let strategy = (
        steps().prop_filter("usable on a stream", |steps| usable(steps)),
        outputs,
    );
    let result = runner.run(&strategy, |(steps, outputs)| {
        outputs.iter().try_for_each(|output| check(&steps, output))
    });
    if let Err(e) = result {
        panic!("{e}");
    }
}

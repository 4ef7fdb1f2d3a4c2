//! The engine against a reference so simple that it is plainly right.
//!
//! Random patterns, output and cuts: what operations find must be what the
//! reference finds in all the output at once. A small slice of the cases, the same
//! every time, is always run; `make soak` runs ten million, or `VTARGET_SOAK_CASES`.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::expect::matched::Match;
use super::handle::Uart;
use super::pattern::Pattern;
use super::state::{Settings, UartState};
use super::transcript::Limits;
use crate::operation::Operation;

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

/// Nothing stays in memory but the open chunk.
const FILE_ONLY: Limits = Limits {
    memory: 0,
    disk: 1 << 20,
    chunk: 16,
};

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

/// The output of a board, how it is cut into reads, and how it is read.
#[derive(Debug, Clone)]
struct Output {
    tokens: Vec<Token>,
    cuts: Vec<usize>,
    /// All of it has arrived, and most is in the file, before anybody looks.
    late: bool,
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
        1 => proptest::sample::select(&[0xff_u8, 0xc3, 0x80, 0xe2, 0xf0][..]).prop_map(Token::Byte),
    ];
    let tokens = proptest::collection::vec(token, 0..24);
    let cuts = proptest::collection::vec(any::<usize>(), 0..12);
    (tokens, cuts, proptest::bool::weighted(0.25)).prop_map(|(tokens, cuts, late)| Output {
        tokens,
        cuts,
        late,
    })
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
    StreamRegex(String),
    Bytes(String),
    /// Taken for `Bytes` if it could match within a character.
    Text(String),
}

impl Looked {
    fn pattern(&self) -> Pattern {
        match self {
            Self::Literal(text) => Pattern::literal(text.as_bytes()),
            Self::StreamRegex(regex) => Pattern::new(format!("re:{regex}")).unwrap(),
            Self::Bytes(regex) => Pattern::new(regex::bytes::Regex::new(regex).unwrap()).unwrap(),
            Self::Text(regex) => match regex::Regex::new(regex) {
                Ok(regex) => Pattern::new(regex).unwrap(),
                Err(_) => Self::Bytes(regex.clone()).pattern(),
            },
        }
    }

    fn reference(&self) -> Plain {
        let bytes = |regex: &str| Plain::Bytes(regex::bytes::Regex::new(regex).unwrap());
        match self {
            Self::Literal(text) => bytes(&regex::escape(text)),
            Self::StreamRegex(regex) => Plain::ours(regex),
            Self::Bytes(regex) => bytes(regex),
            Self::Text(regex) => {
                regex::Regex::new(regex).map_or_else(|_| bytes(regex), Plain::Text)
            }
        }
    }
}

/// A regular expression of the reference.
enum Plain {
    Bytes(regex::bytes::Regex),
    Text(regex::Regex),
}

/// What the reference finds on a stream.
struct First {
    /// How many bytes it takes to know.
    known: usize,
    /// Behind the last byte that was looked at.
    end: usize,
    groups: Vec<Option<String>>,
    /// Behind the last byte of any group.
    cursor: usize,
}

impl Plain {
    /// A regular expression of ours. One that is not for text alone sees bytes, where `.` and
    /// negated classes match any single byte beyond ASCII as well.
    fn ours(regex: &str) -> Self {
        if let Ok(regex) = regex::Regex::new(regex) {
            return Self::Text(regex);
        }
        let hidden = [("(?-u:[^a])", "\u{1}"), ("(?s:.)", "\u{2}")];
        let shown = [
            (".", "(?:.|(?-u:[\\x80-\\xff]))"),
            ("[^a]", "(?:[^a]|(?-u:[\\x80-\\xff]))"),
            (r"\W", "(?:\\W|(?-u:[\\x80-\\xff]))"),
            ("\u{1}", "(?-u:[^a])"),
            ("\u{2}", "(?:(?s:.)|(?-u:[\\x80-\\xff]))"),
        ];
        let mut bytes = regex.to_owned();
        for (from, to) in hidden.into_iter().chain(shown) {
            bytes = bytes.replace(from, to);
        }
        Self::Bytes(regex::bytes::Regex::new(&bytes).unwrap())
    }

    /// The groups of its match in a text that is complete.
    fn find(&self, text: &[u8]) -> Option<Vec<Option<String>>> {
        match self {
            Self::Bytes(regex) => {
                let captures = regex.captures(text)?;
                let text = |group: regex::bytes::Match<'_>| lossy(group.as_bytes());
                Some(captures.iter().map(|group| group.map(text)).collect())
            }
            Self::Text(regex) => {
                let text = lossy(text);
                let captures = regex.captures(&text)?;
                let text = |group: regex::Match<'_>| group.as_str().to_owned();
                Some(captures.iter().map(|group| group.map(text)).collect())
            }
        }
    }

    /// Its first match on a stream that begins with `bytes`.
    fn first(&self, bytes: &[u8]) -> Option<First> {
        match self {
            Self::Bytes(regex) => (1..=bytes.len()).find_map(|end| {
                let captures = regex.captures(&bytes[..end])?;
                let cursor = captures.iter().flatten().map(|group| group.end()).max()?;
                let text = |group: regex::bytes::Match<'_>| lossy(group.as_bytes());
                Some(First {
                    known: end,
                    end,
                    groups: captures.iter().map(|group| group.map(text)).collect(),
                    cursor,
                })
            }),
            Self::Text(regex) => {
                let (mut text, mut places) = (String::new(), vec![(0, 0)]);
                characters(bytes).into_iter().find_map(|character| {
                    text.push(character.char);
                    places.push((text.len(), character.end));
                    let captures = regex.captures(&text)?;
                    let cursor = captures.iter().flatten().map(|group| group.end()).max()?;
                    let place = places.iter().find(|(end, _)| *end == cursor)?;
                    let text = |group: regex::Match<'_>| group.as_str().to_owned();
                    Some(First {
                        known: character.known,
                        end: character.end,
                        groups: captures.iter().map(|group| group.map(text)).collect(),
                        cursor: place.1,
                    })
                })
            }
        }
    }
}

/// A character of a stream: where it ends, and how many bytes it takes to know it.
struct Character {
    char: char,
    end: usize,
    known: usize,
}

/// The characters that are known by the last of `bytes`.
fn characters(bytes: &[u8]) -> Vec<Character> {
    let mut characters: Vec<Character> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let as_text = |end: usize| std::str::from_utf8(&bytes[at..end]);
        let open = |end: &usize| as_text(*end).is_err_and(|e| e.error_len().is_none());
        let Some(known) = (at + 1..=bytes.len()).find(|end| !open(end)) else {
            break;
        };
        let (char, end) = match as_text(known) {
            Ok(text) => (text.chars().next().unwrap(), known),
            Err(_) => (char::REPLACEMENT_CHARACTER, at + 1),
        };
        let before = characters.last().map_or(0, |character| character.known);
        let known = known.max(before);
        characters.push(Character { char, end, known });
        at = end;
    }
    characters
}

fn lossy(bytes: &[u8]) -> String {
    let text = characters(bytes)
        .into_iter()
        .map(|character| character.char);
    let mut text: String = text.collect();
    // What is missing does not come any more.
    let whole: usize = characters(bytes).last().map_or(0, |last| last.end);
    text.extend(bytes[whole..].iter().map(|_| char::REPLACEMENT_CHARACTER));
    text
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let looked = prop_oneof![
        1 => proptest::collection::vec(proptest::sample::select(TEXT), 1..3).prop_map(|parts| Looked::Literal(parts.concat())),
        3 => regex().prop_map(Looked::StreamRegex),
        1 => regex().prop_map(Looked::Bytes),
        1 => regex().prop_map(Looked::Text),
    ];
    let step = prop_oneof![
        6 => proptest::collection::vec(looked, 1..4).prop_map(Step::Expect),
        2 => regex().prop_map(Step::ExpectLine),
        2 => Just(Step::ReadLine),
        1 => (1_usize..4).prop_map(Step::ReadExact),
    ];
    proptest::collection::vec(step, 1..4)
}

/// A step with everything compiled, for us and for the reference.
struct Prepared<'a> {
    step: &'a Step,
    patterns: Vec<Pattern>,
    references: Vec<Plain>,
}

impl<'a> Prepared<'a> {
    fn new(step: &'a Step) -> Self {
        let line = |regex: &String| vec![Looked::StreamRegex(regex.clone())];
        let looked = match step {
            Step::Expect(looked) => looked.clone(),
            Step::ExpectLine(regex) => line(regex),
            Step::ReadLine | Step::ReadExact(_) => Vec::new(),
        };
        Self {
            step,
            patterns: looked.iter().map(Looked::pattern).collect(),
            references: looked.iter().map(Looked::reference).collect(),
        }
    }

    /// Whether its patterns are ones for where they are used.
    fn usable(&self) -> bool {
        let on_stream = matches!(self.step, Step::Expect(_));
        let usable = |pattern| super::pattern::stream::Engine::new(pattern).is_ok();
        !on_stream || self.patterns.iter().all(usable)
    }
}

/// What was found: which pattern, the range, the groups, the line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    which: usize,
    groups: Vec<Option<String>>,
    line: Vec<u8>,
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

    fn step(&mut self, prepared: &Prepared<'_>) -> Option<Found> {
        let rest = self.rest();
        let bytes: Vec<u8> = rest.iter().map(|(byte, _)| *byte).collect();
        match prepared.step {
            Step::Expect(_) => {
                let found = prepared.references.iter().enumerate();
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
                let look = |line: &[u8]| prepared.references[0].find(line);
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

fn poll<T>(operation: &mut Operation<T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(operation).poll(&mut cx) {
        Poll::Ready(result) => Some(result.unwrap()),
        Poll::Pending => None,
    }
}

fn of_match(which: usize, found: &Match, is_line: bool) -> Found {
    let groups = (0..found.groups.len()).map(|group| found.get_bytes(group).map(lossy));
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
    shared: &UartState,
    reads: &mut VecDeque<Vec<u8>>,
) -> Option<T> {
    loop {
        if let Some(output) = poll(&mut operation) {
            return Some(output);
        }
        arrive(reads.pop_front()?, shared);
    }
}

fn arrive(mut read: Vec<u8>, shared: &UartState) {
    let count = read.len();
    shared.transcript.append(&mut read, count);
    shared.transcript.announce();
}

fn check(steps: &[Prepared<'_>], output: &Output) -> Result<(), TestCaseError> {
    let limits = match output.late {
        true => FILE_ONLY,
        false => Limits::default(),
    };
    let shared = Arc::new(UartState::limited(
        "model",
        Settings::default(),
        None,
        limits,
    ));
    let uart = Uart::at_start(&shared);
    let mut reads: VecDeque<_> = output.reads().into();
    if output.late {
        reads.drain(..).for_each(|read| arrive(read, &shared));
    }
    let mut reference = Reference {
        raw: output.raw(),
        text: output.text(),
        at: 0,
        after_cr: false,
    };
    for prepared in steps {
        let step = prepared.step;
        let patterns = &prepared.patterns;
        let expected = reference.step(prepared);
        let line = |line: String| Found {
            which: 0,
            groups: Vec::new(),
            line: line.into_bytes(),
        };
        let found = match step {
            Step::Expect(_) => run(uart.expect_any(patterns), &shared, &mut reads)
                .map(|(which, found)| of_match(which, &found, false)),
            Step::ExpectLine(_) => run(uart.expect_line(&patterns[0]), &shared, &mut reads)
                .map(|found| of_match(0, &found, true)),
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
                line: lossy(&found.line).into_bytes(),
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

#[test]
fn operations_find_what_the_reference_finds() {
    run_cases(4000);
}

#[test]
#[ignore = "takes an hour: make soak"]
fn soak_operations_find_what_the_reference_finds() {
    let cases = std::env::var("VTARGET_SOAK_CASES").ok();
    run_cases(cases.map_or(10_000_000, |cases| cases.parse().unwrap()));
}

fn run_cases(cases: u32) {
    const OUTPUTS: u32 = 8;
    let config = Config {
        cases: cases.div_ceil(OUTPUTS),
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outputs = proptest::collection::vec(output(), OUTPUTS as usize);
    let result = runner.run(&(steps(), outputs), |(steps, outputs)| {
        let steps: Vec<_> = steps.iter().map(Prepared::new).collect();
        prop_assume!(steps.iter().all(Prepared::usable));
        outputs.iter().try_for_each(|output| check(&steps, output))
    });
    if let Err(e) = result {
        panic!("{e}");
    }
}

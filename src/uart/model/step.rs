//! Random operations with random patterns.

use proptest::prelude::*;

use super::output::TEXT;
use super::reference_regex::ReferenceRegex;
use crate::uart::pattern::Pattern;
use crate::uart::pattern::stream::Engine;

/// Generates a regular expression in which every boundary is ASCII.
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

/// An operation with its patterns.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Expect(Vec<Sought>),
    ExpectLine(String),
    ReadLine,
    ReadExact(usize),
}

/// A pattern of one of the kinds that users pass.
#[derive(Debug, Clone)]
pub(super) enum Sought {
    Literal(String),
    StreamRegex(String),
    Bytes(String),
    /// Used as `Bytes` if it can match within a character.
    Text(String),
}

impl Sought {
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

    fn reference(&self) -> ReferenceRegex {
        let bytes = |regex: &str| ReferenceRegex::Bytes(regex::bytes::Regex::new(regex).unwrap());
        match self {
            Self::Literal(text) => bytes(&regex::escape(text)),
            Self::StreamRegex(regex) => ReferenceRegex::stream_regex(regex),
            Self::Bytes(regex) => bytes(regex),
            Self::Text(regex) => {
                regex::Regex::new(regex).map_or_else(|_| bytes(regex), ReferenceRegex::Text)
            }
        }
    }
}

/// Generates the steps of a test.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sought = prop_oneof![
        1 => proptest::collection::vec(proptest::sample::select(TEXT), 1..3).prop_map(|parts| Sought::Literal(parts.concat())),
        3 => regex().prop_map(Sought::StreamRegex),
        1 => regex().prop_map(Sought::Bytes),
        1 => regex().prop_map(Sought::Text),
    ];
    let step = prop_oneof![
        6 => proptest::collection::vec(sought, 1..4).prop_map(Step::Expect),
        2 => regex().prop_map(Step::ExpectLine),
        2 => Just(Step::ReadLine),
        1 => (1_usize..4).prop_map(Step::ReadExact),
    ];
    proptest::collection::vec(step, 1..4)
}

/// A step whose patterns are compiled, for the operation and for the reference.
pub(super) struct CompiledStep<'a> {
    pub(super) step: &'a Step,
    pub(super) patterns: Vec<Pattern>,
    pub(super) references: Vec<ReferenceRegex>,
}

impl<'a> CompiledStep<'a> {
    pub(super) fn new(step: &'a Step) -> Self {
        let line = |regex: &String| vec![Sought::StreamRegex(regex.clone())];
        let sought = match step {
            Step::Expect(sought) => sought.clone(),
            Step::ExpectLine(regex) => line(regex),
            Step::ReadLine | Step::ReadExact(_) => Vec::new(),
        };
        Self {
            step,
            patterns: sought.iter().map(Sought::pattern).collect(),
            references: sought.iter().map(Sought::reference).collect(),
        }
    }

    /// Returns true if the step may use its patterns.
    pub(super) fn usable(&self) -> bool {
        let on_stream = matches!(self.step, Step::Expect(_));
        let usable = |pattern| Engine::new(pattern).is_ok();
        !on_stream || self.patterns.iter().all(usable)
    }
}

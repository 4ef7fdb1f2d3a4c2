//! A comparison of the operations with a reference that is simple enough to be obviously right.
//!
//! Patterns, output and cuts are random. The operations, as the output arrives, must find the
//! same as the [reference] finds in all of the output at once. A small set of cases, always the
//! same, runs with every test run; `make soak` runs ten million, or `VTARGET_SOAK_CASES`.

mod output;
mod reference;
mod reference_regex;
mod step;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::operation::Operation;
use crate::uart::expect::matched::Match;
use crate::uart::handle::Uart;
use crate::uart::state::{Settings, UartState};
use crate::uart::transcript::Limits;
use output::{Output, output};
use reference::{Found, Reference};
use reference_regex::lossy;
use step::{CompiledStep, Step, steps};

/// Limits that keep nothing in memory but the open chunk.
const FILE_ONLY: Limits = Limits {
    memory: 0,
    disk: 1 << 20,
    chunk: 16,
};

/// Polls an operation once.
fn poll<T>(operation: &mut Operation<T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(operation).poll(&mut cx) {
        Poll::Ready(result) => Some(result.unwrap()),
        Poll::Pending => None,
    }
}

/// Returns a match in the form of the reference.
fn found_in(which: usize, found: &Match, is_line: bool) -> Found {
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

/// Runs one operation; the next read arrives whenever it waits.
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

/// Appends a read to the transcript.
fn arrive(mut read: Vec<u8>, shared: &UartState) {
    let count = read.len();
    shared.transcript.append(&mut read, count);
    shared.transcript.announce();
}

/// Checks that every step finds in `output` what the reference finds.
fn check(steps: &[CompiledStep<'_>], output: &Output) -> Result<(), TestCaseError> {
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
    for compiled in steps {
        let step = compiled.step;
        let patterns = &compiled.patterns;
        let expected = reference.step(compiled);
        let line = |line: String| Found {
            which: 0,
            groups: Vec::new(),
            line: line.into_bytes(),
        };
        let found = match step {
            Step::Expect(_) => run(uart.expect_any(patterns), &shared, &mut reads)
                .map(|(which, found)| found_in(which, &found, false)),
            Step::ExpectLine(_) => run(uart.expect_line(&patterns[0]), &shared, &mut reads)
                .map(|found| found_in(0, &found, true)),
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
        let steps: Vec<_> = steps.iter().map(CompiledStep::new).collect();
        prop_assume!(steps.iter().all(CompiledStep::usable));
        outputs.iter().try_for_each(|output| check(&steps, output))
    });
    if let Err(e) = result {
        panic!("{e}");
    }
}

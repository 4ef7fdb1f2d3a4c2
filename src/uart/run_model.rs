//! A test of `run` with simulated shells, byte by byte and in virtual time: no answer is ever
//! wrong.
//!
//! Each shape of a shell receives a hundred commands. Its output arrives cut at every byte, at
//! several paces. The test uses neither threads nor the host's clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::expect::ignored_lines::IgnoredLines;
use super::handle::Uart;
use super::link::{JobQueue, Link};
use super::pattern::Pattern;
use super::state::{Settings, UartState};
use crate::config::Echo;
use crate::error::Result;
use crate::operation::Operation;
use crate::runtime::VirtualClock;
use crate::sync::lock;

#[path = "../../tests/engines/src/shells.rs"]
#[allow(unreachable_pub, reason = "another crate has it as well")]
mod shells;

use shells::{Shape, Shell, command, shapes};

const COMMANDS: usize = 100;

/// The pace at which the output of a shell arrives.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// All of it at once.
    AtOnce,
    /// In pieces of this many bytes; the rest of an answer arrives after the next command.
    Pieces(usize),
    /// Byte by byte, this many milliseconds apart.
    Slow(u64),
    /// The first bytes of each answer, this many, then the rest.
    Cut(usize),
}

/// A shell, and the UART that it is connected to.
struct FakeBoard {
    shell: Shell,
    shared: Arc<UartState>,
    uart: Uart,
    jobs: JobQueue,
    clock: Arc<VirtualClock>,
    now: Duration,
    /// The output of the shell that has not arrived yet.
    sent: Vec<u8>,
}

impl FakeBoard {
    fn new(shape: Shape) -> Self {
        let clock = Arc::new(VirtualClock::new(1, Duration::from_secs(60)));
        clock.prepare();
        clock.begin();
        let ignored = shape
            .ignore_lines
            .iter()
            .copied()
            .map(|pattern| IgnoredLines::pattern(pattern, true));
        let settings = Settings {
            line_ending: shape.line_ending.to_owned(),
            prompt: Some(Pattern::new(shape.prompt).unwrap()),
            echo: match shape.echo {
                None => Echo::Auto,
                Some(true) => Echo::On,
                Some(false) => Echo::Off,
            },
            ignored: IgnoredLines::new(ignored.collect::<std::result::Result<_, _>>().unwrap()),
            virtual_clock: Some((Arc::clone(&clock), 0)),
            ..Settings::default()
        };
        let shared = Arc::new(UartState::new("uart", settings, None));
        let (link, jobs) = Link::stepped();
        *lock(&shared.link) = Some(link);
        let mut shell = shape.start();
        let sent = shell.sent();
        Self {
            uart: Uart::at_start(&shared),
            shell,
            shared,
            jobs,
            clock,
            now: Duration::ZERO,
            sent,
        }
    }

    /// Passes the jobs to the shell.
    fn deliver(&mut self) {
        while let Some(job) = self.jobs.try_next() {
            job.bytes.iter().for_each(|byte| self.shell.receive(*byte));
            self.sent.extend(self.shell.sent());
            job.complete(Duration::ZERO);
        }
    }

    /// Appends the next `count` bytes of the output to the transcript.
    fn arrive(&mut self, count: usize) {
        let mut bytes: Vec<u8> = self.sent.drain(..count.min(self.sent.len())).collect();
        let count = bytes.len();
        self.shared
            .transcript
            .append_at(&mut bytes, count, self.now);
        self.shared.transcript.announce();
    }

    /// Advances the virtual time.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.clock.advance_to(self.now, || {});
    }

    fn run(&mut self, command: &str, pace: Pace) -> Result<String> {
        let mut run = self.uart.run(command).within(Duration::from_secs(600));
        let mut cut = match pace {
            Pace::Cut(at) => Some(at),
            _ => None,
        };
        loop {
            if let Some(answer) = poll(&mut run) {
                return answer;
            }
            self.deliver();
            // Time passes only once the operation has seen that its job is complete.
            if self.sent.is_empty() {
                if let Some(answer) = poll(&mut run) {
                    return answer;
                }
                if self.sent.is_empty() {
                    self.pass(Duration::from_millis(100));
                }
            }
            match pace {
                Pace::AtOnce => self.arrive(usize::MAX),
                Pace::Pieces(size) => self.arrive(size),
                Pace::Slow(millis) => {
                    self.arrive(1);
                    self.pass(Duration::from_millis(millis));
                }
                Pace::Cut(_) => self.arrive(cut.take().unwrap_or(usize::MAX)),
            }
        }
    }
}

fn poll(run: &mut Operation<String>) -> Option<Result<String>> {
    match Pin::new(run).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// Runs the first `count` commands. Returns the first wrong answer or error, if any, and the
/// number of right answers.
fn converse(shape: Shape, pace: Pace, count: usize) -> (Option<String>, usize) {
    let mut board = FakeBoard::new(shape);
    let mut right = 0;
    for n in 0..count {
        let command = command(n);
        let place = format!("{}, {pace:?}, {n}: {command:?}", shape.name);
        match board.run(&command, pace) {
            Ok(answer) if answer == shape.answer(&command, n) => right += 1,
            Ok(answer) => return (Some(format!("{place}: {answer:?}")), right),
            Err(_) if shape.is_hopeless => {}
            Err(e) => return (Some(format!("{place}: {e}")), right),
        }
    }
    (None, right)
}

fn none_is_wrong(paces: &[Pace], count: usize) {
    let shapes = shapes();
    let wrong = shapes.iter().filter_map(|shape| {
        let mut paces = paces.iter();
        paces.find_map(|pace| converse(*shape, *pace, count).0)
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shells_have_distinct_names_and_are_at_least_thirty() {
    let mut names: Vec<_> = shapes().iter().map(|shape| shape.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), shapes().len());
    assert!(names.len() >= 30, "{}", names.len());
}

#[test]
fn a_hundred_commands_at_once_have_the_right_answers() {
    none_is_wrong(&[Pace::AtOnce], COMMANDS);
}

#[test]
fn a_hundred_commands_byte_by_byte_have_the_right_answers() {
    none_is_wrong(&[Pace::Pieces(1)], COMMANDS);
}

#[test]
fn a_hundred_slow_commands_have_the_right_answers() {
    none_is_wrong(&[Pace::Slow(20)], COMMANDS);
}

#[test]
fn answers_do_not_depend_on_how_reads_are_cut() {
    let cuts: Vec<_> = (1..60).map(Pace::Cut).collect();
    none_is_wrong(&cuts, 3);
}

#[test]
#[ignore = "a minute: make soak"]
fn answers_do_not_depend_on_how_reads_are_cut_soak() {
    let cuts: Vec<_> = (1..300).map(Pace::Cut).collect();
    none_is_wrong(&cuts, 12);
    let sizes: Vec<_> = (2..40).map(Pace::Pieces).collect();
    none_is_wrong(&sizes, COMMANDS);
}

//! Virtual time as a state machine: events in, [`Order`]s out, without a lock, a task or a clock.
//!
//! ```text
//!          begin                     Run
//! Off ──> (life) ──> Paused ───────────────────────> Running
//!                     ^  ^                            │   ^
//!                     │  │          paused            │   │ Resume
//!                     │  └────────────────────────────┤   │
//!                     │                       stopped │   │
//!                     │                               v   │
//!                     │    paused             Stop   Stopped
//!                     └────────────── Stopping <──────┘
//!                                        ^
//!                                        └── Stop ── Running
//! ```
//!
//! Whoever waits tells until when, and at which output the guest is to be stopped for it. A
//! stopped or paused guest asks all [waiters](Waiter): each looks at the output, and either leaves
//! or acknowledges that it wants more.
//!
//! **Invariant.** The guest goes on from a stop only when every waiter that is there has
//! acknowledged that very stop, or has once not answered for [`ACK_TIMEOUT`] after another one had
//! and not looked since; and it runs no further than the earliest limit, and past no stop, of
//! those that have acknowledged.

use std::time::{Duration, Instant};

use super::stops::{Stops, Wants};

/// The time in which a waiter has to answer after another one has: a future that is kept but not
/// polled must not block the others.
pub(super) const ACK_TIMEOUT: Duration = Duration::from_millis(200);

/// A look at the output: the number of the last question that was asked before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look(u64);

/// The extent of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The time at which it ends; none for a run without a limit.
    pub(crate) until: Option<Duration>,
    /// The stops of each UART.
    pub(crate) stops: Vec<Stops>,
}

/// An order to the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// To a paused guest: run.
    Run(Run),
    /// To a guest that is stopped: continue the run, or do another one.
    Resume(Option<Run>),
    /// To a guest that runs or is stopped: pause.
    Stop,
}

/// The state of the board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// Nothing can run.
    Off,
    /// An emulator is being set up.
    Preparing,
    On,
}

/// The state of the guest.
#[derive(Debug)]
enum Guest {
    Paused,
    Running(Run),
    /// It is stopped within the run, at output or at the limit.
    Stopped(Run),
    /// It has been ordered to pause.
    Stopping,
}

/// A wait. `W` wakes it.
struct Waiter<W> {
    id: u64,
    until: Option<Duration>,
    wants: Wants,
    waker: W,
    /// It has looked since the last question, and wants more.
    acked: bool,
    /// It did not answer in time.
    unresponsive: bool,
}

/// The state machine. `W` is what wakes a waiter.
pub(super) struct VirtualTime<W> {
    life: Life,
    guest: Guest,
    /// The guest's time since the board was created: while it was on, and what it was left off
    /// for on purpose.
    now: Duration,
    /// The time at which the present emulator was started.
    since: Duration,
    waiters: Vec<Waiter<W>>,
    /// The number of UARTs.
    uarts: usize,
    /// The guards by their numbers, which hold whoever waits.
    guards: Vec<(u64, Wants)>,
    /// The number of holds, each of which keeps the guest paused.
    holds: usize,
    /// True if a waiter has left before its time, since the run began.
    left: bool,
    /// The number of questions so far.
    questions: u64,
    /// The time of the first answer to the last question.
    first_answer: Option<Instant>,
}

impl<W: Clone> VirtualTime<W> {
    /// Creates the time of a board with this number of UARTs, which is off.
    pub(super) fn new(uarts: usize) -> Self {
        Self {
            life: Life::Off,
            guest: Guest::Paused,
            now: Duration::ZERO,
            since: Duration::ZERO,
            waiters: Vec::new(),
            uarts,
            guards: Vec::new(),
            holds: 0,
            left: false,
            questions: 0,
            first_answer: None,
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// Returns the time that the present emulator calls `elapsed`.
    pub(super) fn since_start(&self, elapsed: Duration) -> Duration {
        self.since + elapsed
    }

    pub(super) fn is_paused(&self) -> bool {
        matches!(self.guest, Guest::Paused)
    }

    /// Returns the last question, if the guest runs; as long as it stays the same, it has not
    /// been stopped.
    pub(super) fn running(&self) -> Option<Look> {
        matches!(self.guest, Guest::Running(_)).then(|| self.look())
    }

    // The board.

    /// Starts the time of an emulator that is being set up.
    pub(super) fn prepare(&mut self) {
        self.life = Life::Preparing;
        self.since = self.now;
        self.guest = Guest::Paused;
    }

    /// Allows the guest to run.
    pub(super) fn begin(&mut self) {
        self.life = Life::On;
    }

    /// Ends the guest. Returns what wakes all waiters, which wait no longer.
    pub(super) fn end(&mut self) -> Vec<W> {
        self.life = Life::Off;
        self.guest = Guest::Paused;
        let waiters = std::mem::take(&mut self.waiters);
        waiters.into_iter().map(|waiter| waiter.waker).collect()
    }

    /// Lets time pass without a guest.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    /// Adds the guard of this number, whose stops hold whoever waits.
    pub(super) fn guard(&mut self, id: u64, wants: Wants) {
        self.guards.push((id, wants));
    }

    /// Removes the guard of this number.
    pub(super) fn lift_guard(&mut self, id: u64) {
        self.guards.retain(|(guard, _)| *guard != id);
    }

    pub(super) fn hold(&mut self) {
        self.holds += 1;
    }

    pub(super) fn release(&mut self) {
        self.holds -= 1;
    }

    // The waiters.

    /// Returns the look that begins now.
    pub(super) fn look(&self) -> Look {
        Look(self.questions)
    }

    /// Takes the answer of a waiter that has found nothing in `look`: it waits on, until `until`.
    ///
    /// A look that began before the last question is no answer to it: it may have missed the very
    /// output that the question is about. Replaces the waiter's waker, and returns the old one.
    pub(super) fn wait(
        &mut self,
        id: u64,
        until: Option<Duration>,
        wants: &Wants,
        look: Look,
        waker: W,
        host_now: Instant,
    ) -> Answer<W> {
        if self.life == Life::Off || until.is_some_and(|until| until <= self.now) {
            return Answer::Ended(self.take(id));
        }
        let acked = look.0 == self.questions;
        let replaced = match self.waiters.iter_mut().find(|waiter| waiter.id == id) {
            Some(waiter) => {
                waiter.until = until;
                waiter.acked = acked;
                waiter.unresponsive = false;
                Some(std::mem::replace(&mut waiter.waker, waker))
            }
            None => {
                self.waiters.push(Waiter {
                    id,
                    until,
                    wants: wants.clone(),
                    waker,
                    acked,
                    unresponsive: false,
                });
                None
            }
        };
        match acked {
            true => {
                self.first_answer.get_or_insert(host_now);
                Answer::Waits(replaced)
            }
            false => Answer::LookAgain(replaced),
        }
    }

    /// Removes a waiter. Returns its waker, if it was there.
    pub(super) fn leave(&mut self, id: u64) -> Option<W> {
        let waker = self.take(id);
        self.left |= waker.is_some();
        waker
    }

    fn take(&mut self, id: u64) -> Option<W> {
        let index = self.waiters.iter().position(|waiter| waiter.id == id)?;
        Some(self.waiters.remove(index).waker)
    }

    /// Returns the time until which the waiters that have not answered have to.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        let is_asked = matches!(self.guest, Guest::Paused | Guest::Stopped(_));
        let is_due = is_asked && self.may_run() && !self.all_acked();
        let first = self.first_answer.filter(|_| is_due);
        first.map(|first| first + ACK_TIMEOUT)
    }

    /// Gives up on the waiters that have not answered in time.
    pub(super) fn answers_are_due(&mut self) {
        for waiter in &mut self.waiters {
            waiter.unresponsive |= !waiter.acked;
        }
    }

    // The guest's reports.

    /// The guest is stopped at output or at its limit. Returns what wakes all waiters.
    pub(super) fn stopped(&mut self) -> Vec<W> {
        // A guest that has been ordered to stop does not wait here.
        match std::mem::replace(&mut self.guest, Guest::Stopping) {
            Guest::Running(run) => {
                self.guest = Guest::Stopped(run);
                self.ask()
            }
            guest => {
                self.guest = guest;
                Vec::new()
            }
        }
    }

    /// The guest is paused. Returns what wakes all waiters.
    pub(super) fn paused(&mut self) -> Vec<W> {
        self.guest = Guest::Paused;
        self.ask()
    }

    /// The present emulator's time is `elapsed`.
    pub(super) fn advance_to(&mut self, elapsed: Duration) {
        self.now = self.now.max(self.since + elapsed);
    }

    /// Asks all waiters to look again. Returns what wakes them.
    fn ask(&mut self) -> Vec<W> {
        self.questions += 1;
        self.first_answer = None;
        let waiters = self.waiters.iter_mut();
        waiters
            .map(|waiter| {
                waiter.acked = false;
                waiter.waker.clone()
            })
            .collect()
    }

    // Orders.

    /// Returns the next order, which counts as given.
    pub(super) fn next_order(&mut self) -> Option<Order> {
        let may_run = self.may_run();
        match &self.guest {
            Guest::Stopping => None,
            Guest::Running(run) => {
                let goes_on = may_run && self.allows(run);
                (!goes_on).then(|| self.stop())
            }
            Guest::Stopped(_) if !may_run => Some(self.stop()),
            Guest::Stopped(_) if !self.all_acked() => None,
            Guest::Stopped(run) => {
                let is_over = run.until.is_some_and(|until| until <= self.now);
                if !is_over && self.allows(run) {
                    self.guest = Guest::Running(run.clone());
                    return Some(Order::Resume(None));
                }
                let run = self.run()?;
                Some(Order::Resume(Some(run)))
            }
            Guest::Paused if may_run && self.all_acked() => Some(Order::Run(self.run()?)),
            Guest::Paused => None,
        }
    }

    fn may_run(&self) -> bool {
        self.life == Life::On && self.holds == 0
    }

    fn stop(&mut self) -> Order {
        self.guest = Guest::Stopping;
        Order::Stop
    }

    fn all_acked(&self) -> bool {
        let mut waiters = self.waiters.iter();
        waiters.all(|waiter| waiter.acked || waiter.unresponsive)
    }

    /// Returns the waiters that have acknowledged, for which the guest runs.
    fn present(&self) -> impl Iterator<Item = &Waiter<W>> {
        self.waiters.iter().filter(|waiter| waiter.acked)
    }

    /// Begins a run, if there is a waiter to run for.
    fn run(&mut self) -> Option<Run> {
        self.present().next()?;
        let mut stops = vec![Stops::default(); self.uarts];
        let waits = self.present().map(|waiter| &waiter.wants);
        for wants in self.guards.iter().map(|(_, wants)| wants).chain(waits) {
            let of_uart = &mut stops[wants.uart];
            *of_uart = std::mem::take(of_uart).union(&wants.stops);
        }
        let until = self.present().filter_map(|waiter| waiter.until).min();
        self.left = false;
        let run = Run { until, stops };
        self.guest = Guest::Running(run.clone());
        Some(run)
    }

    /// Returns true if the guest may go on with `run`: there is a waiter, none has left since the
    /// run began, and it goes beyond no limit and no stop of the waiters and guards.
    fn allows(&self, run: &Run) -> bool {
        let is_stopped_for = |wants: &Wants| run.stops[wants.uart].covers(&wants.stops);
        let is_covered = |waiter: &Waiter<W>| {
            let in_time = match (waiter.until, run.until) {
                (Some(wanted), Some(until)) => wanted >= until,
                (Some(_), None) => false,
                (None, _) => true,
            };
            in_time && is_stopped_for(&waiter.wants)
        };
        !self.left
            && self.guards.iter().all(|(_, wants)| is_stopped_for(wants))
            && self.present().next().is_some()
            && self.present().all(is_covered)
    }
}

/// What a waiter is told; with wakers that are no longer needed.
pub(super) enum Answer<W> {
    /// The time has come, or there is no guest.
    Ended(Option<W>),
    /// The guest may run.
    Waits(Option<W>),
    /// The look was begun before the last question.
    LookAgain(Option<W>),
}

#[cfg(test)]
mod tests;

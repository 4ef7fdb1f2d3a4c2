//! The state machine without any emulator: its transitions one by one, then all schedules of
//! waits, guards, holds, reports and power cycles, of which the shortest that fails is shown.

use proptest::prelude::*;

use super::*;
use crate::runtime::ByteSet;

const UARTS: usize = 2;

fn time() -> VirtualTime<u64> {
    let mut time = VirtualTime::new(UARTS);
    time.prepare();
    time.begin();
    time
}

fn wants(uart: usize, bytes: &[u8]) -> Wants {
    let stops = Stops::at(ByteSet::of(bytes.iter().copied()));
    Wants { uart, stops }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl VirtualTime<u64> {
    /// Polls a wait that has seen all output. Returns true if it goes on.
    fn poll(&mut self, id: u64, until: u64, wants: &Wants) -> bool {
        let look = self.look();
        self.poll_after(look, id, until, wants)
    }

    fn poll_after(&mut self, look: Look, id: u64, until: u64, wants: &Wants) -> bool {
        let answer = self.wait(id, Some(secs(until)), wants, look, id, Instant::now());
        !matches!(answer, Answer::Ended(_))
    }

    fn stopped_at(&mut self, elapsed: Duration) -> Vec<u64> {
        self.advance_to(elapsed);
        self.stopped()
    }

    fn paused_at(&mut self, elapsed: Duration) -> Vec<u64> {
        self.advance_to(elapsed);
        self.paused()
    }

    /// Returns the limit and the stops of the run that is ordered now.
    fn ordered_run(&mut self) -> Run {
        match self.next_order() {
            Some(Order::Run(run) | Order::Resume(Some(run))) => run,
            order => panic!("{order:?}"),
        }
    }
}

#[test]
fn the_guest_runs_as_far_as_all_waits_allow() {
    let mut time = time();
    assert_eq!(time.next_order(), None, "nothing waits");
    time.guard(1, wants(1, b"x"));
    assert!(time.poll(1, 9, &wants(1, b"")));
    assert!(time.poll(2, 4, &wants(1, b"a")));
    let run = time.ordered_run();
    assert_eq!(run.until, Some(secs(4)));
    assert_eq!(run.stops, [wants(0, b"").stops, wants(1, b"ax").stops]);
    assert_eq!(time.next_order(), None);
    assert!(time.poll(3, 5, &wants(1, b"x")));
    assert_eq!(time.next_order(), None, "a wait that allows the run");
    assert!(time.poll(4, 3, &wants(1, b"")));
    assert_eq!(time.next_order(), Some(Order::Stop), "an earlier limit");
    time.paused_at(secs(1));
    for id in 1..=4 {
        assert_eq!(time.next_order(), None, "{id} has not looked");
        assert!(time.poll(id, 9 - id, &wants(1, b"")));
    }
    assert_eq!(time.ordered_run().until, Some(secs(5)), "the limits now");
    assert!(time.poll(4, 5, &wants(0, b"")));
    time.guard(2, wants(0, b"y"));
    assert_eq!(time.next_order(), Some(Order::Stop), "a new guard");
    time.paused_at(secs(1));
    time.lift_guard(1);
    time.leave(3);
    for id in [1, 2, 4] {
        assert!(time.poll(id, 9, &wants(1, b"")));
    }
    let run = time.ordered_run();
    assert!(run.stops[0].stops_at(b'y', b"") && !run.stops[1].stops_at(b'x', b""));
}

#[test]
fn a_stopped_guest_goes_on_once_all_waits_have_looked() {
    let mut time = time();
    for id in [1, 2] {
        assert!(time.poll(id, 9, &wants(0, b"x")));
    }
    time.ordered_run();
    assert_eq!(time.stopped_at(secs(1)), [1, 2], "both are woken");
    assert_eq!(time.now(), secs(1));
    assert!(time.poll(1, 9, &wants(0, b"x")));
    assert_eq!(time.next_order(), None, "2 has not looked");
    assert!(time.poll(2, 9, &wants(0, b"x")));
    assert_eq!(time.next_order(), Some(Order::Resume(None)));
    time.stopped_at(secs(2));
    time.leave(1);
    assert!(time.poll(2, 9, &wants(0, b"x")));
    assert_eq!(time.ordered_run().until, Some(secs(9)), "for the other one");
    assert_eq!(
        time.next_order(),
        None,
        "a wait that has left ends one run only"
    );
    time.stopped_at(secs(9));
    assert!(!time.poll(2, 9, &wants(0, b"x")), "its time has come");
    assert_eq!(time.next_order(), None);
    assert!(time.poll(3, 11, &wants(0, b"")));
    assert_eq!(time.ordered_run().until, Some(secs(11)));
}

#[test]
fn a_look_before_the_question_is_no_answer() {
    let mut time = time();
    assert!(time.poll(1, 9, &wants(0, b"x")));
    time.ordered_run();
    for id in [1, 2] {
        let stale = time.look();
        time.stopped_at(secs(id));
        assert!(time.poll_after(stale, id, 9, &wants(0, b"x")));
        assert_eq!(time.next_order(), None, "{id} has not looked");
        assert!(time.poll(1, 9, &wants(0, b"x")));
        assert!(time.poll(id, 9, &wants(0, b"x")));
        assert_eq!(time.next_order(), Some(Order::Resume(None)));
    }
}

#[test]
fn a_wait_that_does_not_look_is_given_up_once_another_has_looked() {
    let mut time = time();
    for id in [1, 2] {
        assert!(time.poll(id, 9, &wants(0, b"x")));
    }
    time.ordered_run();
    time.stopped_at(secs(1));
    assert_eq!(time.answer_due(), None, "none has looked");
    let began = Instant::now();
    assert!(time.poll(1, 9, &wants(0, b"x")));
    let due = time.answer_due().unwrap();
    assert!(due >= began + ACK_TIMEOUT);
    assert!(time.poll(1, 9, &wants(0, b"x")));
    assert_eq!(
        time.answer_due(),
        Some(due),
        "who looks again prolongs nothing"
    );
    assert_eq!(time.next_order(), None);
    time.answers_are_due();
    assert_eq!(time.next_order(), Some(Order::Resume(None)));
    assert_eq!(time.answer_due(), None);
}

#[test]
fn a_held_guest_is_paused() {
    let mut time = time();
    assert!(time.poll(1, 9, &wants(0, b"x")));
    time.ordered_run();
    time.hold();
    assert_eq!(time.next_order(), Some(Order::Stop));
    assert_eq!(time.next_order(), None, "it is ordered once");
    assert_eq!(
        time.stopped_at(secs(1)),
        [0_u64; 0],
        "it is to pause anyway"
    );
    assert!(!time.is_paused());
    time.paused_at(secs(2));
    assert!(time.is_paused() && time.poll(1, 9, &wants(0, b"x")));
    assert_eq!((time.next_order(), time.answer_due()), (None, None));
    time.release();
    time.ordered_run();
    time.stopped_at(secs(3));
    time.hold();
    assert_eq!(time.next_order(), Some(Order::Stop), "a stopped guest, too");
}

#[test]
fn a_wait_ends_with_its_guest() {
    let mut time = time();
    assert!(time.poll(1, 9, &wants(0, b"x")));
    time.ordered_run();
    time.stopped_at(secs(3));
    assert_eq!(time.end(), [1]);
    assert!(!time.poll(1, 9, &wants(0, b"x")));
    time.pass(secs(1));
    // The time of the next one begins where that of this one ended.
    time.prepare();
    assert!(time.poll(2, 5, &wants(0, b"x")));
    assert_eq!(time.next_order(), None, "it is being set up");
    time.begin();
    assert_eq!(time.since_start(secs(1)), secs(5));
    assert_eq!(time.ordered_run().until, Some(secs(5)));
    assert!(!time.poll(3, 4, &wants(0, b"x")), "its time has come");
}

/// A step of a schedule.
#[derive(Debug, Clone)]
enum Step {
    /// A wait looks and finds nothing: its id, limit from now, UART and stop.
    Wait(u64, u64, usize, Option<u8>),
    /// The same, with the look of its last poll.
    WaitWithOldLook(u64),
    Leave(u64),
    Guard(usize, u8),
    Hold,
    Release,
    /// The guest sends a byte, or comes to its limit.
    Send(usize, u8),
    /// A guest that was ordered to pauses.
    Pause,
    /// The time for an answer is over.
    AnswersDue,
    PowerCycle,
}

fn step() -> impl Strategy<Value = Step> {
    let (id, uart, byte) = (0..3_u64, 0..UARTS, b'a'..=b'c');
    prop_oneof![
        6 => (id.clone(), 1..6_u64, uart.clone(), prop::option::of(byte.clone()))
            .prop_map(|(id, limit, uart, byte)| Step::Wait(id, limit, uart, byte)),
        1 => id.clone().prop_map(Step::WaitWithOldLook),
        1 => id.prop_map(Step::Leave),
        1 => (uart.clone(), byte.clone()).prop_map(|(uart, byte)| Step::Guard(uart, byte)),
        1 => Just(Step::Hold),
        1 => Just(Step::Release),
        8 => (uart, byte).prop_map(|(uart, byte)| Step::Send(uart, byte)),
        2 => Just(Step::Pause),
        1 => Just(Step::AnswersDue),
        1 => Just(Step::PowerCycle),
    ]
}

/// The guest as the driver sees it.
#[derive(Debug, PartialEq)]
enum Emulated {
    Paused,
    Running(Run),
    Stopped(Run),
    Stopping,
}

struct Wait {
    id: u64,
    until: Duration,
    wants: Wants,
    look: Look,
    /// It has seen the last question, or is not waited for any more.
    answered: bool,
    given_up: bool,
}

/// A schedule under way.
struct Model {
    time: VirtualTime<u64>,
    guest: Emulated,
    waits: Vec<Wait>,
    guards: Vec<(usize, u8)>,
    holds: usize,
    /// The time of the present emulator.
    elapsed: Duration,
}

impl Model {
    fn new() -> Self {
        Self {
            time: time(),
            guest: Emulated::Paused,
            waits: Vec::new(),
            guards: Vec::new(),
            holds: 0,
            elapsed: Duration::ZERO,
        }
    }

    fn wait(&mut self, id: u64, until: Duration, wants: Wants, look: Look) {
        // A wait keeps what it wants.
        let known = self.waits.iter().position(|wait| wait.id == id);
        let wants = known.map_or(wants, |at| self.waits.remove(at).wants);
        let answer = self
            .time
            .wait(id, Some(until), &wants, look, id, Instant::now());
        if matches!(answer, Answer::Ended(_)) {
            assert!(until <= self.time.now(), "a wait ended too early");
            return;
        }
        let answered = matches!(answer, Answer::Waits(_));
        assert_eq!(answered, look == self.time.look());
        let given_up = false;
        self.waits.push(Wait {
            id,
            until,
            wants,
            look,
            answered,
            given_up,
        });
    }

    fn asked(&mut self, woken: Vec<u64>) {
        let mut waits: Vec<u64> = self.waits.iter().map(|wait| wait.id).collect();
        let mut woken = woken;
        waits.sort_unstable();
        woken.sort_unstable();
        assert_eq!(woken, waits, "all waits are woken");
        self.waits.iter_mut().for_each(|wait| wait.answered = false);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait(id, limit, uart, byte) => {
                let until = self.time.now() + secs(limit);
                let wants = wants(uart, byte.as_slice());
                self.wait(id, until, wants, self.time.look());
            }
            Step::WaitWithOldLook(id) => {
                if let Some(wait) = self.waits.iter().find(|wait| wait.id == id) {
                    self.wait(id, wait.until, wait.wants.clone(), wait.look);
                }
            }
            Step::Leave(id) => {
                assert_eq!(
                    self.time.leave(id).is_some(),
                    self.waits.iter().any(|it| it.id == id)
                );
                self.waits.retain(|wait| wait.id != id);
            }
            Step::Guard(uart, byte) => {
                self.time.guard(0, wants(uart, &[byte]));
                self.guards.push((uart, byte));
            }
            Step::Hold => {
                self.time.hold();
                self.holds += 1;
            }
            Step::Release => {
                if self.holds > 0 {
                    self.time.release();
                    self.holds -= 1;
                }
            }
            Step::Send(uart, byte) => self.send(uart, byte),
            Step::Pause => {
                if self.guest == Emulated::Stopping {
                    self.guest = Emulated::Paused;
                    let woken = self.time.paused_at(self.elapsed);
                    self.asked(woken);
                }
            }
            Step::AnswersDue => {
                if self.time.answer_due().is_some() {
                    self.time.answers_are_due();
                    self.waits
                        .iter_mut()
                        .for_each(|wait| wait.given_up |= !wait.answered);
                }
            }
            Step::PowerCycle => {
                self.time.end();
                self.waits.clear();
                self.guest = Emulated::Paused;
                self.elapsed = Duration::ZERO;
                self.time.prepare();
                self.time.begin();
            }
        }
        while let Some(order) = self.time.next_order() {
            self.obey(order);
        }
    }

    /// The running guest sends a byte in a second, if its limit is not nearer.
    fn send(&mut self, uart: usize, byte: u8) {
        let Emulated::Running(run) = &self.guest else {
            return;
        };
        let now = self.time.since_start(self.elapsed);
        let at_limit = run.until.is_some_and(|until| until <= now);
        if !at_limit {
            self.elapsed += secs(1);
        }
        let now = self.time.since_start(self.elapsed);
        let stops = run.stops[uart].stops_at(byte, b"");
        for wait in self.waits.iter().filter(|wait| wait.answered) {
            assert!(now <= wait.until, "beyond the limit of {}", wait.id);
            let is_wanted = wait.wants.uart == uart && wait.wants.stops.stops_at(byte, b"");
            assert!(
                at_limit || stops || !is_wanted,
                "past what {} waits for",
                wait.id
            );
        }
        assert!(
            at_limit || stops || !self.guards.contains(&(uart, byte)),
            "past a guard"
        );
        if at_limit || stops {
            self.guest = match std::mem::replace(&mut self.guest, Emulated::Stopping) {
                Emulated::Running(run) => Emulated::Stopped(run),
                guest => guest,
            };
            let woken = self.time.stopped_at(self.elapsed);
            self.asked(woken);
        }
    }

    fn obey(&mut self, order: Order) {
        let goes_on = !matches!(order, Order::Stop);
        self.guest = match (
            order,
            std::mem::replace(&mut self.guest, Emulated::Stopping),
        ) {
            (Order::Run(run), Emulated::Paused)
            | (Order::Resume(Some(run)), Emulated::Stopped(_))
            | (Order::Resume(None), Emulated::Stopped(run)) => Emulated::Running(run),
            (Order::Stop, Emulated::Running(_) | Emulated::Stopped(_)) => Emulated::Stopping,
            (order, guest) => panic!("{order:?} to a guest that is {guest:?}"),
        };
        if goes_on {
            assert_eq!(self.holds, 0, "it is held");
            for wait in &self.waits {
                assert!(wait.answered || wait.given_up, "{} has not looked", wait.id);
            }
        }
    }

    /// Once all waits have looked and nothing holds the guest, it runs for them.
    fn end(&mut self) {
        self.step(&Step::Pause);
        for _ in 0..self.holds {
            self.step(&Step::Release);
        }
        let waits: Vec<_> = self
            .waits
            .iter()
            .map(|it| (it.id, it.until, it.wants.clone()))
            .collect();
        for (id, until, wants) in waits {
            self.wait(id, until, wants, self.time.look());
        }
        self.step(&Step::Release);
        self.step(&Step::Pause);
        let runs = matches!(self.guest, Emulated::Running(_));
        let asked = self.waits.iter().any(|wait| !wait.answered);
        assert!(
            runs || asked || self.waits.is_empty(),
            "the guest hangs: {:?}",
            self.guest
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn no_schedule_lets_the_guest_run_too_far_or_hang(steps in prop::collection::vec(step(), 0..40)) {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
        }
        model.end();
    }
}

//! A clock that stands still except while somebody waits for it.
//!
//! Those who wait say until when, and which bytes of the guest's may be what they wait
//! for. Whoever drives the guest lets it run as long as they all agree, and asks them
//! at each such byte, while the guest stands at it. Knows nothing of what drives the
//! guest or of what the bytes mean.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::sync::lock;

/// A deadline never waits longer than this many times its timeout on the host.
pub(super) const HOST_CAP: u32 = 20;
/// How long somebody who has been woken may take to look while another one has
/// looked: a future that is held but not polled must not keep the others waiting.
const ACK_TIMEOUT: Duration = Duration::from_millis(200);

/// A set of byte values.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(crate) const NONE: Self = Self([0; 4]);
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    pub(crate) fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        bytes.into_iter().fold(Self::NONE, |mut set, byte| {
            set.0[usize::from(byte / 64)] |= 1 << (byte % 64);
            set
        })
    }

    pub(crate) fn union(self, other: Self) -> Self {
        let mut set = self;
        for (word, more) in set.0.iter_mut().zip(other.0) {
            *word |= more;
        }
        set
    }

    fn covers(self, other: Self) -> bool {
        self.union(other) == self
    }

    /// As a number of 256 bits, in hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        let [a, b, c, d] = self.0;
        format!("{d:016x}{c:016x}{b:016x}{a:016x}")
    }
}

/// What somebody waits for, beside the time: these bytes, on this UART.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wants {
    pub(crate) uart: usize,
    pub(crate) bytes: ByteSet,
}

/// A look at what the guest has sent, from the last question on that was asked before it.
#[derive(Clone, Copy)]
pub(crate) struct Look(u64);

/// What the guest may run to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// No further than this, from now on.
    pub(crate) at_most: Option<Duration>,
    /// The bytes to ask at, of each UART.
    pub(crate) stops: Vec<ByteSet>,
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// See the module. Those who wait call [`poll`](Self::poll) and [`leave`](Self::leave);
/// the rest is for whoever drives the guest.
pub(crate) struct VirtualClock {
    patience: Duration,
    state: Mutex<State>,
    /// Something has changed for the driver.
    changed: Notify,
    /// The guest has come to stand.
    paused: Notify,
}

struct State {
    life: Life,
    /// The guest's time since the target was made: while it was on, and what it was
    /// left off for on purpose.
    now: Duration,
    /// When the present emulator was started.
    since: Duration,
    waiters: Vec<Waiter>,
    /// The bytes to ask at whoever waits, of each UART.
    persistent_stops: Vec<ByteSet>,
    /// Under way, up to then.
    running: Option<(Option<Duration>, Vec<ByteSet>)>,
    /// How many want the guest to stand still.
    holds: usize,
    /// Somebody who waited has left since the guest was asked about last.
    left: bool,
    /// How often those who wait have been asked to look.
    questions: u64,
    /// When the first of them has looked since they were asked last.
    first_look: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// There is nothing to wait for.
    Off,
    /// It is being set up.
    Preparing,
    On,
}

struct Waiter {
    id: u64,
    until: Option<Duration>,
    wants: Wants,
    waker: Waker,
    /// It has looked since the guest stood or was asked about, and wants more.
    acked: bool,
    /// It was not there when it was asked.
    unresponsive: bool,
}

impl VirtualClock {
    /// The clock of a board with that many UARTs, which is off. Nobody waits on the
    /// host for longer than `patience` without the guest getting on.
    pub(crate) fn new(uarts: usize, patience: Duration) -> Self {
        Self {
            patience,
            state: Mutex::new(State {
                life: Life::Off,
                now: Duration::ZERO,
                since: Duration::ZERO,
                waiters: Vec::new(),
                persistent_stops: vec![ByteSet::NONE; uarts],
                running: None,
                holds: 0,
                left: false,
                questions: 0,
                first_look: None,
            }),
            changed: Notify::new(),
            paused: Notify::new(),
        }
    }

    /// How long what has this time limit may take on the host.
    pub(crate) fn watchdog(&self, timeout: Duration) -> Duration {
        timeout
            .saturating_mul(HOST_CAP)
            .saturating_add(self.patience)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The guest's time since the target was made.
    pub(crate) fn now(&self) -> Duration {
        self.state().now
    }

    /// The time that an emulator which was started last calls `elapsed`.
    pub(crate) fn since_made(&self, elapsed: Duration) -> Duration {
        self.state().since + elapsed
    }

    /// Has the guest stop at these bytes, too, whoever waits.
    pub(crate) fn stop_always_at(&self, wants: Wants) {
        let persistent_stops = &mut self.state().persistent_stops[wants.uart];
        *persistent_stops = persistent_stops.union(wants.bytes);
        self.changed.notify_one();
    }

    /// Begins a look at what the guest has sent so far.
    pub(crate) fn look(&self) -> Look {
        Look(self.state().questions)
    }

    /// Ready when it is `until`, or there is no guest; lets the guest run otherwise, because
    /// `look`, which was begun before anything was looked at, has found nothing.
    ///
    /// A look that was begun before the last question does not answer it: it may have
    /// missed the very byte that the question is about.
    pub(crate) fn poll(
        &self,
        id: u64,
        until: Option<Duration>,
        wants: Wants,
        look: Look,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // Dropped without the lock: the last waker of a task may drop that task's waits.
        let _left;
        let _replaced;
        let mut state = self.state();
        if state.life == Life::Off || until.is_some_and(|until| until <= state.now) {
            _left = state.take(id);
            return Poll::Ready(());
        }
        let acked = look.0 == state.questions;
        match state.waiters.iter_mut().find(|waiter| waiter.id == id) {
            Some(waiter) => {
                waiter.until = until;
                _replaced = std::mem::replace(&mut waiter.waker, cx.waker().clone());
                waiter.acked = acked;
                waiter.unresponsive = false;
            }
            None => state.waiters.push(Waiter {
                id,
                until,
                wants,
                waker: cx.waker().clone(),
                acked,
                unresponsive: false,
            }),
        }
        if acked {
            state.first_look.get_or_insert_with(Instant::now);
        }
        drop(state);
        if !acked {
            cx.waker().wake_by_ref();
        }
        self.changed.notify_one();
        Poll::Pending
    }

    /// That one does not wait any more.
    pub(crate) fn leave(&self, id: u64) {
        let mut state = self.state();
        let left = state.take(id);
        state.left |= left.is_some();
        drop(state);
        if left.is_some() {
            self.changed.notify_one();
        }
    }

    /// So much time has passed while there was no guest.
    pub(crate) fn pass(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.now.saturating_add(time);
    }

    /// An emulator is set up, whose time begins now.
    pub(crate) fn prepare(&self) {
        let mut state = self.state();
        state.life = Life::Preparing;
        state.since = state.now;
        state.running = None;
    }

    /// The guest may run.
    pub(crate) fn begin(&self) {
        self.state().life = Life::On;
        self.changed.notify_one();
    }

    /// There is no guest that could run; nobody waits for it any longer.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.life = Life::Off;
        state.running = None;
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.paused.notify_waiters();
        self.changed.notify_one();
        waiters.into_iter().for_each(|waiter| waiter.waker.wake());
    }

    /// Waits until the guest has to run.
    pub(crate) async fn next_run(&self) -> Run {
        loop {
            self.all_acked().await;
            if let Some(run) = self.state().run() {
                return run;
            }
            self.changed.notified().await;
        }
    }

    /// The guest has come to this time of the present emulator.
    pub(crate) fn advance_to(&self, elapsed: Duration) {
        let mut state = self.state();
        state.now = state.now.max(state.since + elapsed);
    }

    /// The guest stands at a byte that somebody may wait for: they are to look at it.
    pub(crate) fn ask(&self) {
        let mut state = self.state();
        let wakers = state.wake();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether the guest may go on, once all have looked.
    pub(crate) async fn may_go_on(&self) -> bool {
        self.all_acked().await;
        self.state().may_go_on()
    }

    /// What the guest, which stands at a byte, may run to next; none if it has to stand
    /// still for something else.
    pub(crate) async fn wanted_next(&self) -> Option<Run> {
        loop {
            self.all_acked().await;
            if let Some(next) = self.state().next() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// Waits until the guest, which runs, has to stand still.
    pub(crate) async fn interrupted(&self) {
        while self.state().may_go_on() {
            self.changed.notified().await;
        }
    }

    /// The guest stands still.
    pub(crate) fn pause(&self) {
        self.state().running = None;
        self.paused.notify_waiters();
        self.ask();
    }

    /// Has the guest stand still until the hold is dropped.
    pub(crate) async fn hold(self: &Arc<Self>) -> Hold {
        self.state().holds += 1;
        let hold = Hold(Arc::clone(self));
        self.changed.notify_one();
        loop {
            let paused = self.paused.notified();
            if self.state().running.is_none() {
                return hold;
            }
            paused.await;
        }
    }

    /// Waits until all have looked, or somebody wants the guest to stand still.
    async fn all_acked(&self) {
        loop {
            let changed = self.changed.notified();
            let (all, first_look) = {
                let state = self.state();
                let mut waiters = state.waiters.iter().filter(|waiter| !waiter.unresponsive);
                let all = waiters.all(|waiter| waiter.acked);
                let all = all || state.holds > 0 || state.life != Life::On;
                (all, state.first_look)
            };
            if all {
                return;
            }
            let Some(first_look) = first_look else {
                changed.await;
                continue;
            };
            if tokio::time::timeout_at((first_look + ACK_TIMEOUT).into(), changed)
                .await
                .is_err()
            {
                let mut state = self.state();
                let waiters = state.waiters.iter_mut();
                waiters.for_each(|waiter| waiter.unresponsive |= !waiter.acked);
            }
        }
    }
}

impl State {
    /// Takes out who waits under that number.
    fn take(&mut self, id: u64) -> Option<Waiter> {
        let index = self.waiters.iter().position(|waiter| waiter.id == id)?;
        Some(self.waiters.remove(index))
    }

    /// Those for whom the guest runs.
    fn present(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter().filter(|waiter| waiter.acked)
    }

    /// The next run, if there is one without a rest; nothing if nobody wants anything yet.
    fn next(&mut self) -> Option<Option<Run>> {
        if self.life != Life::On || self.holds > 0 {
            return Some(None);
        }
        self.run().map(Some)
    }

    /// Begins a run, if there is anybody for whom the guest is to run.
    fn run(&mut self) -> Option<Run> {
        if self.life != Life::On || self.holds > 0 || self.present().next().is_none() {
            return None;
        }
        let mut stops = self.persistent_stops.clone();
        for Waiter { wants, .. } in self.present() {
            stops[wants.uart] = stops[wants.uart].union(wants.bytes);
        }
        let until = self.present().filter_map(|waiter| waiter.until).min();
        self.left = false;
        self.running = Some((until, stops.clone()));
        Some(Run {
            at_most: until.map(|until| until.saturating_sub(self.now)),
            stops,
        })
    }

    /// Whether the run that is under way is right for all who wait.
    fn may_go_on(&self) -> bool {
        let Some((until, stops)) = &self.running else {
            return false;
        };
        let is_covered = |waiter: &Waiter| {
            let in_time = match (waiter.until, until) {
                (Some(wanted), Some(until)) => wanted >= *until,
                (Some(_), None) => false,
                (None, _) => true,
            };
            in_time && stops[waiter.wants.uart].covers(waiter.wants.bytes)
        };
        let mut persistent_stops = stops.iter().zip(&self.persistent_stops);
        self.life == Life::On
            && self.holds == 0
            && !self.left
            && persistent_stops.all(|(stops, persistent_stops)| stops.covers(*persistent_stops))
            && self.present().next().is_some()
            && self.present().all(is_covered)
    }

    /// All who wait, who have to look again.
    fn wake(&mut self) -> Vec<Waker> {
        self.questions += 1;
        self.first_look = None;
        let waiters = self.waiters.iter_mut();
        waiters
            .map(|waiter| {
                waiter.acked = false;
                waiter.waker.clone()
            })
            .collect()
    }
}

/// Has the guest stand still as long as it is there.
pub(crate) struct Hold(Arc<VirtualClock>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.state().holds -= 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;

    use super::*;

    const X: ByteSet = ByteSet([1 << 0x38, 0, 0, 0]);

    fn clock() -> Arc<VirtualClock> {
        let clock = VirtualClock::new(2, Duration::ZERO);
        clock.prepare();
        clock.begin();
        Arc::new(clock)
    }

    fn wants(bytes: ByteSet) -> Wants {
        Wants { uart: 1, bytes }
    }

    /// One look of somebody who waits.
    async fn look(clock: &VirtualClock, id: u64, until: u64, bytes: ByteSet) -> Poll<()> {
        let until = Some(Duration::from_secs(until));
        poll_fn(|cx| Poll::Ready(clock.poll(id, until, wants(bytes), clock.look(), cx))).await
    }

    async fn is_pending(future: impl Future) -> bool {
        let mut future = pin!(future);
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    #[tokio::test]
    async fn the_guest_runs_to_the_nearest_deadline() {
        let clock = clock();
        assert!(is_pending(clock.next_run()).await, "nobody waits");
        clock.stop_always_at(wants(X));
        assert!(look(&clock, 1, 9, ByteSet::NONE).await.is_pending());
        assert!(look(&clock, 2, 4, ByteSet::of([b'a'])).await.is_pending());
        let run = clock.next_run().await;
        assert_eq!(run.at_most, Some(Duration::from_secs(4)));
        assert_eq!(run.stops, [ByteSet::NONE, X.union(ByteSet::of([b'a']))]);
        assert!(is_pending(clock.interrupted()).await);
        // One who comes later and wants no more changes nothing.
        assert!(look(&clock, 3, 5, X).await.is_pending());
        assert!(is_pending(clock.interrupted()).await);
        assert!(look(&clock, 4, 3, X).await.is_pending());
        clock.interrupted().await;
    }

    #[tokio::test]
    async fn a_changed_deadline_replaces_the_old_one() {
        let clock = clock();
        assert!(look(&clock, 1, 9, X).await.is_pending());
        clock.next_run().await;
        assert!(look(&clock, 1, 3, X).await.is_pending());
        clock.interrupted().await;
        clock.pause();
        assert!(look(&clock, 1, 4, X).await.is_pending());
        assert_eq!(clock.next_run().await.at_most, Some(Duration::from_secs(4)));
    }

    #[tokio::test]
    async fn a_guard_set_while_the_guest_runs_interrupts_it() {
        let clock = clock();
        assert!(look(&clock, 1, 9, ByteSet::NONE).await.is_pending());
        clock.next_run().await;
        let mut interrupted = pin!(clock.interrupted());
        assert!(is_pending(interrupted.as_mut()).await);
        clock.stop_always_at(wants(X));
        assert!(!is_pending(interrupted.as_mut()).await);
    }

    #[tokio::test]
    async fn a_stop_at_a_byte_lasts_until_every_waiter_has_polled() {
        let clock = clock();
        for id in [1, 2] {
            assert!(look(&clock, id, 9, X).await.is_pending());
        }
        clock.next_run().await;
        clock.ask();
        assert!(is_pending(clock.may_go_on()).await, "nobody has looked");
        assert!(look(&clock, 1, 9, X).await.is_pending());
        assert!(is_pending(clock.may_go_on()).await, "one has not looked");
        assert!(look(&clock, 2, 9, X).await.is_pending());
        assert!(clock.may_go_on().await);
        // One who does not look is not waited for, for ever.
        clock.ask();
        assert!(look(&clock, 1, 9, X).await.is_pending());
        assert!(clock.may_go_on().await);
        // Whoever has what it wanted leaves.
        clock.ask();
        clock.leave(1);
        assert!(look(&clock, 2, 9, X).await.is_pending());
        assert!(!clock.may_go_on().await);
        assert!(clock.wanted_next().await.is_some(), "for the other one");
    }

    #[tokio::test]
    async fn a_poll_begun_before_the_stop_does_not_count() {
        let clock = clock();
        assert!(look(&clock, 1, 9, X).await.is_pending());
        clock.next_run().await;
        for id in [1, 2] {
            let stale = clock.look();
            clock.ask();
            let until = Some(Duration::from_secs(9));
            let polled = poll_fn(|cx| Poll::Ready(clock.poll(id, until, wants(X), stale, cx)));
            assert!(polled.await.is_pending());
            assert!(is_pending(clock.may_go_on()).await, "{id} has not looked");
            assert!(look(&clock, 1, 9, X).await.is_pending());
            assert!(look(&clock, id, 9, X).await.is_pending());
            assert!(clock.may_go_on().await);
        }
    }

    /// As a task does that only its wakers hold, and that waits as well.
    struct Waits(Arc<VirtualClock>, u64);

    impl std::task::Wake for Waits {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.leave(self.1);
        }
    }

    #[test]
    fn the_last_waker_of_a_task_may_drop_its_waits() {
        let clock = clock();
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let poll = |id, waker: &Waker| {
                let until = Some(Duration::from_secs(9));
                let cx = &mut Context::from_waker(waker);
                assert!(
                    clock
                        .poll(id, until, wants(X), clock.look(), cx)
                        .is_pending()
                );
            };
            for leaves in [false, true] {
                poll(2, Waker::noop());
                poll(1, &Arc::new(Waits(Arc::clone(&clock), 2)).into());
                match leaves {
                    true => clock.leave(1),
                    false => poll(1, Waker::noop()),
                }
                assert!(clock.state().take(2).is_none());
            }
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    #[tokio::test]
    async fn repeated_polls_of_one_waiter_do_not_extend_the_ack_timeout() {
        let clock = clock();
        for id in [1, 2] {
            assert!(look(&clock, id, 9, X).await.is_pending());
        }
        clock.next_run().await;
        clock.ask();
        let looking = async {
            loop {
                assert!(look(&clock, 1, 9, X).await.is_pending());
                tokio::time::sleep(ACK_TIMEOUT / 4).await;
            }
        };
        tokio::select! {
            may_go_on = clock.may_go_on() => assert!(may_go_on),
            () = looking => {}
            () = tokio::time::sleep(50 * ACK_TIMEOUT) => panic!("2 is still waited for"),
        }
    }

    #[tokio::test]
    async fn a_held_guest_does_not_run() {
        let clock = clock();
        assert!(look(&clock, 1, 9, X).await.is_pending());
        clock.next_run().await;
        {
            let mut hold = pin!(clock.hold());
            assert!(is_pending(hold.as_mut()).await, "it still runs");
            clock.interrupted().await;
            clock.advance_to(Duration::from_secs(2));
            assert_eq!(clock.now(), Duration::from_secs(2));
            clock.pause();
            let _hold = hold.await;
            assert!(look(&clock, 1, 9, X).await.is_pending());
            assert!(is_pending(clock.next_run()).await);
        }
        assert_eq!(clock.next_run().await.at_most, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn waits_end_when_the_guest_has_exited() {
        let clock = clock();
        assert!(look(&clock, 1, 9, X).await.is_pending());
        clock.advance_to(Duration::from_secs(3));
        clock.end();
        assert!(look(&clock, 1, 9, X).await.is_ready());
        // The next one's time comes on top.
        clock.prepare();
        clock.begin();
        assert_eq!(
            clock.since_made(Duration::from_secs(1)),
            Duration::from_secs(4)
        );
        assert!(look(&clock, 2, 4, X).await.is_pending());
        assert!(look(&clock, 3, 3, X).await.is_ready(), "its time has come");
    }
}

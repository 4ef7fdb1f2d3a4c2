//! The clock of a board that runs only while a test waits: [`VirtualClock`].
//!
//! It shares one [state machine](super::virtual_time) between the waits, which
//! [poll](VirtualClock::poll) it in any thread, and the driver of the guest, which takes its
//! orders and reports where the guest is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::stops::Wants;
use super::virtual_time::{Answer, Look, Order, VirtualTime};
use crate::sync::lock;

/// A wait never lasts longer than this many times its limit on the host.
pub(super) const HOST_CAP: u32 = 20;

/// The clock of one board.
pub(crate) struct VirtualClock {
    patience: Duration,
    time: Mutex<VirtualTime<Waker>>,
    /// Notified when there may be another order.
    changed: Notify,
    /// Notified when the guest is paused.
    paused: Notify,
    /// The number of debuggers, any of which may have halted a guest that runs.
    debuggers: AtomicUsize,
}

impl VirtualClock {
    /// Creates the clock of a board with this number of UARTs, which is off. No wait lasts longer
    /// than `patience` on the host while the guest makes no progress.
    pub(crate) fn new(uarts: usize, patience: Duration) -> Self {
        Self {
            patience,
            time: Mutex::new(VirtualTime::new(uarts)),
            changed: Notify::new(),
            paused: Notify::new(),
            debuggers: AtomicUsize::new(0),
        }
    }

    /// Returns the time that a wait with this limit may last on the host.
    pub(crate) fn watchdog(&self, timeout: Duration) -> Duration {
        timeout
            .saturating_mul(HOST_CAP)
            .saturating_add(self.patience)
    }

    /// Returns the host's time in which an emulator must answer.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Returns the run that the guest is in, if it runs, and no debugger can have halted it.
    pub(crate) fn running(&self) -> Option<Look> {
        let is_debugged = self.debuggers.load(Ordering::Acquire) > 0;
        self.time().running().filter(|_| !is_debugged)
    }

    /// Allows the guest to stand still in a run until the result is dropped.
    pub(crate) fn begin_debugging(self: &Arc<Self>) -> Debugging {
        self.debuggers.fetch_add(1, Ordering::AcqRel);
        Debugging(Arc::clone(self))
    }

    fn time(&self) -> MutexGuard<'_, VirtualTime<Waker>> {
        lock(&self.time)
    }

    /// Returns the guest's time since the board was created.
    pub(crate) fn now(&self) -> Duration {
        self.time().now()
    }

    /// Returns the time that the present emulator calls `elapsed`.
    pub(crate) fn since_start(&self, elapsed: Duration) -> Duration {
        self.time().since_start(elapsed)
    }

    /// Stops the guest for the guard of this number from now on, whoever waits.
    pub(crate) fn guard(&self, id: u64, wants: Wants) {
        self.time().guard(id, wants);
        self.changed.notify_one();
    }

    /// Stops the guest no longer for the guard of this number.
    pub(crate) fn lift_guard(&self, id: u64) {
        self.time().lift_guard(id);
    }

    /// Begins a look at the output so far.
    pub(crate) fn look(&self) -> Look {
        self.time().look()
    }

    /// Ready once the time is `until`, or there is no guest. Otherwise the guest may run, because
    /// `look`, which was begun before the output was looked at, has found nothing.
    pub(crate) fn poll(
        &self,
        id: u64,
        until: Option<Duration>,
        wants: &Wants,
        look: Look,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let (host_now, waker) = (Instant::now(), cx.waker().clone());
        let answer = self.time().wait(id, until, wants, look, waker, host_now);
        // An old waker is dropped here, without the lock: the last waker of a task may drop that
        // task's waits.
        match answer {
            Answer::Ended(left) => {
                // The other waits may have answered already.
                if left.is_some() {
                    self.changed.notify_one();
                }
                Poll::Ready(())
            }
            Answer::Waits(_) => {
                self.changed.notify_one();
                Poll::Pending
            }
            Answer::LookAgain(_) => {
                cx.waker().wake_by_ref();
                self.changed.notify_one();
                Poll::Pending
            }
        }
    }

    /// Ends the wait `id`.
    pub(crate) fn leave(&self, id: u64) {
        let left = self.time().leave(id);
        if left.is_some() {
            self.changed.notify_one();
        }
    }

    /// Lets time pass while the board is off.
    pub(crate) fn pass(&self, time: Duration) {
        self.time().pass(time);
    }

    /// Starts the time of an emulator that is being set up.
    pub(crate) fn prepare(&self) {
        self.time().prepare();
    }

    /// Allows the guest to run.
    pub(crate) fn begin(&self) {
        self.time().begin();
        self.changed.notify_one();
    }

    /// Ends the guest, and all waits for it.
    pub(crate) fn end(&self) {
        let waiters = self.time().end();
        self.paused.notify_waiters();
        self.changed.notify_one();
        wake(waiters);
    }

    /// Reports that the present emulator's time is `elapsed`, after output that `record` records.
    ///
    /// Until both have been done, no other thread reads the time: the next wait of a test that
    /// has seen the output begins at the time of that output.
    pub(crate) fn advance_to(&self, elapsed: Duration, record: impl FnOnce()) {
        let mut time = self.time();
        record();
        time.advance_to(elapsed);
    }

    /// Reports that the guest is stopped, at output or at its limit.
    pub(crate) fn stopped(&self) {
        let waiters = self.time().stopped();
        wake(waiters);
    }

    /// Reports that the guest is paused.
    pub(crate) fn paused(&self) {
        let waiters = self.time().paused();
        self.paused.notify_waiters();
        wake(waiters);
    }

    /// Returns true if the guest is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.time().is_paused()
    }

    /// Waits for the next order to the guest.
    pub(crate) async fn next_order(&self) -> Order {
        loop {
            let changed = self.changed.notified();
            let answer_due = {
                let mut time = self.time();
                if let Some(order) = time.next_order() {
                    return order;
                }
                time.answer_due()
            };
            match answer_due {
                None => changed.await,
                Some(due) => {
                    if tokio::time::timeout_at(due.into(), changed).await.is_err() {
                        self.time().answers_are_due();
                    }
                }
            }
        }
    }

    /// Keeps the guest paused until the result is dropped; it may still run now.
    pub(crate) fn begin_hold(self: &Arc<Self>) -> Hold {
        self.time().hold();
        self.changed.notify_one();
        Hold(Arc::clone(self))
    }

    /// Pauses the guest until the result is dropped.
    pub(crate) async fn hold(self: &Arc<Self>) -> Hold {
        let hold = self.begin_hold();
        loop {
            let paused = self.paused.notified();
            if self.is_paused() {
                return hold;
            }
            paused.await;
        }
    }
}

fn wake(waiters: Vec<Waker>) {
    waiters.into_iter().for_each(Waker::wake);
}

/// Allows the guest to stand still in a run as long as it exists.
pub(crate) struct Debugging(Arc<VirtualClock>);

impl Drop for Debugging {
    fn drop(&mut self) {
        self.0.debuggers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Keeps the guest paused as long as it exists.
pub(crate) struct Hold(Arc<VirtualClock>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.time().release();
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_test_that_sees_output_also_sees_its_time() {
        let clock = VirtualClock::new(1, Duration::ZERO);
        clock.prepare();
        let recorded = Barrier::new(2);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                recorded.wait();
                clock.now()
            });
            clock.advance_to(Duration::from_secs(1), || {
                recorded.wait();
                std::thread::sleep(Duration::from_millis(50));
            });
            assert_eq!(reader.join().unwrap(), Duration::from_secs(1));
        });
    }

    /// A wait whose time has come is the last to answer: the driver must notice without a delay.
    #[test]
    fn the_end_of_a_wait_is_an_answer() {
        let clock = VirtualClock::new(1, Duration::ZERO);
        clock.prepare();
        clock.begin();
        let secs = Duration::from_secs;
        let cx = &mut Context::from_waker(Waker::noop());
        let poll = |id, until, cx: &mut _| {
            clock.poll(id, Some(secs(until)), &Wants::default(), clock.look(), cx)
        };
        assert!(poll(1, 60, cx).is_pending() && poll(2, 1, cx).is_pending());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            assert!(matches!(clock.next_order().await, Order::Run(_)));
            clock.advance_to(secs(1), || {});
            clock.stopped();
            assert!(poll(1, 60, cx).is_pending());
            let mut order = Box::pin(clock.next_order());
            assert!(order.as_mut().poll(cx).is_pending(), "2 has not answered");
            assert!(poll(2, 1, cx).is_ready());
            assert!(order.as_mut().poll(cx).is_ready());
        });
    }

    /// A task that only its wakers hold, and that waits as well.
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
        let clock = Arc::new(VirtualClock::new(1, Duration::ZERO));
        clock.prepare();
        clock.begin();
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let poll = |id, waker: &Waker| {
                let until = Some(Duration::from_secs(9));
                let cx = &mut Context::from_waker(waker);
                let polled = clock.poll(id, until, &Wants::default(), clock.look(), cx);
                assert!(polled.is_pending());
            };
            for leaves in [false, true] {
                poll(2, Waker::noop());
                poll(1, &Arc::new(Waits(Arc::clone(&clock), 2)).into());
                match leaves {
                    true => clock.leave(1),
                    false => poll(1, Waker::noop()),
                }
                assert!(clock.time().leave(2).is_none());
            }
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

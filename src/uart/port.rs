//! The backend's side of a UART.
//!
//! A backend creates one [`Port`] per UART of its board, keeps it for the board's whole life,
//! and reports events to it:
//!
//! * [`Port::attach`] when the emulator's UART is open, or [`Port::attach_device`] when the
//!   connection to a physical board is: a new segment begins;
//! * [`Port::restart`] when the board is reset on the same stream;
//! * [`Port::halted`] or [`Port::locked_up`] when a processor of the board halts or locks up and its emulator still runs;
//! * [`Port::power_off`] or [`Port::exited`] when the board ends: the output that the kernel
//!   still holds is read first, then every wait fails with that reason.
//!
//! All calls return at once and work from any thread. Handles come from
//! [`Port::uart`]; they survive power cycles.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::{Ending, OffReason, UartError};
use super::expect::diagnose;
use super::explain::Explain;
use super::handle::Uart;
use super::link::stepped::SteppedLink;
use super::link::{JobQueue, Link, OnEnd};
use super::log_guards::LogGuards;
use super::state::{Settings, UartState};
use super::transcript::Transcript;
use super::verdict::{verdict, verdict_at_exit};
use crate::artifacts::UartLog;
use crate::caller::Call;
use crate::runtime::{Clock, VirtualClock};
use crate::sync::lock;

/// The time that a backend has to report why its stream ended.
const ENDING_TIMEOUT: Duration = Duration::from_millis(500);

/// A backend's handle of a UART; clones are the same UART.
#[derive(Clone)]
pub(crate) struct Port {
    name: Arc<str>,
    shared: Arc<UartState>,
}

impl Port {
    /// Creates the UART of a board that is off; tests call it `name`, and messages `label`.
    pub(crate) fn new(name: &str, label: &str, settings: Settings) -> Self {
        let shared = Arc::new(UartState::new(label, settings, Some(Ending::NotStarted)));
        if !shared.settings.log_guards.is_empty() {
            verdict_at_exit(&shared);
        }
        Self {
            name: name.into(),
            shared,
        }
    }

    /// Returns the name that tests use.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Creates a handle with its own cursor, at the beginning of the transcript.
    pub(crate) fn uart(&self) -> Uart {
        Uart::at_start(&self.shared)
    }

    /// Returns the name that messages use.
    pub(crate) fn label(&self) -> &str {
        &self.shared.name
    }

    pub(super) fn virtual_clock(&self) -> Option<&VirtualClock> {
        self.shared.virtual_clock()
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.shared.transcript
    }

    pub(super) fn state(&self) -> Arc<UartState> {
        Arc::clone(&self.shared)
    }

    /// Returns the last lines of the output, for the failure of a test.
    pub(crate) fn last_words(&self) -> String {
        diagnose::last_words(&self.shared)
    }

    /// Returns the output that the report copies.
    pub(crate) fn uart_log(&self) -> Arc<dyn UartLog> {
        Arc::clone(&self.shared.transcript) as Arc<dyn UartLog>
    }

    /// Starts a segment on this stream: the board's output is read from it, and sent bytes are
    /// written to it.
    pub(crate) fn attach(&self, stream: impl Into<OwnedFd>) -> io::Result<()> {
        self.link(stream.into(), OnEnd::Closed(ENDING_TIMEOUT))
    }

    /// As [`attach`](Self::attach), for a stream that only carries the board's output; the
    /// caller writes the returned jobs.
    pub(crate) fn attach_output(&self, stream: impl Into<OwnedFd>) -> io::Result<JobQueue> {
        self.begin_anew();
        let on_end = OnEnd::Closed(ENDING_TIMEOUT);
        let (link, jobs) = Link::reading(stream.into(), &self.shared.transcript, on_end)?;
        *lock(&self.shared.link) = Some(link);
        Ok(jobs)
    }

    /// As [`attach`](Self::attach), for a stream that only carries the board's output; every send
    /// fails.
    pub(crate) fn attach_output_only(&self, stream: impl Into<OwnedFd>) -> io::Result<()> {
        self.begin_anew();
        let on_end = OnEnd::Closed(ENDING_TIMEOUT);
        let transcript = &self.shared.transcript;
        let link = Link::output_only(stream.into(), transcript, on_end)?;
        *lock(&self.shared.link) = Some(link);
        Ok(())
    }

    /// As [`attach`](Self::attach), for a stream whose end means that the board has exited, with
    /// the reason `gone`.
    pub(crate) fn attach_device(&self, stream: impl Into<OwnedFd>, gone: &str) -> io::Result<()> {
        self.link(stream.into(), OnEnd::Exited(gone.into()))
    }

    /// As [`attach`](Self::attach), for a board to which bytes are sent one by one, each of them
    /// in `byte_time`.
    pub(crate) fn attach_stepped(&self, byte_time: Duration) -> SteppedLink {
        self.begin_anew();
        let (link, jobs) = Link::stepped();
        *lock(&self.shared.link) = Some(link);
        SteppedLink {
            transcript: Arc::clone(&self.shared.transcript),
            jobs,
            byte_time,
            free_at: Duration::ZERO,
        }
    }

    fn link(&self, read: OwnedFd, on_end: OnEnd) -> io::Result<()> {
        let write = read.try_clone()?;
        self.begin_anew();
        let link = Link::over_fds(read, write, &self.shared.transcript, on_end)?;
        *lock(&self.shared.link) = Some(link);
        Ok(())
    }

    /// Detaches the link and begins a segment; the board is about to start on another link.
    fn begin_anew(&self) {
        let ending = self.restarted();
        self.detach(ending.clone());
        self.shared.transcript.begin_segment(ending);
    }

    /// Begins a segment on the attached stream; the board is paused and about to start again.
    pub(crate) fn restart(&self) {
        self.shared.take_pending();
        self.shared.transcript.begin_segment(self.restarted());
    }

    /// Records the call that is about to start the board or to reset it.
    pub(crate) fn set_started_by(&self, call: Call) {
        *lock(&self.shared.started_by) = Some(call);
    }

    /// Returns the reason for which a pending wait fails when the board starts again.
    fn restarted(&self) -> Ending {
        match *lock(&self.shared.started_by) {
            Some(call) => Ending::Restarted(call),
            None => Ending::Off(OffReason::Off),
        }
    }

    /// Measures timeouts in `clock`'s time from now on, or in the host's if there is none.
    pub(crate) fn set_clock(&self, clock: Option<Arc<dyn Clock>>) {
        *lock(&self.shared.clock) = clock;
    }

    /// Sets the function that returns true while the emulator is stopped by a signal.
    pub(crate) fn set_stopped(&self, is_stopped: impl Fn() -> bool + Send + 'static) {
        *lock(&self.shared.stopped) = Some(Box::new(is_stopped));
    }

    /// Sets the board, which says what it does, for the errors of operations.
    pub(crate) fn set_explain(&self, explain: Arc<dyn Explain>) {
        *lock(&self.shared.explain) = Some(explain);
    }

    /// Returns the board, which says what it does.
    pub(super) fn explain(&self) -> Option<Arc<dyn Explain>> {
        lock(&self.shared.explain).clone()
    }

    /// Sets the other UARTs of the board, for the errors of operations.
    pub(super) fn set_others<'a>(&self, ports: impl Iterator<Item = &'a Port>) {
        let others = ports.filter(|port| !Arc::ptr_eq(&port.shared, &self.shared));
        *lock(&self.shared.others) = others.map(|port| Arc::downgrade(&port.shared)).collect();
    }

    /// Returns the patterns that must not appear in the emulator's log.
    pub(super) fn log_guards(&self) -> &LogGuards {
        &self.shared.settings.log_guards
    }

    /// Records whether the board is started without firmware.
    pub(crate) fn set_bare(&self, bare: bool) {
        self.shared.is_bare.store(bare, Ordering::Relaxed);
    }

    /// Ends the output because the board was powered off; waits fail with the reason `why`.
    pub(crate) fn power_off(&self, why: OffReason) {
        self.set_clock(None);
        self.detach(Ending::Off(why));
    }

    /// Ends the output because the board exited by itself, for this reason.
    pub(crate) fn exited(&self, reason: &str) {
        self.detach(Ending::Exited(reason.into()));
    }

    /// Ends the segment because a processor of the board has halted, for this reason; the
    /// emulator still runs, and the board can be restarted.
    pub(crate) fn halted(&self, reason: &str) {
        self.end_with(Ending::Halted(reason.into()));
    }

    /// Ends the segment because a processor of the board has locked up: this one at this place,
    /// with this fault.
    pub(crate) fn locked_up(&self, reason: &str) {
        self.end_with(Ending::LockedUp(reason.into()));
    }

    /// Ends the segment because a processor of another machine has halted or locked up, for this reason, and
    /// the time of all machines is paused.
    pub(crate) fn stalled(&self, reason: &str) {
        self.end_with(Ending::Stalled(reason.into()));
    }

    fn end_with(&self, ending: Ending) {
        self.shared.take_pending();
        self.shared.transcript.end(ending);
    }

    /// Reopens a segment that [`stalled`](Self::stalled) has ended; the halted machine is about to
    /// restart.
    pub(crate) fn go_on(&self) {
        self.shared.transcript.reopen_stalled();
    }

    /// Returns the reason why the board exited by itself, if it has.
    pub(crate) fn exit(&self) -> Option<Arc<str>> {
        match self.shared.transcript.ending() {
            Some(Ending::Exited(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Returns the reason why a processor of the board has halted or locked up since the last
    /// start, if one has.
    pub(crate) fn halt(&self) -> Option<Arc<str>> {
        match self.shared.transcript.ending() {
            Some(Ending::Halted(reason) | Ending::LockedUp(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Returns true if the board was started without firmware.
    pub(crate) fn is_bare(&self) -> bool {
        self.shared.is_bare()
    }

    /// Returns the error of a guard that matched, unless an error that reports the match is alive.
    ///
    /// A target returns it when it is shut down, and panics with it when it is dropped.
    pub(crate) fn verdict(&self) -> Option<UartError> {
        verdict(&self.shared)
    }

    /// Returns true if an error is alive that reports the match of a guard.
    pub(crate) fn is_forbidden_reported(&self) -> bool {
        self.shared.transcript.is_forbidden_reported()
    }

    fn detach(&self, ending: Ending) {
        let link = lock(&self.shared.link).take();
        if let Some(link) = &link {
            link.drain();
        }
        self.shared.transcript.end(ending);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Waker};

    use super::*;
    use crate::ErrorKind;
    use crate::runtime::Reading;
    use crate::secs;
    use crate::uart::UartErrorKind;
    use std::sync::Mutex;

    fn attach(port: &Port) -> UnixStream {
        let (ours, board) = UnixStream::pair().unwrap();
        port.attach(ours).unwrap();
        board
    }

    /// A waker that runs a function in the thread that wakes it, as an executor may that polls at once.
    struct RunOnWake(Mutex<Option<Box<dyn FnOnce() + Send>>>);

    impl std::task::Wake for RunOnWake {
        fn wake(self: Arc<Self>) {
            let act = lock(&self.0).take();
            if let Some(act) = act {
                act();
            }
        }
    }

    /// Waits on `port` with a waker that runs `act`, and runs `then`; fails if `act` does not return.
    fn woken(
        port: &Port,
        act: impl FnOnce() + Send + 'static,
        then: impl FnOnce() + Send + 'static,
    ) {
        let (done, returned) = std::sync::mpsc::channel();
        let act = move || {
            act();
            let _ = done.send(());
        };
        let waker = Arc::new(RunOnWake(Mutex::new(Some(Box::new(act))))).into();
        let mut wait = port.uart().expect("ready");
        let poll = Pin::new(&mut wait).poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        std::thread::spawn(then);
        returned
            .recv_timeout(secs(60))
            .expect("whoever is woken hangs");
    }

    #[test]
    fn a_waker_of_output_may_power_off_the_board() {
        let port = Port::new("console", "sysbus.usart2", Settings::default());
        let mut board = attach(&port);
        let woken_port = port.clone();
        woken(
            &port,
            move || woken_port.power_off(OffReason::Off),
            move || board.write_all(b"ready").unwrap(),
        );
    }

    #[test]
    fn a_waker_of_a_reset_may_send() {
        let port = Port::new("console", "sysbus.usart2", Settings::default());
        let mut board = attach(&port);
        let (uart, reset) = (port.uart(), port.clone());
        // The I/O thread is blocked, so that it does not read the output first.
        let (unblock, busy) = std::sync::mpsc::channel::<()>();
        let (blocked, is_blocked) = std::sync::mpsc::channel();
        let _blocker = crate::runtime::spawn(async move {
            blocked.send(()).unwrap();
            let _ = busy.recv();
        });
        is_blocked.recv().unwrap();
        board.write_all(b"rea").unwrap();
        woken(
            &port,
            move || {
                let sent =
                    Pin::new(&mut uart.send("x")).poll(&mut Context::from_waker(Waker::noop()));
                assert!(sent.is_pending());
            },
            move || reset.restart(),
        );
        drop(unblock);
    }

    #[test]
    fn a_handle_survives_power_cycles_and_a_match_does_not_span_them() {
        let port = Port::new("console", "sysbus.usart2", Settings::default());
        let uart = port.uart();
        let error = uart.expect("x").wait().unwrap_err().to_string();
        assert!(
            error.starts_with(
                "UART sysbus.usart2: expect(\"x\") cannot succeed: the target is off; power it on or boot it first; \
                 nothing has arrived at all\n  at "
            ),
            "{error}"
        );
        let mut board = attach(&port);
        board.write_all(b"first ab").unwrap();
        let off = line!() + 1;
        port.power_off(OffReason::Call(Call::here("power_off")));
        let error = uart.expect("never").wait().unwrap_err().to_string();
        assert!(
            error.contains(&format!(
                "cannot succeed: the target is off: power_off() was called at {}:{off}; 8 unread bytes",
                file!()
            )),
            "{error}"
        );
        let mut board = attach(&port);
        board.write_all(b"cd second abcd").unwrap();
        uart.expect("first").wait().unwrap();
        assert_eq!(uart.expect("abcd").wait().unwrap().range(), 18..22);
        port.exited("QEMU exited with status 1");
        let error = uart.send("x").wait().unwrap_err().to_string();
        assert!(
            error.starts_with(
                "UART sysbus.usart2: send of 1 bytes failed: QEMU exited with status 1\n  at "
            ),
            "{error}"
        );
    }

    #[test]
    fn power_off_fails_a_wait_even_if_the_board_restarts_at_once() {
        let port = Port::new("u", "u", Settings::default());
        let _board = attach(&port);
        let uart = port.uart();
        let waiting = std::thread::spawn(move || uart.expect("never").within(secs(60)).wait());
        while !port.shared.transcript.has_readers() {
            std::thread::yield_now();
        }
        let call = Call::here("power_off");
        port.power_off(OffReason::Call(call));
        let _board = attach(&port);
        let error = waiting.join().unwrap().unwrap_err().to_string();
        assert!(
            error.contains("the target is off: power_off() was called"),
            "{error}"
        );
    }

    /// Waits on `port` in a thread while `restart` runs, and returns the error of the wait.
    fn ended_by(port: &Port, restart: impl FnOnce()) -> UartErrorKind {
        let uart = port.uart();
        let waiting = std::thread::spawn(move || uart.expect("never").within(secs(60)).wait());
        while !port.shared.transcript.has_readers() {
            std::thread::yield_now();
        }
        restart();
        match waiting.join().unwrap().unwrap_err().into_kind() {
            ErrorKind::Uart(error) => error.kind().clone(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_wait_that_a_restart_ends_has_the_call_and_its_place() {
        let port = Port::new("u", "u", Settings::default());
        let mut boards = vec![attach(&port)];
        type Restart = fn(&Port) -> Option<UnixStream>;
        let restarts: [(&'static str, Restart); 2] = [
            ("reset", |port| {
                port.restart();
                None
            }),
            ("flash", |port| Some(attach(port))),
        ];
        for (name, restart) in restarts {
            let (call, line) = (Call::here(name), line!());
            port.set_started_by(call);
            let error = ended_by(&port, || boards.extend(restart(&port)));
            let UartErrorKind::Ended { ending } = error else {
                panic!("{error:?}");
            };
            assert_eq!(ending, Ending::Restarted(call));
            assert_eq!(
                ending.to_string(),
                format!("the target was restarted by {name}() at {}:{line}", file!())
            );
        }
    }

    #[test]
    fn a_power_cycle_that_is_dropped_replaces_the_reason_and_one_that_is_done_does_not() {
        let port = Port::new("u", "u", Settings::default());
        let cycle = Call::here("power_cycle");
        let reason = |port: &Port| port.shared.transcript.ending();
        let _board = attach(&port);
        port.power_off(OffReason::Cycling(cycle));
        assert_eq!(reason(&port), Some(Ending::Off(OffReason::Cycling(cycle))));
        port.power_off(OffReason::Unfinished(cycle));
        let unfinished = Some(Ending::Off(OffReason::Unfinished(cycle)));
        assert_eq!(reason(&port), unfinished);
        port.power_off(OffReason::Call(Call::here("power_off")));
        assert_eq!(reason(&port), unfinished);
    }

    #[test]
    fn a_halt_fails_waits_until_the_board_restarts() {
        let port = Port::new("u", "uart", Settings::default());
        let uart = port.uart();
        let mut board = attach(&port);
        board.write_all(b"last words").unwrap();
        port.halted("cpu: CPU abort [PC=0x0]: because");
        port.halted("cpu: CPU abort [PC=0x4]: of what the first has led to");
        uart.expect("last").wait().unwrap();
        let why = "a processor of the board has halted: cpu: CPU abort [PC=0x0]: because; \
                   reset, flash or power-cycle the target to start anew";
        let error = uart.expect("never").wait().unwrap_err().to_string();
        assert!(
            error.contains(&format!("cannot succeed: {why}; ")),
            "{error}"
        );
        let error = uart.send("x").wait().unwrap_err().to_string();
        let expected = format!("UART uart: send of 1 bytes failed: {why}\n");
        assert!(error.starts_with(&expected), "{error}");
        port.go_on();
        assert!(uart.expect("never").wait().is_err(), "its own halt stays");
        port.restart();
        board.write_all(b"again").unwrap();
        uart.expect("again").wait().unwrap();
        uart.send("x").wait().unwrap();
    }

    #[test]
    fn a_lock_up_fails_waits_and_sends() {
        let port = Port::new("u", "uart", Settings::default());
        let uart = port.uart();
        let _board = attach(&port);
        port.locked_up("cpu locked up at PC=0x0800001e: a fault");
        let why = "processor cpu locked up at PC=0x0800001e: a fault; \
                   reset, flash or power-cycle the target to start anew";
        for failed in [uart.expect("never").wait().map(drop), uart.send("x").wait()] {
            let error = failed.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(port.halt().is_some());
    }

    #[test]
    fn a_halt_of_another_machine_fails_waits_until_it_restarts() {
        let port = Port::new("u", "uart", Settings::default());
        let uart = port.uart();
        let mut board = attach(&port);
        board.write_all(b"one ").unwrap();
        port.stalled("a/cpu: CPU abort [PC=0x0]: because");
        uart.expect("one").wait().unwrap();
        let why = "a processor of another machine has stopped, and with it the time of all: a/cpu: CPU abort [PC=0x0]: \
                   because; reset or flash that machine, or power-cycle the target to start anew";
        for failed in [uart.expect("never").wait().map(drop), uart.send("x").wait()] {
            let error = failed.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        port.go_on();
        board.write_all(b"two").unwrap();
        let two = uart.expect("two").wait().unwrap();
        assert_eq!(two.range(), 4..7);
        uart.send("x").wait().unwrap();
    }

    /// A guest's clock that shows this, if anything.
    struct Shows(Option<Duration>);

    impl Clock for Shows {
        fn read(&self) -> Reading {
            let now = self.0;
            Box::pin(async move { now })
        }
    }

    /// Returns each operation that succeeds if no output arrives in `time`.
    fn absences(uart: &Uart, time: Duration) -> [crate::Operation<()>; 3] {
        [
            uart.expect_silence(time),
            uart.expect_none("x", time),
            uart.run_for(time, std::panic::Location::caller()),
        ]
    }

    #[test]
    fn silence_of_a_guest_that_did_not_run_is_an_error() {
        let port = Port::new("uart", "uart", Settings::default());
        let _board = attach(&port);
        let time = Duration::from_millis(2);
        for (shows, passed) in [
            (
                Some(secs(1)),
                "when 0ns of its 2ms of the guest's time had passed: the emulator answers, but guest ",
            ),
            (
                None,
                "and it is not known how much of its 2ms has passed for the guest: the emulator hangs: it ",
            ),
        ] {
            port.set_clock(Some(Arc::new(Shows(shows))));
            for absence in absences(&port.uart(), time) {
                let error = absence.wait().unwrap_err().to_string();
                assert!(error.contains(passed), "{error}");
                assert!(
                    error.contains("; give the wait a longer limit (`within`) if "),
                    "{error}"
                );
                assert!(!error.contains("timeouts: command:"), "{error}");
            }
        }
        // Without its own clock, the guest runs in the host's time, unless it is known to be paused.
        port.set_clock(None);
        for absence in absences(&port.uart(), time) {
            absence.wait().unwrap();
        }
        port.set_stopped(|| true);
        for absence in absences(&port.uart(), time) {
            let error = absence.wait().unwrap_err().to_string();
            assert!(
                error.contains("its emulator is stopped by a signal"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wait_uses_the_clock_of_the_last_power_on() {
        let port = Port::new("uart", "uart", Settings::default());
        port.set_clock(Some(Arc::new(Shows(None))));
        let silence = port.uart().expect_silence(Duration::from_millis(1));
        let _board = attach(&port);
        port.set_clock(None);
        silence.wait().unwrap();
    }

    /// A clock whose second read makes the board exit.
    struct Last(Port, AtomicBool);

    impl Clock for Last {
        fn read(&self) -> Reading {
            if self.1.swap(true, Ordering::Relaxed) {
                self.0.exited("it burnt");
            }
            let now = secs(if self.0.exit().is_some() { 2 } else { 1 });
            Box::pin(async move { Some(now) })
        }
    }

    #[test]
    fn an_exit_at_the_deadline_is_reported_as_an_exit() {
        let port = Port::new("uart", "uart", Settings::default());
        for silence in [true, false] {
            let _board = attach(&port);
            port.set_clock(Some(Arc::new(Last(port.clone(), AtomicBool::new(false)))));
            let (uart, time) = (port.uart(), Duration::from_millis(10));
            let outcome = match silence {
                true => uart.expect_silence(time).wait(),
                false => uart.expect("never").within(time).wait().map(drop),
            };
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("it burnt"), "{error}");
        }
    }

    #[test]
    fn bytes_in_the_kernel_are_read_after_power_off() {
        let port = Port::new("u", "u", Settings::default());
        let mut board = attach(&port);
        board.write_all(&[b'x'; 50_000]).unwrap();
        board.write_all(b"panic").unwrap();
        port.exited("it crashed");
        port.uart().expect("panic").wait().unwrap();
    }

    #[test]
    fn an_unreported_match_is_reported_once() {
        let port = Port::new("u", "u", Settings::default());
        port.uart().forbid("HardFault").unwrap();
        let mut board = attach(&port);
        board.write_all(b"ok HardFault pc=0x1234\nr0=0").unwrap();
        port.power_off(OffReason::Off);
        port.uart().expect("ok").wait().unwrap();
        assert_eq!(
            port.verdict().unwrap().to_string(),
            "UART u: the forbidden pattern \"HardFault\" appeared, which no error of the test has reported before its end; \
             the output around it:\n  | ok HardFault pc=0x1234\\n\n  | r0=0"
        );
        assert!(port.verdict().is_none());
    }

    #[test]
    fn a_forbidden_match_that_the_end_completes_is_found() {
        let port = Port::new("u", "u", Settings::default());
        port.uart().forbid("re:fault.").unwrap();
        let mut board = attach(&port);
        board.write_all(b"fault\xc3").unwrap();
        port.uart().expect("fault").wait().unwrap();
        port.power_off(OffReason::Off);
        port.uart().expect_bytes(b"\xc3").wait().unwrap();
        assert!(port.verdict().is_some());
    }
}

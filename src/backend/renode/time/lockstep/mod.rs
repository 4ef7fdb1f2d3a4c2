//! Driving Renode in lockstep with a virtual clock, which runs only while an operation waits.
//!
//! A script of ours inside Renode starts and pauses the emulation and reports each byte with
//! its virtual time. At a byte that may complete a wait, the thread that executes the guest
//! stops until the order `resume` or `stop`. Two FIFOs carry orders and reports. [`Lockstep`]
//! owns the driver task, a [`LockstepHandle`] sends messages to the task.

mod report;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::fifos::{AHEAD, DriverTask, Fifos};
use crate::runtime::{ByteSet, Run, VirtualClock};
use crate::uart::{Job, SteppedLink};
use report::{Report, Reports};

const SCRIPT: &str = concat!(
    include_str!("../fifos.py"),
    "\n\n",
    include_str!("../line.py"),
    "\n\n",
    include_str!("lockstep.py")
);

/// The largest number of bytes for the guest in an order.
const MOST_AT_ONCE: usize = 1024;

/// The number of turns of the I/O thread after which a file that has grown has been read.
const READINESS: usize = 4;

/// A message to the driver task.
enum Message {
    Attach(SteppedLink),
    /// A reset of these UARTs' machine: bytes on the way to them are lost.
    Clear(Range<usize>),
    /// A function to run once the guest is paused and its output is recorded.
    WhenPaused(Box<dyn FnOnce() + Send>),
    /// A request to read all output: something else may have let the guest run.
    Sync(oneshot::Sender<()>),
    /// Renode has exited: its last reports are to be read.
    Exited(oneshot::Sender<()>),
}

/// The driver of one Renode; dropping this ends it.
pub(crate) struct Lockstep {
    messages: LockstepHandle,
    _driver: DriverTask,
}

/// A sender of messages to the driver.
#[derive(Clone)]
pub(crate) struct LockstepHandle(mpsc::UnboundedSender<Message>);

impl Lockstep {
    /// Creates the script and the FIFOs in `directory`, and starts the driver. `failed` is
    /// called with a failure.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn prepare(
        directory: &Path,
        clock: &Arc<VirtualClock>,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> io::Result<Self> {
        std::fs::write(script(directory), SCRIPT)?;
        let Fifos { orders, reports } = Fifos::make(directory)?;
        clock.prepare();
        let (sender, messages) = mpsc::unbounded_channel();
        let driver = Driver {
            clock: Arc::clone(clock),
            reports: Reports::new(reports),
            orders,
            messages,
            links: Vec::new(),
            syncing: None,
            calls: VecDeque::new(),
        };
        Ok(Self {
            messages: LockstepHandle(sender),
            _driver: DriverTask::spawn(driver.drive(), failed),
        })
    }

    pub(crate) fn handle(&self) -> &LockstepHandle {
        &self.messages
    }
}

impl LockstepHandle {
    /// Attaches the next of the board's UARTs.
    pub(crate) fn attach(&self, link: SteppedLink) {
        self.tell(Message::Attach(link));
    }

    /// Drops the bytes that were sent to these UARTs and have not arrived.
    pub(crate) fn clear(&self, uarts: Range<usize>) {
        self.tell(Message::Clear(uarts));
    }

    /// Runs `act` once the guest is paused and its output is recorded.
    pub(crate) fn when_paused(&self, act: impl FnOnce() + Send + 'static) {
        self.tell(Message::WhenPaused(Box::new(act)));
    }

    /// Waits until all output so far has been read; the guest is paused.
    pub(crate) async fn sync(&self) {
        let (read, done) = oneshot::channel();
        self.tell(Message::Sync(read));
        // A driver that has ended has read everything.
        let _ = done.await;
    }

    /// Waits until all reports of a Renode that has exited have been read.
    pub(crate) async fn exited(&self) {
        let (read, done) = oneshot::channel();
        self.tell(Message::Exited(read));
        // A driver that has ended has read everything.
        let _ = done.await;
    }

    fn tell(&self, message: Message) {
        // A driver that has ended needs no message.
        let _ = self.0.send(message);
    }
}

/// Returns the path of the script.
pub(crate) fn script(directory: &Path) -> std::path::PathBuf {
    directory.join("lockstep.py")
}

struct Driver {
    clock: Arc<VirtualClock>,
    reports: Reports,
    orders: pipe::Sender,
    messages: mpsc::UnboundedReceiver<Message>,
    links: Vec<SteppedLink>,
    /// The wait for a `sync`.
    syncing: Option<oneshot::Sender<()>>,
    /// Calls that have arrived while the guest ran, to be handled when it is paused.
    calls: VecDeque<Call>,
}

/// Work that is to be done while the guest is paused.
enum Call {
    Message(Message),
    /// Bytes for the UART of this number.
    Job(usize, Job),
}

/// The next step of a guest that has stopped at a byte.
enum Next {
    Resume,
    /// Another run, for another wait or a later limit.
    Other(Run),
    Stop,
}

/// The end of the driver's work: Renode has exited, or the board has been dropped.
struct Over;

/// The timer in the script that ends a run. If the limit was raised since, the script sets the
/// timer again when it fires.
struct Timer {
    /// The time at which it fires.
    at: Option<Duration>,
    /// The time at which the run is to end.
    until: Option<Duration>,
}

impl Timer {
    fn new(at: Option<Duration>) -> Self {
        Self { at, until: at }
    }

    /// Updates the timer to `now`: it may have fired and been set again.
    fn passes(&mut self, now: Duration) {
        if self.at.is_some_and(|at| at <= now) {
            self.at = self.until;
        }
    }
}

/// Returns the time at which a run that begins now is to end.
fn until(clock: &VirtualClock, run: &Run) -> Option<Duration> {
    run.at_most.map(|at_most| clock.now() + at_most)
}

/// Returns a run as the arguments of an order.
fn run_arguments(run: &Run) -> String {
    let at_most = match run.at_most {
        Some(time) => time.as_nanos().to_string(),
        None => "-".to_owned(),
    };
    run.stops.iter().fold(at_most, |words, stops| match *stops {
        ByteSet::NONE => words + " -",
        stops => words + " " + &stops.to_hex(),
    })
}

impl Driver {
    async fn drive(mut self) -> io::Result<()> {
        loop {
            while let Some(call) = self.calls.pop_front() {
                if let Err(Over) = self.handle(call).await? {
                    return Ok(());
                }
            }
            let run = tokio::select! {
                biased;
                call = call(&mut self.messages, &mut self.links) => {
                    self.calls.push_back(call);
                    None
                }
                report = self.reports.next() => {
                    // The user's own commands may have started the guest.
                    match self.take(report?)? {
                        Report::Paused(time) => self.paused(time),
                        Report::Synced(time) => {
                            self.paused(time);
                            self.syncing = None;
                        }
                        _ => {}
                    }
                    None
                }
                run = self.clock.next_run(), if self.syncing.is_none() => Some(run),
            };
            if let Some(run) = run {
                self.run(run).await?;
            }
        }
    }

    /// Runs the guest until it is paused again.
    async fn run(&mut self, run: Run) -> io::Result<()> {
        self.order(&format!("run {}", run_arguments(&run))).await?;
        let mut timer = Timer::new(until(&self.clock, &run));
        let mut stopped = false;
        while !is_over(&self.calls) {
            let stop = tokio::select! {
                biased;
                call = call(&mut self.messages, &mut self.links) => {
                    self.calls.push_back(call);
                    true
                }
                report = self.reports.next() => match self.take_all(report?)? {
                    Report::StoppedAt(time) if !stopped => {
                        self.clock.advance_to(time);
                        self.clock.ask();
                        timer.passes(self.clock.now());
                        match self.next(timer.at).await {
                            Next::Resume => {
                                self.order("resume").await?;
                                false
                            }
                            Next::Other(run) => {
                                timer.until = until(&self.clock, &run);
                                self.order(&format!("resume {}", run_arguments(&run))).await?;
                                false
                            }
                            Next::Stop => true,
                        }
                    }
                    Report::Paused(time) => {
                        self.clock.advance_to(time);
                        self.handle_halts().await;
                        self.clock.pause();
                        return Ok(());
                    }
                    _ => false,
                },
                () = self.clock.interrupted(), if !stopped => true,
            };
            if stop && !stopped {
                stopped = true;
                self.order("stop").await?;
            }
        }
        Ok(())
    }

    /// Notes that the guest is paused at `time`, and wakes all waits.
    fn paused(&self, time: Duration) {
        self.clock.advance_to(time);
        self.clock.pause();
    }

    /// Handles a processor that has halted before the guest was paused: Renode has written
    /// its log by then, but it may not have been read.
    async fn handle_halts(&mut self) {
        for _ in 0..READINESS {
            tokio::task::yield_now().await;
        }
        while let Ok(message) = self.messages.try_recv() {
            self.calls.push_back(Call::Message(message));
        }
        for call in std::mem::take(&mut self.calls) {
            match call {
                Call::Message(Message::WhenPaused(act)) => act(),
                call => self.calls.push_back(call),
            }
        }
    }

    /// Returns the next step of the guest, which has stopped at a byte; its `timer` is set to
    /// that time.
    async fn next(&mut self, timer: Option<Duration>) -> Next {
        let clock = &self.clock;
        let next = async {
            if clock.may_go_on().await {
                return Next::Resume;
            }
            // The wait has ended. Usually another one follows: the guest need not be paused for
            // it, as long as the timer does not fire too late.
            match clock.wanted_next().await {
                Some(run)
                    if until(clock, &run)
                        .is_none_or(|until| timer.is_some_and(|timer| timer <= until)) =>
                {
                    Next::Other(run)
                }
                _ => Next::Stop,
            }
        };
        tokio::select! {
            biased;
            call = call(&mut self.messages, &mut self.links) => {
                self.calls.push_back(call);
                Next::Stop
            }
            next = next => next,
        }
    }

    /// Handles a call while the guest is paused.
    async fn handle(&mut self, call: Call) -> io::Result<Result<(), Over>> {
        match call {
            Call::Message(Message::Attach(link)) => self.links.push(link),
            Call::Message(Message::Clear(uarts)) => {
                for uart in uarts {
                    self.links[uart].clear();
                    self.order(&format!("clear {uart}")).await?;
                }
            }
            Call::Message(Message::WhenPaused(act)) => act(),
            Call::Message(Message::Sync(read)) => {
                self.syncing = Some(read);
                self.order("sync").await?;
            }
            Call::Message(Message::Exited(read)) => {
                while let Some(report) = self.reports.left() {
                    // This was the last report.
                    let _ = self.take(report);
                }
                drop(read);
                return Ok(Err(Over));
            }
            Call::Job(uart, job) => {
                for part in job.bytes.chunks(MOST_AT_ONCE) {
                    let bytes: String = part.iter().map(|b| format!("{b:02x}")).collect();
                    self.order(&format!("rx {uart} {bytes}")).await?;
                }
                self.links[uart].complete_tx(job, self.clock.now(), AHEAD);
            }
        }
        Ok(Ok(()))
    }

    /// Records a report as [`take`](Self::take) does, together with all reports that were written
    /// at the same time: a wait must not see only some of them.
    fn take_all(&mut self, mut report: Report) -> io::Result<Report> {
        loop {
            report = self.take(report)?;
            match report {
                Report::Out(..) => match self.reports.take() {
                    Some(next) => report = next,
                    None => return Ok(report),
                },
                report => return Ok(report),
            }
        }
    }

    /// Records a report; a line that is none is an error.
    fn take(&mut self, report: Report) -> io::Result<Report> {
        match report {
            Report::Out(uart, time, mut bytes) if uart < self.links.len() => {
                let time = self.clock.since_made(time);
                self.links[uart].push_rx(&mut bytes, time);
                Ok(Report::Out(uart, Duration::ZERO, Vec::new()))
            }
            Report::Out(..) => Err(io::Error::other("a report of a UART that is not there")),
            Report::Error(text) => Err(io::Error::other(text)),
            report => Ok(report),
        }
    }

    /// Writes an order, unless Renode has exited.
    async fn order(&mut self, order: &str) -> io::Result<()> {
        let order = format!("{order}\n");
        let mut written = pin!(self.orders.write_all(order.as_bytes()));
        while !is_over(&self.calls) {
            tokio::select! {
                biased;
                written = &mut written => return written,
                call = call(&mut self.messages, &mut self.links) => self.calls.push_back(call),
            }
        }
        Ok(())
    }
}

/// Returns true if Renode has exited, so that no more reports can arrive.
fn is_over(calls: &VecDeque<Call>) -> bool {
    let gone = |call: &Call| matches!(call, Call::Message(Message::Exited(_)));
    calls.iter().any(gone)
}

/// Returns the next message or job. Cancel safe.
async fn call(messages: &mut mpsc::UnboundedReceiver<Message>, links: &mut [SteppedLink]) -> Call {
    poll_fn(|cx| {
        if let Poll::Ready(Some(message)) = messages.poll_recv(cx) {
            return Poll::Ready(Call::Message(message));
        }
        for (uart, hand) in links.iter_mut().enumerate() {
            if let Poll::Ready(job) = hand.poll_job(cx) {
                return Poll::Ready(Call::Job(uart, job));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_limit_differs_from_a_limit_of_zero() {
        let words = |at_most| {
            let stops = vec![ByteSet::NONE];
            run_arguments(&Run { at_most, stops })
        };
        assert_eq!(words(Some(Duration::ZERO)), "0 -");
        assert_eq!(words(None), "- -");
    }
}

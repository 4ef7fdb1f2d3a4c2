//! Driving Renode step by step, for a clock that stands still except while somebody waits.
//!
//! A script of ours inside Renode starts and stops the emulation and links over each
//! byte with its virtual time; at those that somebody may wait for, the thread that
//! executes the guest stands still until it is told to go on or to stop right there. Two
//! FIFOs carry orders and reports. Knows nothing of what anybody waits for.

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

/// How many bytes for the guest an order carries at most.
const MOST_AT_ONCE: usize = 1024;

/// How often others have their turn on the I/O thread until a file that has grown has been read.
const READINESS: usize = 4;

/// What is told to the driver.
enum Message {
    Attach(SteppedLink),
    /// The machine of these UARTs starts anew: what was sent to them is lost.
    Clear(Range<usize>),
    /// To be done when the guest stands still and all that it said is there.
    WhenPaused(Box<dyn FnOnce() + Send>),
    /// Something else may have let the guest run: what it has said is to be read.
    Sync(oneshot::Sender<()>),
    /// Renode is gone: what it has reported is to be read.
    Exited(oneshot::Sender<()>),
}

/// The driver of one Renode; it ends when this is dropped.
pub(crate) struct Lockstep {
    messages: LockstepHandle,
    _driver: DriverTask,
}

/// What tells the driver something.
#[derive(Clone)]
pub(crate) struct LockstepHandle(mpsc::UnboundedSender<Message>);

impl Lockstep {
    /// Makes what Renode needs in `directory`, and drives it from then on. A failure is told
    /// to `failed`.
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
    /// The next of the board's UARTs.
    pub(crate) fn attach(&self, hand: SteppedLink) {
        self.tell(Message::Attach(hand));
    }

    /// Forgets what was sent to these UARTs and has not arrived.
    pub(crate) fn clear(&self, uarts: Range<usize>) {
        self.tell(Message::Clear(uarts));
    }

    /// Has `act` done when the guest stands still and all that it has said is there.
    pub(crate) fn when_paused(&self, act: impl FnOnce() + Send + 'static) {
        self.tell(Message::WhenPaused(Box::new(act)));
    }

    /// Returns when all has been read that has been said so far; the guest stands still.
    pub(crate) async fn sync(&self) {
        let (read, done) = oneshot::channel();
        self.tell(Message::Sync(read));
        // A driver that has gone has read all.
        let _ = done.await;
    }

    /// Returns when all has been read that a Renode which is gone has reported.
    pub(crate) async fn exited(&self) {
        let (read, done) = oneshot::channel();
        self.tell(Message::Exited(read));
        // A driver that has gone has read all.
        let _ = done.await;
    }

    fn tell(&self, message: Message) {
        // A driver that has gone needs no telling.
        let _ = self.0.send(message);
    }
}

/// Where the script is.
pub(crate) fn script(directory: &Path) -> std::path::PathBuf {
    directory.join("lockstep.py")
}

struct Driver {
    clock: Arc<VirtualClock>,
    reports: Reports,
    orders: pipe::Sender,
    messages: mpsc::UnboundedReceiver<Message>,
    links: Vec<SteppedLink>,
    /// Who waits for what has been said so far.
    syncing: Option<oneshot::Sender<()>>,
    /// What has come while the guest ran and is to be heeded when it stands.
    calls: VecDeque<Call>,
}

/// Something that is to be done while the guest stands still.
enum Call {
    Message(Message),
    /// Bytes for that UART.
    Job(usize, Job),
}

/// What comes next for a guest that stands at a byte.
enum Next {
    Resume,
    /// For somebody else, or further.
    Other(Run),
    Stop,
}

/// Renode is gone, or the target is.
struct Over;

/// The timer in the script that ends a run; it can be put off, and notices when it goes off.
struct Timer {
    /// When it goes off.
    at: Option<Duration>,
    /// When the run is to end.
    until: Option<Duration>,
}

impl Timer {
    fn new(at: Option<Duration>) -> Self {
        Self { at, until: at }
    }

    /// It is `now`: it may have gone off and been set again.
    fn passes(&mut self, now: Duration) {
        if self.at.is_some_and(|at| at <= now) {
            self.at = self.until;
        }
    }
}

/// When a run that begins now is to end.
fn until(clock: &VirtualClock, run: &Run) -> Option<Duration> {
    run.at_most.map(|at_most| clock.now() + at_most)
}

/// A run in the words of an order.
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
                    // The user's own commands may have let it run.
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

    /// Lets the guest run until it stands still again.
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

    /// The guest stands still, at `time`: those who wait look again.
    fn paused(&self, time: Duration) {
        self.clock.advance_to(time);
        self.clock.pause();
    }

    /// Has done what is to be done about a processor that has halted before the guest came
    /// to stand: what Renode has logged by then has been written, but not been read perhaps.
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

    /// What comes next for the guest, which stands at a byte, its `timer` set to that time.
    async fn next(&mut self, timer: Option<Duration>) -> Next {
        let clock = &self.clock;
        let next = async {
            if clock.may_go_on().await {
                return Next::Resume;
            }
            // Whoever waited has what it wanted. As a rule another wait follows: the guest
            // need not be paused for that, as long as its timer is not too late.
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

    /// Does what is to be done while the guest stands still.
    async fn handle(&mut self, call: Call) -> io::Result<Result<(), Over>> {
        match call {
            Call::Message(Message::Attach(hand)) => self.links.push(hand),
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
                    // It was the last.
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

    /// As [`take`](Self::take), and with it what was reported at once with it: whether there
    /// is more to tell must not depend on how soon somebody reacts to a part.
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

    /// Notes what a report says; one that is none is an error.
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

    /// Hands an order over, unless Renode is gone, which would read it.
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

/// Whether Renode is gone, so that nothing more is to be waited for.
fn is_over(calls: &VecDeque<Call>) -> bool {
    let gone = |call: &Call| matches!(call, Call::Message(Message::Exited(_)));
    calls.iter().any(gone)
}

/// The next message or job. Loses nothing if it is dropped.
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
    fn no_limit_is_told_from_one_of_no_time() {
        let words = |at_most| {
            let stops = vec![ByteSet::NONE];
            run_arguments(&Run { at_most, stops })
        };
        assert_eq!(words(Some(Duration::ZERO)), "0 -");
        assert_eq!(words(None), "- -");
    }
}

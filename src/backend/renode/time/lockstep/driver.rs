//! The task that drives one Renode: it passes the orders of the virtual clock and the input of
//! the UARTs on to the script, and its reports to the clock and the transcripts.
//!
//! What the [state machine](crate::runtime::VirtualClock) decides is not decided here. Calls,
//! which need a paused guest, keep a [hold](Hold) until they are handled.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::report::{Report, Reports};
use crate::backend::error::ProtocolError;
use crate::backend::renode::time::fifos::{AHEAD, parts};
use crate::backend::{Event, Events};
use crate::runtime::{Hold, Order, Run, VirtualClock};
use crate::uart::{Job, SteppedLink};

/// The number of turns of the I/O thread after which a file that has grown has been read.
const READINESS: usize = 4;

/// A message to the driver task.
pub(super) enum Message {
    Attach(SteppedLink),
    /// The place of the board's events.
    TellEvents(Arc<Events>),
    /// A reset of these UARTs' machine: bytes on the way to them are lost.
    Clear(Range<usize>),
    /// A function to run once the guest is paused and its output is recorded.
    WhenPaused(Box<dyn FnOnce() + Send>),
    /// A request to read all output: something else may have let the guest run.
    Sync(oneshot::Sender<()>),
    /// Renode has exited: its last reports are to be read.
    Exited(oneshot::Sender<()>),
    /// The board has been dropped; Renode is to run another one.
    End(oneshot::Sender<()>),
}

pub(super) struct Driver {
    clock: Arc<VirtualClock>,
    reports: Reports,
    orders: pipe::Sender,
    messages: mpsc::UnboundedReceiver<Message>,
    links: Vec<SteppedLink>,
    events: Arc<Events>,
    /// The wait for a `sync`.
    syncing: Option<oneshot::Sender<()>>,
    /// The calls to handle once the guest is paused.
    calls: VecDeque<Call>,
    /// Pauses the guest while there are calls, or a `sync` is not answered.
    hold: Option<Hold>,
}

/// Work that is to be done while the guest is paused.
enum Call {
    Message(Message),
    /// Bytes for the UART of this number.
    Job(usize, Job),
}

/// The end of the driver's work: Renode has exited, or the board has been dropped.
struct Over;

/// What was reported up to a stop.
#[derive(Default)]
struct Output {
    bytes: Vec<Bytes>,
    /// Events, each with its time in the target's clock.
    events: Vec<(Event, Duration)>,
}

/// Output of a UART; its first byte was sent at `time` in the target's clock.
struct Bytes {
    uart: usize,
    time: Duration,
    bytes: Vec<u8>,
}

enum Input {
    Call(Call),
    Report(Report),
    Order(Order),
}

impl Driver {
    pub(super) fn new(
        clock: &Arc<VirtualClock>,
        reports: Reports,
        orders: pipe::Sender,
        messages: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        Self {
            clock: Arc::clone(clock),
            reports,
            orders,
            messages,
            links: Vec::new(),
            events: Arc::default(),
            syncing: None,
            calls: VecDeque::new(),
            hold: None,
        }
    }

    pub(super) async fn drive(mut self) -> io::Result<()> {
        loop {
            if self.clock.is_paused() || is_over(&self.calls) {
                while let Some(call) = self.calls.pop_front() {
                    if let Err(Over) = self.handle(call).await? {
                        return Ok(());
                    }
                }
            }
            let is_held = !self.calls.is_empty() || self.syncing.is_some();
            match (&self.hold, is_held) {
                (None, true) => self.hold = Some(self.clock.begin_hold()),
                (Some(_), false) => self.hold = None,
                _ => {}
            }
            let event = tokio::select! {
                biased;
                call = call(&mut self.messages, &mut self.links) => Input::Call(call),
                report = self.reports.next() => Input::Report(report?),
                order = self.clock.next_order() => Input::Order(order),
            };
            match event {
                Input::Call(Call::Message(Message::End(ended))) => return self.end(ended).await,
                Input::Call(call) => self.calls.push_back(call),
                Input::Report(report) => self.take(report).await?,
                Input::Order(order) => {
                    let line = order_line(&order, self.clock.now());
                    self.order(&line).await?;
                }
            }
        }
    }

    /// Handles a processor that has halted before the guest was stopped: Renode has written
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

    /// Handles a call while the guest is paused.
    async fn handle(&mut self, call: Call) -> io::Result<Result<(), Over>> {
        match call {
            Call::Message(Message::Attach(link)) => self.links.push(link),
            Call::Message(Message::TellEvents(events)) => self.events = events,
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
            // Not queued: `drive` ends with it.
            Call::Message(Message::End(_)) => return Ok(Err(Over)),
            Call::Message(Message::Exited(read)) => {
                while let Some(report) = self.reports.left() {
                    // This was the last report.
                    let _ = self.take(report).await;
                }
                drop(read);
                return Ok(Err(Over));
            }
            Call::Job(uart, job) => {
                for part in parts(&job.bytes) {
                    self.order(&format!("rx {uart} {part}")).await?;
                }
                self.links[uart].complete_tx(job, self.clock.now(), AHEAD);
            }
        }
        Ok(Ok(()))
    }

    /// Ends the script's work for this board; what it still reports is of no interest.
    async fn end(mut self, ended: oneshot::Sender<()>) -> io::Result<()> {
        self.order("end").await?;
        while self.reports.next().await? != Report::Ended {}
        drop(ended);
        Ok(())
    }

    /// Takes a report, with the output that was reported just before it.
    async fn take(&mut self, report: Report) -> io::Result<()> {
        let (mut output, last) = self.batch(report);
        match last.as_ref().and_then(Report::stopped_at) {
            // A wait that sees the output sees its time as well, and so does the next wait.
            Some(at) => self.clock.advance_to(at, || self.record(&mut output)),
            None => self.record(&mut output),
        }
        if let Some(Report::LimitAt(_) | Report::Paused(_)) = last {
            self.handle_halts().await;
        }
        match last {
            Some(Report::StoppedAt(_) | Report::LimitAt(_)) => self.clock.stopped(),
            // The user's own commands may have let the guest run as well.
            Some(Report::Paused(_)) => self.clock.paused(),
            Some(Report::Synced(_)) => {
                self.clock.paused();
                self.syncing = None;
            }
            _ => {}
        }
        for Bytes { uart, .. } in &output.bytes {
            self.links[*uart].transcript.announce();
        }
        match last {
            Some(Report::Error(text)) => Err(ProtocolError::UnknownReport(text).into()),
            Some(Report::Out(..)) => Err(ProtocolError::UnknownUart.into()),
            _ => Ok(()),
        }
    }

    /// Returns the output that is reported up to `report`, or behind it, and the next report of
    /// another kind, as far as these have been read: a wait must not see only some of them. Output
    /// of a UART that does not exist is such a report.
    fn batch(&mut self, report: Report) -> (Output, Option<Report>) {
        let (mut output, mut next) = (Output::default(), Some(report));
        loop {
            match next {
                Some(Report::Out(uart, time, bytes)) if uart < self.links.len() => {
                    let time = self.clock.since_start(time);
                    output.bytes.push(Bytes { uart, time, bytes });
                }
                Some(Report::Event(event)) => {
                    let at = self.clock.since_start(event.time);
                    output.events.push((event, at));
                }
                next => return (output, next),
            }
            next = self.reports.take();
        }
    }

    /// Appends output to the transcripts and the events.
    fn record(&self, output: &mut Output) {
        for Bytes { uart, time, bytes } in &mut output.bytes {
            self.links[*uart].push_rx(bytes, *time);
        }
        for (event, at) in output.events.drain(..) {
            self.events.add(event, Some(at));
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
        for (uart, link) in links.iter_mut().enumerate() {
            if let Poll::Ready(job) = link.poll_job(cx) {
                return Poll::Ready(Call::Job(uart, job));
            }
        }
        Poll::Pending
    })
    .await
}

/// Returns an order as a line for the script; its limit is the time from now on.
fn order_line(order: &Order, now: Duration) -> String {
    let arguments = |run: &Run| {
        let limit = match run.until {
            Some(until) => until.saturating_sub(now).as_nanos().to_string(),
            None => "-".to_owned(),
        };
        let stops = run.stops.iter();
        stops.fold(limit, |words, stops| words + " " + &stops.to_word())
    };
    match order {
        Order::Run(run) => format!("run {}", arguments(run)),
        Order::Resume(None) => "resume".to_owned(),
        Order::Resume(Some(run)) => format!("resume {}", arguments(run)),
        Order::Stop => "stop".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Stops;

    #[test]
    fn a_missing_limit_differs_from_a_limit_of_zero() {
        let line = |until| {
            let stops = vec![Stops::default()];
            order_line(&Order::Run(Run { until, stops }), Duration::from_secs(1))
        };
        assert_eq!(line(Some(Duration::from_secs(1))), "run 0 -");
        assert_eq!(line(None), "run - -");
    }
}

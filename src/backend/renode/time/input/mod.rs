//! Sending bytes to the guest's UARTs in real time.
//!
//! A terminal of Renode is used for the guest's output only. It would pass input on as it
//! arrives, whatever the guest's speed, and the cost of pending bytes grows with the square of
//! their number. So a script of ours inside Renode puts the bytes on the lines, in the guest's
//! own time; [`Input`] is its driver. The script is included when the board already runs;
//! bytes that are sent before wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::fifos::{AHEAD, DriverTask, Fifos, parts};
use super::lockstep::event;
use super::{FIFOS, LINE, LOCK_UP, Script, script};
use crate::backend::error::ProtocolError;
use crate::backend::{Event, Events};
use crate::uart::{Job, JobQueue};

/// The scripts, which are included when a board already runs, unless Renode has them.
pub(crate) const SCRIPTS: [Script; 4] = [
    FIFOS,
    LINE,
    LOCK_UP,
    script("input.py", include_str!("input.py")),
];

/// A message to the driver task.
enum Message {
    Attach(JobQueue),
    /// The place of the board's events.
    TellEvents(Arc<Events>),
    /// A reset of these UARTs' machine: bytes on the way to them are lost.
    Clear(Range<usize>, oneshot::Sender<()>),
    /// The end of the script's work for this board.
    End(oneshot::Sender<()>),
}

/// The driver of the script; dropping this ends it.
pub(crate) struct Input {
    messages: mpsc::UnboundedSender<Message>,
    _driver: DriverTask,
}

impl Input {
    /// Creates the FIFOs in `directory`. `failed` is called with a failure.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn prepare(
        directory: &Path,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> io::Result<Self> {
        let Fifos { orders, reports } = Fifos::make(directory)?;
        let (sender, messages) = mpsc::unbounded_channel();
        let driver = Driver {
            orders,
            unwritten: VecDeque::new(),
            reports: BufReader::new(reports).lines(),
            messages,
            lines: Vec::new(),
            events: Arc::default(),
            clearing: VecDeque::new(),
            ending: None,
        };
        Ok(Self {
            messages: sender,
            _driver: DriverTask::spawn(driver.drive(), failed),
        })
    }

    /// Attaches the next of the board's UARTs.
    pub(crate) fn attach(&self, jobs: JobQueue) {
        // A driver that has ended has killed Renode.
        let _ = self.messages.send(Message::Attach(jobs));
    }

    /// Reports the board's events to `events`.
    pub(crate) fn tell_events(&self, events: &Arc<Events>) {
        // A driver that has ended has killed Renode.
        let _ = self.messages.send(Message::TellEvents(Arc::clone(events)));
    }

    /// Drops the bytes that were sent to these UARTs and have not arrived.
    pub(crate) async fn clear(&self, uarts: Range<usize>) {
        let (cleared, done) = oneshot::channel();
        // A driver that has ended has killed Renode.
        let _ = self.messages.send(Message::Clear(uarts, cleared));
        let _ = done.await;
    }

    /// Ends the script's work for this board, and waits until the script lets go of it.
    pub(crate) async fn end(&self) {
        let (ended, done) = oneshot::channel();
        // A driver that has ended has killed Renode.
        let _ = self.messages.send(Message::End(ended));
        let _ = done.await;
    }
}

struct Driver {
    orders: pipe::Sender,
    /// Orders that have yet to be written: a FIFO holds little until the script reads it.
    unwritten: VecDeque<u8>,
    reports: Lines<BufReader<pipe::Receiver>>,
    messages: mpsc::UnboundedReceiver<Message>,
    lines: Vec<Line>,
    events: Arc<Events>,
    /// The clears that the script has yet to confirm, and the senders that wait for them.
    clearing: VecDeque<(Range<usize>, oneshot::Sender<()>)>,
    /// The sender that waits until the script has ended.
    ending: Option<oneshot::Sender<()>>,
}

/// The line to a UART.
struct Line {
    jobs: JobQueue,
    /// Set while no more jobs may be sent, until the script reports room.
    full: bool,
    /// A long job that the script has: its sender waits until the bytes have arrived.
    in_flight: Option<Job>,
    /// The next job.
    next: Option<Job>,
    /// Set while no jobs may be sent, until the script has dropped its bytes.
    clearing: bool,
}

impl Driver {
    async fn drive(mut self) -> io::Result<()> {
        loop {
            tokio::select! {
                biased;
                Some(message) = self.messages.recv() => self.handle(message),
                report = next_report(&mut self.reports) => self.take(report?)?,
                (uart, job) = next_job(&mut self.lines) => self.send(uart, job),
                written = self.orders.write_buf(&mut self.unwritten), if !self.unwritten.is_empty() => {
                    written?;
                }
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Attach(jobs) => self.lines.push(Line {
                jobs,
                full: false,
                in_flight: None,
                next: None,
                clearing: false,
            }),
            Message::TellEvents(events) => self.events = events,
            Message::Clear(uarts, cleared) => {
                for line in &mut self.lines[uarts.clone()] {
                    line.drop_jobs();
                    line.clearing = true;
                }
                let numbers: String = uarts.clone().map(|uart| format!(" {uart}")).collect();
                self.order(&format!("clear{numbers}"));
                self.clearing.push_back((uarts, cleared));
            }
            Message::End(ended) => {
                self.order("end");
                self.ending = Some(ended);
            }
        }
    }

    /// Passes a job to the script.
    fn send(&mut self, uart: usize, job: Job) {
        for part in parts(&job.bytes) {
            self.order(&format!("send {uart} {part}"));
        }
        self.order(&format!("tell {uart}"));
        let line = &mut self.lines[uart];
        line.full = true;
        match job.bytes.len() > AHEAD as usize {
            true => line.in_flight = Some(job),
            false => job.complete(Duration::ZERO),
        }
    }

    fn order(&mut self, order: &str) {
        self.unwritten.extend(order.as_bytes());
        self.unwritten.push_back(b'\n');
    }

    fn take(&mut self, report: Report) -> io::Result<()> {
        match report {
            Report::Room(uart) => {
                let line = self.lines.get_mut(uart);
                line.ok_or(ProtocolError::UnknownUart)?.has_room();
            }
            Report::Cleared => {
                let cleared = self.clearing.pop_front();
                let (uarts, cleared) = cleared.ok_or(ProtocolError::UnknownClearing)?;
                for line in &mut self.lines[uarts] {
                    line.has_room();
                    line.clearing = false;
                }
                // The reset may have timed out.
                let _ = cleared.send(());
            }
            Report::Event(event) => self.events.add(event, None),
            Report::Ended => drop(self.ending.take()),
        }
        Ok(())
    }
}

impl Line {
    fn has_room(&mut self) {
        self.full = false;
        done(&mut self.in_flight);
    }

    /// Drops the jobs that the script does not have. They count as done, as a real line does not
    /// report losses either.
    fn drop_jobs(&mut self) {
        done(&mut self.next);
        self.jobs.clear();
    }

    /// Returns the next job for the script; registers for a wake-up if there is none.
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<Job> {
        if self.next.is_none()
            && let Poll::Ready(next) = self.jobs.poll_next(cx)
        {
            if next.is_none() {
                // The UART has been detached: dropping the job notifies its sender.
                self.in_flight = None;
            }
            self.next = next;
        }
        match self.full || self.clearing {
            true => None,
            false => self.next.take(),
        }
    }
}

fn done(job: &mut Option<Job>) {
    if let Some(job) = job.take() {
        job.complete(Duration::ZERO);
    }
}

/// Returns the next job for a line that has room. Cancel safe.
async fn next_job(lines: &mut [Line]) -> (usize, Job) {
    poll_fn(|cx| {
        for (uart, line) in lines.iter_mut().enumerate() {
            if let Some(job) = line.poll(cx) {
                return Poll::Ready((uart, job));
            }
        }
        Poll::Pending
    })
    .await
}

/// Returns the next report. Cancel safe.
async fn next_report(reports: &mut Lines<BufReader<pipe::Receiver>>) -> io::Result<Report> {
    let line = reports.next_line().await?;
    Report::parse(&line.ok_or(io::ErrorKind::UnexpectedEof)?)
}

/// One of the script's reports.
#[derive(Debug, PartialEq, Eq)]
enum Report {
    /// The line to this UART has room for more.
    Room(usize),
    /// The bytes have been dropped.
    Cleared,
    /// The board has done something apart from its UARTs.
    Event(Event),
    /// The script has ended its work.
    Ended,
}

impl Report {
    /// Parses a report; any other line describes an error.
    fn parse(line: &str) -> io::Result<Self> {
        let report = match line.split_once(' ') {
            Some(("event", _)) => event(line).map(Self::Event),
            Some(("room", uart)) => uart.parse().ok().map(Self::Room),
            None if line == "cleared" => Some(Self::Cleared),
            None if line == "ended" => Some(Self::Ended),
            _ => None,
        };
        report.ok_or_else(|| ProtocolError::UnknownReport(line.to_owned()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_returns_the_report_or_an_error() {
        assert_eq!(Report::parse("room 12").unwrap(), Report::Room(12));
        assert_eq!(Report::parse("cleared").unwrap(), Report::Cleared);
        assert_eq!(Report::parse("ended").unwrap(), Report::Ended);
        for odd in ["", "room", "room x", "cleared 1", "error Exception('x')"] {
            assert_eq!(Report::parse(odd).unwrap_err().to_string(), odd);
        }
    }
}

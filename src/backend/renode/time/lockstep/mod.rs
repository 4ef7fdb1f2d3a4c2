//! Driving Renode in lockstep with a virtual clock, which runs only while a test waits.
//!
//! A script of ours inside Renode starts and pauses the emulation and reports each byte with
//! its virtual time. At output that may end a wait, and at the limit of a run, the thread that
//! executes the guest stops until the order `resume` or `stop`. Two FIFOs carry orders and
//! reports. [`Lockstep`] owns the [driver](driver::Driver)'s task, a [`LockstepHandle`] sends it
//! messages.

mod driver;
mod report;

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::fifos::{DriverTask, Fifos};
use super::{FIFOS, LINE, LOCK_UP, Script, script};
use crate::backend::Events;
use crate::runtime::VirtualClock;
use crate::uart::SteppedLink;
use driver::{Driver, Message};
use report::Reports;

pub(super) use report::event;

/// The scripts of the virtual clock.
pub(crate) const SCRIPTS: [Script; 6] = [
    FIFOS,
    LINE,
    LOCK_UP,
    script("stops.py", include_str!("stops.py")),
    script("output.py", include_str!("output.py")),
    script("lockstep.py", include_str!("lockstep.py")),
];

/// The driver of one Renode; dropping this ends it.
pub(crate) struct Lockstep {
    messages: LockstepHandle,
    _driver: DriverTask,
}

/// A sender of messages to the driver.
#[derive(Clone)]
pub(crate) struct LockstepHandle(mpsc::UnboundedSender<Message>);

impl Lockstep {
    /// Starts the driver. `failed` is called with a failure.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn drive(
        fifos: Fifos,
        clock: &Arc<VirtualClock>,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> Self {
        let Fifos { orders, reports } = fifos;
        clock.prepare();
        let (sender, messages) = mpsc::unbounded_channel();
        let driver = Driver::new(clock, Reports::new(reports), orders, messages);
        Self {
            messages: LockstepHandle(sender),
            _driver: DriverTask::spawn(driver.drive(), failed),
        }
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

    /// Reports the board's events to `events`.
    pub(crate) fn tell_events(&self, events: &Arc<Events>) {
        self.tell(Message::TellEvents(Arc::clone(events)));
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

    /// Ends the script's work for this board, and waits until the script lets go of it.
    pub(crate) async fn end(&self) {
        let (ended, done) = oneshot::channel();
        self.tell(Message::End(ended));
        // A driver that has ended has killed Renode.
        let _ = done.await;
    }

    fn tell(&self, message: Message) {
        // A driver that has ended needs no message.
        let _ = self.0.send(message);
    }
}

//! The background I/O thread and its timers: [`Deadline`], the time limit of a wait, and
//! [`VirtualClock`], the time of a guest.
//!
//! One long-lived thread per test process runs a current-thread tokio runtime. All sockets, pipes
//! and timers belong to it, so handles work in any runtime and without one. This module does not
//! use UARTs, targets or emulators.

mod clock;
mod deadline;
mod descriptor;
mod error;
pub(crate) mod io_thread;
mod stepped;
mod stops;
mod virtual_clock;
mod virtual_time;
mod watch;

pub(crate) use clock::{Clock, CutShort, Reading};
pub(crate) use deadline::Deadline;
pub(crate) use descriptor::register;
pub use error::HostError;
pub(crate) use io_thread::{enter, handle, spawn};
pub(crate) use stepped::Stepped;
pub(crate) use stops::{ByteSet, Stops, Texts, Wants};
pub(crate) use virtual_clock::{Debugging, Hold, VirtualClock};
pub(crate) use virtual_time::{Order, Run};

//! The background I/O thread and what runs on it.
//!
//! One long-lived thread per test process runs a current-thread tokio runtime;
//! all sockets, pipes and timers live there, so that handles work in any
//! runtime and in none. This module knows nothing of UARTs, targets or
//! emulators.

mod deadline;
mod error;
mod io_thread;
mod virtual_clock;

pub(crate) use deadline::{Clock, CutShort, Deadline, Reading, Stepped};
pub use error::HostError;
pub(crate) use io_thread::{enter, handle, spawn};
pub(crate) use virtual_clock::{ByteSet, Hold, Run, VirtualClock, Wants};

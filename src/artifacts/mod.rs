//! What a failed test leaves behind so that it can be understood.
//!
//! A [`Report`] belongs to one board. It records what is done to the board and how that
//! ends, and copies this, the output of the UARTs and the emulator's logs into a
//! directory of the test's own. [`Traced`] adds an operation to it.

mod artifact_dir;
mod beginning;
mod caller;
mod dir_lock;
mod policy;
mod report;
mod test_name;
mod timeline;
mod traced;
mod uart_log;

pub(crate) use caller::Caller;
pub(crate) use report::{Report, Sources};
pub(crate) use test_name::TestName;
pub(crate) use traced::{Traced, failed};
pub(crate) use uart_log::{Lost, UartLog, UartLogWriter};

//! The artifacts of a failed test, from which the failure can be understood.
//!
//! A [`Report`] belongs to one board. It records the operations on the board and their outcomes,
//! and copies this timeline, the output of the UARTs and the emulator's logs into the test's own
//! directory. [`Traced`] adds an operation to the timeline. [`page`] shows all failed tests in one
//! page.

mod artifact_dir;
mod at_exit;
mod beginning;
mod dir_lock;
mod error;
mod page;
mod policy;
mod report;
mod report_files;
mod target_directory;
mod test_name;
mod test_thread;
mod timeline;
mod traced;
mod uart_log;

pub(crate) use artifact_dir::COVERAGE;
pub(crate) use dir_lock::DirLock;
pub(crate) use report::Report;
pub(crate) use report_files::Sources;
pub(crate) use target_directory::{target_directories, target_directory};
pub(crate) use test_name::TestName;
pub(crate) use traced::{Traced, failed};
pub(crate) use uart_log::{Lost, UartLog, UartLogWriter};

//! What an engine does for a target: start, stop, load, reset, connect the UART.
//!
//! A [`Backend`] plays one board, or works a physical one. It is driven from the I/O thread by the
//! target, one call at a time, and knows nothing of tests, expectations or
//! handles.

mod emulator;
mod error;
mod executable;
mod exit;
mod identity;
mod image;
mod interface;
mod metrics;
mod output;
pub(crate) mod qemu;
pub(crate) mod renode;
pub(crate) mod serial;

pub use error::{EmulatorError, EmulatorExit};
pub use identity::EmulatorInfo;
pub(crate) use identity::Identity;
pub(crate) use image::Image;
pub(crate) use interface::{Backend, BoxFuture, LogText, Outcome};
pub use metrics::Metrics;
pub(crate) use output::OutputTail;

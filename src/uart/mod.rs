//! UARTs: what a board says, and what is said to it.
//!
//! A [`Uart`] is a cursor over an append-only transcript of everything the
//! board has put out. Operations look for [patterns](IntoPattern) from the
//! cursor on and move it behind what they found; they never lose a byte, and
//! their results never depend on how the bytes arrived. This module knows
//! nothing of emulators and targets: they attach file descriptors to a `Port`.

mod aftermath;
mod alarms;
mod ansi;
mod chunk;
mod console;
mod dialect;
mod error;
mod guard;
mod hand;
mod handle;
mod hint;
mod ignored;
mod lines;
mod link;
mod marks;
mod matched;
#[cfg(test)]
mod model;
mod operations;
mod pattern;
mod port;
mod ports;
mod pty;
mod run;
#[cfg(test)]
mod run_model;
mod said;
mod screen;
mod search;
mod send;
mod session;
mod shown;
mod spill;
mod split;
mod stops;
mod talk;
mod text;
mod transcript;
mod verdict;
mod wait;

pub use alarms::Told;
pub use error::ExpectError;
pub use guard::Guard;
pub(crate) use hand::{Hand, Parcel, Parcels};
pub use handle::Uart;
pub(crate) use ignored::IgnoredLines;
pub use lines::{BlockingLines, Lines};
pub use matched::{Group, Match};
pub use pattern::{IntoPattern, Pattern, PatternError};
pub(crate) use port::{Port, Settings};
pub(crate) use ports::Ports;
pub use pty::UartPty;
pub use said::TranscriptLine;
pub(crate) use search::on_stream;
pub use session::UartStream;
pub use transcript::{Ending, Unavailable};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`; what it guards is sound even if a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

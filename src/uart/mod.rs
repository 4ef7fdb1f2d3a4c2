//! UARTs: all output of a board, and a way to send to it.
//!
//! Output flows through the folders in this order: `link → transcript → pattern → expect → Uart`.
//!
//! * `link` reads and writes the stream.
//! * `transcript` keeps the output and runs the standing guards.
//! * `pattern` finds matches in it.
//! * `expect` has a matcher for each operation that waits.
//! * [`Uart`] is the handle that tests hold: a cursor in the append-only transcript.
//!
//! Operations look for [patterns](IntoPattern) from the cursor on and move the cursor behind the
//! match. They lose no byte, and their results do not depend on how the bytes arrived. Backends
//! attach descriptors to a `Port`; nothing here depends on an emulator.

mod addresses;
mod ansi;
mod cursor;
mod error;
mod expect;
mod explain;
mod follow;
mod guard;
mod handle;
mod lines;
mod link;
mod live;
mod log;
mod log_guards;
mod merged;
#[cfg(test)]
mod model;
mod pattern;
mod port;
mod ports;
mod post_mortem;
mod pty;
#[cfg(test)]
mod run_model;
mod shown;
mod state;
mod stream;
mod transcript;
mod verdict;

pub use crate::caller::Call;
pub(crate) use addresses::{Address, addresses, named};
pub use error::{
    Ambiguity, Ending, NotSent, OffReason, Reported, Stalled, UartError, UartErrorKind, Unavailable,
};
pub(crate) use expect::ignored_lines::IgnoredLines;
pub use expect::matched::{Group, Match};
pub(crate) use explain::{Answer, Explain, Explanation, Question};
pub use guard::Guard;
pub use handle::Uart;
pub use lines::{BlockingLines, Lines};
pub(crate) use link::job::{Job, JobQueue};
pub(crate) use link::stepped::SteppedLink;
pub(crate) use live::Live;
pub(crate) use log_guards::LogGuards;
pub use merged::TranscriptLine;
pub(crate) use pattern::stream::on_stream;
pub use pattern::{IntoPattern, Pattern, PatternError};
pub(crate) use port::Port;
pub(crate) use ports::Ports;
pub use pty::UartPty;
pub(crate) use state::Settings;
pub use stream::UartStream;

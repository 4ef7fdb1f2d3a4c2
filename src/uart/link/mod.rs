//! The I/O side of a UART: it moves bytes between a stream and the transcript.
//!
//! A [`Link`] is one attachment of a stream; a power cycle makes a new one. Its reader appends
//! to the transcript as fast as bytes arrive, and its writer writes the queued [jobs](job::Job) in
//! order. The backend plays both parts for a [`SteppedLink`](stepped::SteppedLink).

mod attachment;
pub(super) mod job;
mod reader;
pub(super) mod stepped;
mod user_stream;
mod writer;

pub(crate) use attachment::Link;
pub(crate) use job::{JobQueue, Written};
pub(crate) use reader::OnEnd;

//! The transcript: everything that a UART has received, in the order of arrival.
//!
//! One side appends to a [`Transcript`] and never waits. Any number of readers, each at a
//! [`Position`] of its own, ask for the [`Next`] content there, from their own threads and at
//! their own pace. The newest bytes are in memory; older ones are in an unnamed file, from
//! which [`Transcript::chunk`] reads them back. A power cycle starts a new segment.
//!
//! Bytes never change once they are appended, and an offset never means another byte. The
//! standing [guards](guards::ActiveGuard) see every byte before any reader does.

mod append;
pub(super) mod chunk;
pub(super) mod forbidden;
pub(super) mod guards;
mod limits;
mod position;
pub(super) mod slice;
pub(super) mod spill;
pub(super) mod split;
mod state;
mod store;
#[cfg(test)]
mod tests;
pub(super) mod timestamps;

pub(crate) use limits::Limits;
pub(crate) use position::{Next, Position};
pub(crate) use store::Transcript;

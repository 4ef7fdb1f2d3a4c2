//! Finding patterns on a stream, in bits as they arrive.
//!
//! An [`Engine`] is fed the stream slice by slice and tells the earliest byte at
//! which its pattern has matched; how the stream was cut never matters. Where
//! that match starts, and its groups, are looked up afterwards, backwards.

mod automaton;
mod engine;
mod hit;
mod literal;
mod window;

pub(crate) use engine::{Engine, in_lines, on_stream};
pub(crate) use hit::{Hit, Located, ReadBack};

//! Finding patterns on a stream, slice by slice as it arrives.
//!
//! An [`Engine`] is fed slices and returns a [`Hit`]: the earliest byte at which its pattern
//! has matched. How the stream is cut never matters. The start of the match and its groups
//! are looked up afterwards, through [`ReadBack`].

mod automaton;
mod engine;
mod hit;
mod literal;
mod walk;
mod window;

pub(crate) use engine::{Engine, in_lines, in_log_lines, on_stream};
pub(crate) use hit::{Hit, Located, ReadBack};

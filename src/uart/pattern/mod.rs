//! What to look for, and how it is found: in a piece of text, and on a stream.
//!
//! A [`Pattern`] is compiled from anything that is [`IntoPattern`]; on a stream a
//! [`stream::Engine`] of its own finds it. Nothing here knows where the bytes come from.

pub(super) mod compiled;
pub(super) mod decode;
pub(super) mod error;
pub(super) mod final_bytes;
pub(super) mod stream;
pub(super) mod stream_regex;

pub use compiled::{IntoPattern, Pattern};
pub(crate) use compiled::{Kind, REGEX_PREFIX};
pub use error::PatternError;
pub(crate) use stream_regex::Groups;

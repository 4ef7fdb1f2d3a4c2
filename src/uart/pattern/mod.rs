//! Patterns, and the search for them in a piece of text and on a stream.
//!
//! A [`Pattern`] is compiled from anything that is [`IntoPattern`]; on a stream, a
//! [`stream::Engine`] finds it. The place of a match depends on the bytes only, never on how
//! they were cut.

pub(super) mod compiled;
pub(super) mod decode;
pub(super) mod decoder;
pub(super) mod error;
pub(super) mod final_bytes;
pub(super) mod into_pattern;
#[cfg(feature = "expectrl")]
mod needle;
pub(super) mod stops;
pub(super) mod stream;
pub(super) mod stream_checks;
pub(super) mod stream_regex;

pub(crate) use compiled::Kind;
pub use compiled::Pattern;
pub use error::PatternError;
pub use into_pattern::IntoPattern;
pub(crate) use into_pattern::REGEX_PREFIX;
pub(crate) use stream_regex::Groups;

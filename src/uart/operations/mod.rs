//! What the reading operations look for: one [`Search`](super::wait::Search) each.

mod absence;
mod answer;
mod bytes;
mod expect;
mod line;
mod set;

pub(super) use absence::{ExpectNone, ExpectSilence, RunFor};
pub(super) use answer::{Echo, Output, Ready};
pub(super) use bytes::{ReadExact, ReadSome};
pub(super) use expect::{Expect, ExpectAll, ExpectAny};
pub(super) use line::{ExpectLine, ReadLine};

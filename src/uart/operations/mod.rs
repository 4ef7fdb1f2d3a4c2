//! What the reading operations look for: one [`Search`](super::wait::Search) each.

mod absence;
mod bytes;
mod echo;
mod expect;
mod line;
mod reply;
mod set;

pub(super) use absence::{ExpectNone, ExpectSilence, RunFor};
pub(super) use bytes::{ReadExact, ReadSome};
pub(super) use echo::EchoedLine;
pub(super) use expect::{Expect, ExpectAll, ExpectAny};
pub(super) use line::{ExpectLine, ReadLine};
pub(super) use reply::{
    Answer, Expected, Listen, Operation, Reply, Settle, Verdict, describe, line_up_to,
};

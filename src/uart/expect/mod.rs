//! The operations of a UART: a [`Matcher`](wait::Matcher) for each one that reads, and the tasks
//! that send.
//!
//! [`Wait`](wait::Wait) feeds the transcript to a matcher; [`diagnose`] and [`hint`](mod@hint) make
//! the texts of failures.

pub(super) mod absence;
pub(super) mod aftermath;
pub(super) mod bytes;
pub(super) mod command;
pub(super) mod conversation;
pub(super) mod diagnose;
pub(super) mod echo;
pub(super) mod hint;
pub(super) mod ignored_lines;
pub(super) mod line;
pub(super) mod matched;
mod near_miss;
pub(super) mod reply;
pub(super) mod screen;
pub(super) mod send;
pub(super) mod set;
mod shell_hint;
pub(super) mod stream;
pub(super) mod wait;

pub(super) use absence::{ExpectNone, ExpectSilence, RunFor};
pub(super) use bytes::{ReadExact, ReadSome};
pub(super) use echo::EchoedLine;
pub(super) use line::{ExpectLine, ReadLine};
pub(super) use reply::{
    Answer, Expected, QuietMatcher, Reply, ReplyMatcher, ReplyPurpose, ReplyState, describe,
    line_up_to,
};
pub(super) use stream::{Expect, ExpectAll, ExpectAny};

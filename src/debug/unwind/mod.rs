//! The chain of calls: from the registers of a function to those of its caller, over exceptions,
//! up to the first function.

mod backtrace;
mod call_frame;
mod exception_frame;
mod guess;
mod registers;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use backtrace::{Backtrace, Call, End, How};
pub(super) use walk::unwind;

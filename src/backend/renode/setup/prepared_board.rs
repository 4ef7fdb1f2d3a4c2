//! [`PreparedBoard`]: a board in Renode that only lacks its firmware.

use std::os::fd::OwnedFd;

use super::cpu::Processor;
use crate::backend::renode::monitor::plain::Name;

/// A board that Renode has made and that has not run.
pub(crate) struct PreparedBoard {
    /// What is known of its machines.
    pub(crate) machines: Vec<KnownMachine>,
    /// The streams of its UARTs, in the order of the description; with a virtual clock none.
    pub(crate) outputs: Vec<OwnedFd>,
    /// The number of the user's commands that have been run.
    pub(crate) done: usize,
}

/// What Renode has told of a machine.
pub(crate) struct KnownMachine {
    pub(crate) name: String,
    pub(crate) processors: Vec<Processor>,
    pub(crate) volatile: Vec<Name>,
}

//! Making a board in a Renode: platform, UARTs, firmware, and what is watched of them.

pub(super) mod after_reset;
pub(super) mod cpu;
pub(super) mod cpu_halt;
pub(super) mod endpoint;
pub(super) mod file_watch;
pub(super) mod memory;
pub(super) mod peripherals;
pub(super) mod platform;
pub(super) mod pty;
pub(super) mod script;
pub(super) mod socket;
pub(super) mod vectors;

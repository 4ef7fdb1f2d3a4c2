//! Making a board in a Renode: platforms, UARTs, firmware, resets.

pub(super) mod after_reset;
pub(super) mod boot_order;
mod coverage;
pub(super) mod cpu;
pub(super) mod cpu_halt;
pub(super) mod cpu_watch;
pub(super) mod emulation;
pub(super) mod endpoint;
pub(super) mod file_watch;
pub(super) mod firmware;
pub(super) mod log_notes;
pub(super) mod machine;
pub(super) mod memory;
pub(super) mod peripherals;
pub(super) mod platform;
pub(super) mod prepared_board;
pub(super) mod pty;
pub(super) mod registers;
pub(super) mod restart;
pub(super) mod script;
pub(super) mod socket;
pub(super) mod vectors;

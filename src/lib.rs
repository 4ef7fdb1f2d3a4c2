//! Firmware integration tests as easy as unit tests: boot a virtual board in an
//! emulator, flash it, talk to its UART, and release it.
//!
//! ```no_run
//! use virtual_target::{Result, VirtualTarget, secs};
//!
//! #[test]
//! fn answers_ping() -> Result<()> {
//!     let board = VirtualTarget::from_yaml("fixtures/stm32f4.yaml")
//!         .firmware("firmware-samples/prebuilt/stm32f4/shell.elf")
//!         .boot()
//!         .wait()?;
//!     let uart = board.uart();
//!     uart.expect_line("Hello from").within(secs(2)).wait()?;
//!     uart.expect("> ").wait()?;
//!     uart.send_line("uptime").wait()?;
//!     let uptime = uart.expect_line(r"re:up (\d+) ms").wait()?;
//!     assert!(uptime.parse::<u64>(1)? < 2_000);
//!     Ok(()) // dropping the board ends its emulator
//! }
//! ```
//!
//! * [`VirtualTarget`] is the board: power, flash, reset.
//! * [`Uart`](uart::Uart) is its output and input: expect, send.
//! * [`Operation`] is the type that the methods of both return: await it in any runtime, or call
//!   [`wait`](Operation::wait) without one.
//! * [`config`] is the format of the YAML file that describes a board.
//!
//! The [`guide`] explains them in order, from a first test to CI, and has the reference of board
//! files, calls and artifacts.

#![warn(unreachable_pub)]

mod artifacts;
mod backend;
mod board;
mod caller;
pub mod config;
pub mod coverage;
mod debug;
mod error;
mod files;
pub mod firmware;
#[cfg(any(doc, doctest))]
pub mod guide;
mod notice;
mod operation;
mod process;
mod runtime;
mod sync;
pub mod uart;

pub use backend::{EmulatorError, EmulatorErrorKind, EmulatorExit, EmulatorInfo, Metrics};
pub use board::{Button, Led, Machine, Pin, PowerError, TargetBuilder, VirtualTarget, Written};
pub use debug::{DebugError, Frame, MemoryValue, Registers};
pub use error::{Error, ErrorKind, Result};
pub use operation::Operation;
pub use process::ProcessError;
pub use runtime::HostError;

use std::time::Duration;

/// The data of an [`EmulatorError`] and an [`EmulatorExit`].
pub mod emulator {
    pub use crate::backend::error::{
        BoardDifference, CommandEnd, ErrorPlace, ExitReason, NoPeripheral, NoUart, NotThere,
        PortFlaw, ProgramFlaw, RefusalReason, StartHint, Unexpected, Unfinished, Unreached,
        Unsupported, ValueFlaw, ValueRole,
    };
}

/// Returns a duration of `n` seconds.
///
/// ```
/// assert_eq!(virtual_target::secs(2), std::time::Duration::from_secs(2));
/// ```
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Returns a duration of `n` milliseconds.
///
/// ```
/// assert_eq!(virtual_target::millis(250), std::time::Duration::from_millis(250));
/// ```
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The examples of the pages outside of this file, compiled as documentation tests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/migrating-from-robot.md")]
    struct FromRobot;
    #[doc = include_str!("../docs/migrating-from-pexpect-jumpstarter.md")]
    struct FromPexpectAndJumpstarter;
    #[doc = include_str!("../docs/migrating-from-pytest-embedded.md")]
    struct FromPytestEmbedded;
    #[doc = include_str!("../docs/migrating-from-twister.md")]
    struct FromTwister;
}

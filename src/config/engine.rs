//! [`BackendKind`], the engine that runs a board, and [`ClockKind`], the time in which it runs.

use std::fmt;

use serde::Serialize;

use super::error::{BadFields, Problem};
use super::renode::UartTransport;

/// The engine that runs a board: an emulator or a physical board. As a choice in the file also
/// [`Auto`](Self::Auto).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BackendKind {
    /// Antmicro Renode.
    Renode,
    /// QEMU's system emulation.
    Qemu,
    /// No emulator: a physical board on a serial port.
    Serial,
    /// Renode if it is installed, else QEMU.
    Auto,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Renode => "Renode",
            Self::Qemu => "QEMU",
            Self::Serial => "the physical board",
            Self::Auto => "the emulator",
        })
    }
}

/// Whether the emulator of a board that is dropped runs later boards.
///
/// A Renode that is there boots a board in some hundredths of a second; to start one takes about
/// two seconds. The next board is made anew in it, and is not booted there if anything of the last
/// one could be left: after a failure or a panic, after the test's own monitor commands, with a
/// script, with `extra_commands` that do more than to set registers, with code in a platform.
/// `VTARGET_REUSE` overrides the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reuse {
    /// `off`: each board has a Renode of its own.
    Off,
    /// `process`: the boards of one process share its Renodes. A runner that runs each test in a
    /// process of its own, as nextest does, gains nothing from that: there it is as `off`.
    Process,
    /// `run`: the processes of one test run share its Renodes: those that one runner, such as nextest
    /// or cargo, has started. A Renode then outlives the test that has started it, until the run
    /// ends; one that no test has is ended after a minute. On Linux only.
    Run,
}

/// The time in which a board runs. Time limits for its output are in the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockKind {
    /// `realtime`: as fast as the host's clock, from power-on to power-off.
    Realtime,
    /// `virtual`: the board is paused except while an operation waits for it, and then
    /// runs as fast as the host can. It pauses at the very byte that completes the
    /// operation, or exactly at the operation's time limit. On Renode only.
    Virtual,
}

/// Checks that `clock` is possible on `backend`, and with `transport` if the file gives one.
pub(super) fn check_clock(
    clock: ClockKind,
    backend: BackendKind,
    transport: Option<UartTransport>,
) -> Result<(), Problem> {
    if clock == ClockKind::Realtime {
        return Ok(());
    }
    if matches!(backend, BackendKind::Qemu | BackendKind::Serial) {
        return Err(Problem::new("clock", BadFields::NoVirtualClock));
    }
    if transport.is_some() {
        let why = BadFields::TransportInVirtualTime;
        return Err(Problem::new("uart_transport", why));
    }
    Ok(())
}

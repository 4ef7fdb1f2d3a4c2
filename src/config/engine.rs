//! What a board runs on, and in which time.

use std::fmt;

use super::error::Problem;
use super::renode::UartTransport;

/// Why another engine than Renode cannot have `clock: virtual`.
pub(super) const NO_VIRTUAL_CLOCK: &str = "only Renode has a virtual clock, and the target is to run \
     on another engine: install Renode and use `backend: renode`, or write `clock: realtime`";

/// What plays a board: an emulator, or none; as a choice also [`Auto`](Self::Auto).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendKind {
    /// Antmicro Renode.
    Renode,
    /// QEMU's system emulation.
    Qemu,
    /// No emulator: a physical board on a serial port.
    Serial,
    /// Renode where it is installed, else QEMU.
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

/// The time that a board runs in, and that all limits on its output are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// `realtime`: as fast as the host's clock, from power-on to power-off.
    Realtime,
    /// `virtual`: the board stands still except while an operation waits for it, and then
    /// runs as fast as the host can; it stops at the very byte that completes the
    /// operation, or exactly at its time limit. On Renode only.
    Virtual,
}

/// Checks that a board on `backend`, for which a `transport` may be asked, can have the `clock`.
pub(super) fn fits(
    clock: ClockKind,
    backend: BackendKind,
    transport: Option<UartTransport>,
) -> Result<(), Problem> {
    if clock == ClockKind::Realtime {
        return Ok(());
    }
    if matches!(backend, BackendKind::Qemu | BackendKind::Serial) {
        return Err(Problem::new("clock", NO_VIRTUAL_CLOCK));
    }
    if transport.is_some() {
        let message = "with `clock: virtual` the UARTs are connected without pseudo-terminals \
                       or sockets: remove it";
        return Err(Problem::new("uart_transport", message));
    }
    Ok(())
}

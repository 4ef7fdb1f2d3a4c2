//! [`GuestAccess`]: looking into a board that an emulator has paused for this purpose.

use std::ops::Range;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::error::EmulatorError;
use super::outcome::{BoxFuture, Outcome};
use crate::debug::CpuState;
use crate::process::Process;

/// A processor's name in the engine, such as `sysbus.cpu`, and its state.
pub(crate) type NamedCpu = (String, CpuState);

/// Reads and writes the processors and memories of a board's machines.
///
/// Between [`stop`](Self::stop) and [`go_on`](Self::go_on) the board is paused. No call executes an
/// instruction or touches a peripheral, so the guest does not notice the stop.
pub(crate) trait GuestAccess: Send {
    /// Pauses the board.
    fn stop(&mut self) -> Outcome<'_>;

    /// Lets a board run that ran before the stop, without waiting until it does; also after a
    /// stop that has failed or was dropped.
    fn go_on(&mut self) -> BoxFuture<'_, ()>;

    /// Returns the address ranges of the memories of a machine, in any order.
    fn memories(&mut self, machine: usize)
    -> BoxFuture<'_, Result<Vec<Range<u64>>, EmulatorError>>;

    /// Returns the processors of a machine whose registers are known, the one that runs the
    /// firmware first. Their `memories` are empty, and one that sleeps counts as running.
    fn processors(&mut self, machine: usize)
    -> BoxFuture<'_, Result<Vec<NamedCpu>, EmulatorError>>;

    /// Returns the registers of a sleeping Cortex-M that say which interrupts could wake it, as far
    /// as the engine has them: VTOR, and NVIC_ISER and NVIC_ISPR, by their names in a [`CpuState`].
    fn interrupts<'a>(
        &'a mut self,
        machine: usize,
        processor: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(String, u64)>, EmulatorError>>;

    /// Reads bytes of a machine's memories.
    fn read(
        &mut self,
        machine: usize,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Vec<u8>, EmulatorError>>;

    /// Writes bytes to a machine's memories.
    fn write<'a>(&'a mut self, machine: usize, address: u64, bytes: &'a [u8]) -> Outcome<'a>;

    /// Attaches a debugger to a machine of a stopped board. The board goes on as the debugger says,
    /// once the target lets it, and still stands when this returns.
    fn attach_debugger(&mut self, machine: usize)
    -> BoxFuture<'_, Result<Attached, EmulatorError>>;

    /// Ends the work of a debugger, and lets the board run, without waiting until it does.
    fn detach_debugger(&mut self, attached: Box<dyn DebuggerLink>) -> BoxFuture<'_, ()>;

    /// Returns what the engine's log says of accesses that have done nothing, the last ones.
    fn log_notes(&mut self, _machine: usize) -> BoxFuture<'_, Vec<LogNote>> {
        Box::pin(async { Vec::new() })
    }

    /// Returns the engine's process, if it runs.
    fn process(&self) -> Option<Arc<Process>>;

    /// Returns the state in which a processor has ended the emulator, if it printed that.
    fn last_state(&self) -> Option<NamedCpu> {
        None
    }
}

/// A message in the engine's log about an access of the guest that has done nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogNote {
    /// The address of the instruction, if the engine names it.
    pub(crate) pc: Option<u64>,
    pub(crate) text: String,
}

impl LogNote {
    /// Returns true if both are about the same instruction, or say the same.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self.pc, other.pc) {
            (Some(one), Some(other)) => one == other,
            _ => self == other,
        }
    }
}

/// A connection to the engine's gdb server.
pub(crate) trait DebuggerLink: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> DebuggerLink for T {}

/// A gdb server of the engine, to which we are connected.
pub(crate) struct Attached {
    pub(crate) link: Box<dyn DebuggerLink>,
    /// The port on which the engine listens on every interface, if it does.
    pub(crate) exposed: Option<u16>,
}

/// Cuts a range into ranges of at most `size`, for answers of a limited length.
pub(crate) fn chunks(range: Range<u64>, size: u64) -> impl Iterator<Item = Range<u64>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let part = start..range.end.min(start.saturating_add(size));
        start = part.end;
        (!part.is_empty()).then_some(part)
    })
}

//! [`Guard`]: the handle of a standing guard.

use std::fmt;
use std::sync::Arc;

use super::state::UartState;
use super::transcript::guards::ActiveGuard;

/// A standing guard, set by [`Uart::forbid`](crate::uart::Uart::forbid).
///
/// It stays in place if the handle is dropped.
///
/// ```
/// # fn main() -> virtual_target::Result<()> {
/// # use std::io::Write;
/// # let (ours, mut board) = std::os::unix::net::UnixStream::pair().unwrap();
/// # let uart = virtual_target::uart::Uart::over_fd(ours)?;
/// let guard = uart.forbid("HardFault")?;
/// # board.write_all(b"self-test passed\n").unwrap();
/// uart.expect_line("self-test passed").wait()?;
/// // From here on the test provokes the fault.
/// guard.lift();
/// # board.write_all(b"HardFault at 0x080005da\n").unwrap();
/// uart.expect_line("re:HardFault at 0x[0-9a-f]+").wait()?;
/// # Ok(()) }
/// ```
pub struct Guard {
    uart: Arc<UartState>,
    id: u64,
    pattern: Arc<str>,
}

impl Guard {
    pub(super) fn new(uart: &Arc<UartState>, guard: &ActiveGuard) -> Self {
        let (id, pattern) = guard.identity();
        Self {
            uart: Arc::clone(uart),
            id,
            pattern: Arc::clone(pattern),
        }
    }

    /// Lifts the guard, as if it had never been set: the pattern may appear, and a match that it
    /// has had no longer fails operations or the end of the test.
    pub fn lift(self) {
        self.uart.remove_guard(self.id);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.pattern).finish()
    }
}

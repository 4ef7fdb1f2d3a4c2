//! What a Cortex-M pushes when it takes an exception, found by the value with which the handler
//! returns (EXC_RETURN).

use super::registers::Registers;
use crate::debug::guest::Guest;

/// The value of LR in an exception handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExcReturn(u64);

impl ExcReturn {
    /// Returns the value if it is one; code never has such an address.
    pub(super) fn new(value: u64) -> Option<Self> {
        let fixed = value & 0xffff_ff80 == 0xffff_ff80 && value & 2 == 0;
        (fixed && value <= u64::from(u32::MAX)).then_some(Self(value))
    }

    /// Returns true if a task was interrupted, with the process stack.
    pub(super) fn on_process_stack(self) -> bool {
        self.0 & 4 != 0
    }

    /// The number of words pushed, with or without the registers of the FPU.
    fn words(self) -> u64 {
        if self.0 & 0x10 == 0 { 26 } else { 8 }
    }
}

/// The interrupted program's state, as the processor has saved it.
pub(super) struct Interrupted {
    pub(super) registers: Registers,
    /// The number of the exception in which the program was; 0 for none.
    pub(super) exception: u64,
}

/// Why there is no interrupted program.
pub(super) enum NoFrame {
    /// The engine does not give the process stack pointer.
    NoProcessStack,
    /// The frame is not in memory.
    Unreadable(u64),
}

/// Returns the state of the interrupted program; `handler` has the registers with which the
/// handler returns.
pub(super) fn interrupted(
    guest: &mut Guest<'_>,
    handler: &Registers,
    exc_return: ExcReturn,
) -> Result<Interrupted, NoFrame> {
    let sp = if exc_return.on_process_stack() {
        guest.cpu.register("psp").ok_or(NoFrame::NoProcessStack)?
    } else {
        handler.sp().ok_or(NoFrame::Unreadable(0))?
    };
    read(guest, handler, exc_return, sp).ok_or(NoFrame::Unreadable(sp))
}

/// Looks for a frame from a stack pointer upwards: a handler without an unwind table has pushed an
/// unknown number of words below it.
pub(super) fn search(
    guest: &mut Guest<'_>,
    handler: &Registers,
    exc_return: ExcReturn,
) -> Option<Interrupted> {
    if exc_return.on_process_stack() {
        return interrupted(guest, handler, exc_return).ok();
    }
    let sp = handler.sp()?;
    for offset in 0..MOST_PUSHED {
        let found = read(guest, handler, exc_return, sp.checked_add(4 * offset)?)?;
        // In a frame the Thumb bit is set, and PC and LR are addresses of code.
        let link = found.registers.link().unwrap_or_default();
        let links =
            guest.is_code(link & !1) || link == RESET_LINK || ExcReturn::new(link).is_some();
        let exact = sp.checked_add(4 * (offset + 7));
        let xpsr = exact.and_then(|it| guest.word(it)).unwrap_or_default();
        if xpsr & 0x0100_0000 != 0 && guest.is_code(found.registers.pc) && links {
            return Some(found);
        }
    }
    None
}

/// The largest number of words that a handler without an unwind table has pushed.
const MOST_PUSHED: u64 = 128;

/// The value of LR after a reset.
pub(super) const RESET_LINK: u64 = 0xffff_ffff;

fn read(
    guest: &mut Guest<'_>,
    handler: &Registers,
    exc_return: ExcReturn,
    frame: u64,
) -> Option<Interrupted> {
    let mut registers = handler.clone();
    let mut word = |index: u64| guest.word(frame.checked_add(4 * index)?);
    for (index, number) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 12), (5, 14)] {
        registers.set(number, Some(word(index)?));
    }
    registers.pc = word(6)? & !1;
    let xpsr = word(7)?;
    // Bit 9: a word was left out, so that the frame began at a multiple of 8.
    let padding = if xpsr & 1 << 9 == 0 { 0 } else { 4 };
    let sp = frame.checked_add(4 * exc_return.words() + padding)?;
    registers.set(registers.sp_number(), Some(sp));
    Some(Interrupted {
        registers,
        exception: xpsr & 0x1ff,
    })
}

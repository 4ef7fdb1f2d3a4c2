//! The walk along the chain of calls.

use super::backtrace::{Backtrace, Call, End, How};
use super::call_frame::{Step, step};
use super::exception_frame::{self, ExcReturn, NoFrame, RESET_LINK};
use super::guess;
use super::registers::Registers;
use crate::debug::guest::Guest;
use crate::debug::snapshot::{Core, RunState};
use crate::debug::stack;

/// The largest number of functions of a chain.
const DEEPEST: usize = 64;

/// The amount of stack that is read at once.
const PREFETCH: u64 = 2048;

/// Returns the chain of calls of a stopped target; `None` without a program counter.
///
/// It never fails: whatever the registers and the memory are, the chain ends with a reason.
pub(in crate::debug) fn unwind(guest: &mut Guest<'_>) -> Option<Backtrace> {
    let registers = Registers::of(guest.cpu)?;
    if let Some(sp) = registers.sp() {
        guest.prefetch(sp, PREFETCH);
    }
    let mut walk = Walk {
        is_task: guest.cpu.register("control").is_some_and(|it| it & 2 != 0),
        guest,
        calls: Vec::new(),
    };
    let end = match walk.run(registers) {
        End::Unreadable(_) if walk.guest.is_memory_gone() => End::MemoryGone,
        end => end,
    };
    Some(Backtrace {
        calls: walk.calls,
        end,
    })
}

struct Walk<'w, 'a> {
    guest: &'w mut Guest<'a>,
    calls: Vec<Call>,
    /// The functions use the process stack of a Cortex-M.
    is_task: bool,
}

impl Walk<'_, '_> {
    fn run(&mut self, mut registers: Registers) -> End {
        let mut how = How::Executed;
        loop {
            let after_call = how == How::Calls;
            let at = registers.pc.saturating_sub(u64::from(after_call));
            let named = at.saturating_sub(match how {
                How::Executed => self.slept(),
                _ => 0,
            });
            self.push(registers.pc, named, how, true);
            if self.calls.len() >= DEEPEST {
                return End::TooDeep;
            }
            if self.guest.programs.is_entry(at) {
                return End::Complete;
            }
            if let Some(interrupted) = self.trap(&registers, at) {
                registers = interrupted;
                how = How::Interrupted(0);
                continue;
            }
            let caller = match step(self.guest, &registers, at) {
                Step::Caller(caller) => *caller,
                Step::First => return End::Complete,
                Step::Unreadable(address) => {
                    self.guess_overflow();
                    return End::Unreadable(address);
                }
                Step::NoReturn => {
                    let function = self.last_function();
                    self.guess(&registers);
                    self.guess_overflow();
                    return End::NoReturn { function };
                }
                Step::Unknown => match self.without_table(&registers, after_call) {
                    Ok((next, next_how)) => {
                        registers = next;
                        how = next_how;
                        continue;
                    }
                    Err(end) => return end,
                },
            };
            let is_arm = self.guest.cpu.core == Core::CortexM;
            if is_arm && let Some(exc_return) = ExcReturn::new(caller.pc) {
                match exception_frame::interrupted(self.guest, &caller, exc_return) {
                    Ok(interrupted) => {
                        self.is_task = exc_return.on_process_stack();
                        registers = interrupted.registers;
                        how = How::Interrupted(interrupted.exception);
                        continue;
                    }
                    Err(NoFrame::NoProcessStack) => return End::NoProcessStack,
                    Err(NoFrame::Unreadable(sp)) => {
                        self.guess_overflow();
                        return End::Unreadable(sp);
                    }
                }
            }
            if caller.pc == 0 && self.is_task {
                return End::Task {
                    function: self.last_function(),
                };
            }
            if caller.pc == 0 || caller.pc == RESET_LINK {
                return End::Complete;
            }
            let mut caller = caller;
            if is_arm {
                caller.pc &= !1;
            }
            if !self.guest.is_code(caller.pc) {
                return End::NoCode {
                    function: self.last_function(),
                    address: caller.pc,
                };
            }
            // A stack grows downwards: only a leaf function leaves the pointer where it was.
            let (old, new) = (registers.sp(), caller.sp());
            if new < old || new == old && after_call {
                return End::Corrupt {
                    function: self.last_function(),
                };
            }
            caller.set(caller.link_number(), None);
            registers = caller;
            how = How::Calls;
        }
    }

    /// Returns the length of the instruction that a processor sleeps in, which the program counter is
    /// behind: what is there may be inlined from another function.
    fn slept(&self) -> u64 {
        let cpu = self.guest.cpu;
        match cpu.core {
            _ if cpu.state != RunState::Waiting => 0,
            Core::CortexM => 2,
            Core::RiscV => 4,
        }
    }

    /// Returns the interrupted program's registers, if the function is a RISC-V's trap handler.
    fn trap(&mut self, registers: &Registers, at: u64) -> Option<Registers> {
        let cpu = self.guest.cpu;
        if cpu.core != Core::RiscV || self.calls.iter().any(|it| it.how == How::Interrupted(0)) {
            return None;
        }
        let vector = cpu.register("mtvec")? & !3;
        let function = self.guest.programs.function(at)?;
        if self.guest.programs.function(vector)? != function {
            return None;
        }
        // What the handler has pushed is known from its table only.
        let mut interrupted = match step(self.guest, registers, at) {
            Step::Caller(caller) => *caller,
            _ => registers.clone(),
        };
        interrupted.pc = cpu.register("mepc")?;
        Some(interrupted)
    }

    /// Goes on where no table has the function.
    fn without_table(
        &mut self,
        registers: &Registers,
        after_call: bool,
    ) -> Result<(Registers, How), End> {
        let function = self.last_function();
        if !after_call && let Some(link) = registers.link() {
            let is_arm = self.guest.cpu.core == Core::CortexM;
            if is_arm && let Some(exc_return) = ExcReturn::new(link) {
                let found = exception_frame::search(self.guest, registers, exc_return);
                return match found {
                    Some(it) => Ok((it.registers, How::Interrupted(it.exception))),
                    None => Err(End::NoTable { function }),
                };
            }
            // A call of what is no code, such as a null pointer, has changed nothing but LR.
            if !self.guest.is_code(registers.pc)
                && let Some(address) = guess::return_address(self.guest, link)
            {
                let mut caller = registers.clone();
                caller.forget_scratch();
                caller.pc = address;
                return Ok((caller, How::Calls));
            }
            if let Some(address) = guess::return_address(self.guest, link)
                .or_else(|| guess::without_files(self.guest, registers.pc, link))
            {
                self.push(address, address.saturating_sub(1), How::Calls, false);
            }
        }
        self.guess(registers);
        if !self.guest.is_code(registers.pc) {
            return Err(End::Lost(registers.pc));
        }
        Err(End::NoTable { function })
    }

    /// Adds the functions whose return addresses may be on the stack.
    fn guess(&mut self, registers: &Registers) {
        if let Some(sp) = registers.sp() {
            self.guess_from(sp);
        }
    }

    /// Adds the last functions of a stack that has overflowed.
    fn guess_overflow(&mut self) {
        if let Some(bottom) = stack::overflowed(self.guest) {
            self.guess_from(bottom);
        }
    }

    fn guess_from(&mut self, sp: u64) {
        for address in guess::return_addresses(self.guest, sp) {
            let last = self.calls.last();
            if self.calls.len() < DEEPEST && last.is_none_or(|it| it.frame.address != address) {
                self.push(address, address.saturating_sub(1), How::Calls, false);
            }
        }
    }

    /// Adds the functions at an address.
    fn push(&mut self, address: u64, at: u64, mut how: How, certain: bool) {
        for mut frame in self.guest.programs.frames(at) {
            frame.address = address;
            frame.certain = certain;
            self.calls.push(Call { frame, how });
            how = How::Inlines;
        }
    }

    fn last_function(&self) -> String {
        let last = self.calls.last().map(|it| &it.frame);
        let name = last.map(|it| {
            it.function
                .clone()
                .unwrap_or(format!("0x{:08x}", it.address))
        });
        name.unwrap_or_default()
    }
}

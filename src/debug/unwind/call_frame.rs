//! One step up the chain of calls by the tables of an ELF file: call frame information of DWARF,
//! or Arm's unwind table.

use gimli::{CfaRule, RegisterRule};

use super::registers::Registers;
use crate::debug::guest::Guest;
use crate::debug::program::{Entry, ExidxStep, unwind_steps};
use crate::debug::snapshot::Core;

/// What a table says of a function.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The registers of the caller.
    Caller(Box<Registers>),
    /// The function has no caller.
    First,
    /// A word of the stack that is no memory, or has not been read.
    Unreadable(u64),
    /// The function has kept no return address.
    NoReturn,
    /// No table has the function, or what the table needs is lost.
    Unknown,
}

/// Returns the caller's registers by any of the tables.
///
/// `at` is an address in the instruction that is executed, or that has called.
pub(super) fn step(guest: &mut Guest<'_>, registers: &Registers, at: u64) -> Step {
    match by_dwarf(guest, registers, at) {
        Step::Unknown if guest.cpu.core == Core::CortexM => by_exidx(guest, registers, at),
        step => step,
    }
}

fn by_dwarf(guest: &mut Guest<'_>, registers: &Registers, at: u64) -> Step {
    let Some(frame) = guest.programs.call_frame(at) else {
        return Step::Unknown;
    };
    let CfaRule::RegisterAndOffset { register, offset } = frame.row.cfa() else {
        return Step::Unknown;
    };
    let base = registers.get(usize::from(register.0));
    let Some(cfa) = base.and_then(|it| it.checked_add_signed(*offset)) else {
        return Step::Unknown;
    };
    let mut caller = registers.clone();
    caller.forget_scratch();
    let mut return_address = registers.link();
    for (register, rule) in frame.row.registers() {
        let number = usize::from(register.0);
        let value = match rule {
            RegisterRule::Offset(offset) => {
                let Some(address) = cfa.checked_add_signed(*offset) else {
                    return Step::Unknown;
                };
                match guest.word(address) {
                    Some(value) => Some(value),
                    // A lost register does no harm before it is needed.
                    None if *register != frame.return_address => None,
                    None => return Step::Unreadable(address),
                }
            }
            RegisterRule::ValOffset(offset) => cfa.checked_add_signed(*offset),
            RegisterRule::Register(other) => registers.get(usize::from(other.0)),
            RegisterRule::SameValue => registers.get(number),
            RegisterRule::Constant(value) => Some(*value),
            RegisterRule::Undefined if *register == frame.return_address => return Step::First,
            _ => None,
        };
        if *register == frame.return_address {
            return_address = value;
        }
        caller.set(number, value);
    }
    caller.set(registers.sp_number(), Some(cfa));
    let Some(return_address) = return_address else {
        return Step::NoReturn;
    };
    caller.pc = return_address;
    Step::Caller(Box::new(caller))
}

fn by_exidx(guest: &mut Guest<'_>, registers: &Registers, at: u64) -> Step {
    let code = match guest.programs.exidx(at) {
        Some(Entry::Code(code)) => code,
        Some(Entry::CannotUnwind) => return Step::First,
        None => return Step::Unknown,
    };
    let Some(steps) = unwind_steps(&code) else {
        return Step::Unknown;
    };
    let (Some(mut sp), link) = (registers.sp(), registers.link_number()) else {
        return Step::Unknown;
    };
    let mut caller = registers.clone();
    let mut restored_sp = None;
    for step in steps {
        match step {
            ExidxStep::Add(bytes) => match sp.checked_add_signed(bytes) {
                Some(next) => sp = next,
                None => return Step::Unknown,
            },
            ExidxStep::SetSp(number) => match caller.get(number) {
                Some(value) => sp = value,
                None => return Step::Unknown,
            },
            ExidxStep::Pop(mask) => {
                for number in (0..16).filter(|it| mask >> it & 1 == 1) {
                    let value = guest.word(sp);
                    match number {
                        13 => restored_sp = value,
                        14 | 15 if value.is_none() => return Step::Unreadable(sp),
                        15 => caller.set(link, value),
                        _ => caller.set(number, value),
                    }
                    match sp.checked_add(4) {
                        Some(next) => sp = next,
                        None => return Step::Unknown,
                    }
                }
            }
        }
    }
    let Some(return_address) = caller.link() else {
        return Step::NoReturn;
    };
    caller.forget_scratch();
    caller.set(registers.sp_number(), Some(restored_sp.unwrap_or(sp)));
    caller.pc = return_address;
    Step::Caller(Box::new(caller))
}

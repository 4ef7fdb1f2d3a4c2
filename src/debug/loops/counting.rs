//! A loop that counts: how many rounds are left, from a few rounds that are executed here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::instruction::{Address, Condition, Operation, Placed, register_name};
use super::progress::{Comparison, Kind};
use super::value::{extended, ones};
use crate::debug::guest::Guest;
use crate::debug::snapshot::Core;

/// How many instructions are executed here at most.
const MOST_STEPS: usize = 256;

/// Returns how many rounds are left of a loop that changes nothing but registers and variables on
/// the stack, if the end is certain.
pub(super) fn rounds_left(
    guest: &mut Guest<'_>,
    body: &[Placed],
    exits: &[u64],
    loop_: &RangeInclusive<u64>,
) -> Option<u64> {
    let is_conditional = |it: &&Placed| matches!(it.1.operation, Operation::Branch { condition, .. } if condition != Condition::Always);
    // With a second condition, the rounds could differ.
    let mut conditional = body.iter().filter(is_conditional);
    let (Some((branch, _)), None) = (conditional.next(), conditional.next()) else {
        return None;
    };
    let word = guest.word_size() as u32 * 8;
    let is_risc_v = guest.cpu.core == Core::RiscV;
    let registers = std::array::from_fn(|number| {
        // The first register of a RISC-V is always 0.
        if is_risc_v && number == 0 {
            return Some(0);
        }
        let name = register_name(guest.cpu.core, number)?;
        guest.cpu.register(&name)
    });
    let mut machine = Machine {
        guest,
        word,
        registers,
        stack: BTreeMap::new(),
        flags: None,
    };
    let mut pc = machine.guest.cpu.register("pc")? & !1;
    let mut seen = Vec::new();
    for _ in 0..MOST_STEPS {
        let (_, instruction) = body.iter().find(|it| it.0 == pc)?;
        let next = pc.checked_add(instruction.length)?;
        pc = match instruction.operation {
            Operation::Branch { to, condition } if pc != *branch => {
                // Out of the loop, or not decided.
                (condition == Condition::Always && loop_.contains(&to)).then_some(to)?
            }
            Operation::Branch { to, condition } => {
                let stays_if_taken = loop_.contains(&to);
                let ends_if_not = pc == *loop_.end() || exits.contains(&pc);
                if stays_if_taken != ends_if_not {
                    return None;
                }
                match machine.comparison(condition) {
                    Some(comparison) => seen.push(comparison.exits(stays_if_taken)),
                    // The flags were set before the program counter.
                    None if seen.is_empty() => {}
                    None => return None,
                }
                if let [.., first, second, third] = &seen[..] {
                    return Comparison::rounds([first, second, third], word);
                }
                if stays_if_taken { to } else { next }
            }
            operation => {
                machine.execute(operation)?;
                next
            }
        };
    }
    None
}

/// A processor that executes a loop.
struct Machine<'m, 'a> {
    guest: &'m mut Guest<'a>,
    /// The number of bits of a register.
    word: u32,
    registers: [Option<u64>; 32],
    /// What the loop has written: sizes and numbers by address.
    stack: BTreeMap<u64, (u64, Option<u64>)>,
    flags: Option<Flags>,
}

/// What the flags of a Cortex-M say.
#[derive(Debug, Clone, Copy)]
enum Flags {
    /// Two numbers were compared.
    Of(u64, u64),
    /// The sign of a result, and whether it is zero.
    Result(u64),
}

impl Machine<'_, '_> {
    /// Executes an instruction that is no branch; `None` for one whose effect is not certain.
    fn execute(&mut self, operation: Operation) -> Option<()> {
        use Operation::*;
        let value = match operation {
            Load {
                size,
                signed,
                address,
                ..
            } => self.load(address, size, signed)?,
            Store {
                from,
                size,
                address,
            } => {
                let at = self.on_stack(address)?;
                let number = self.get(from);
                self.stack.insert(at, (size, number));
                return Some(());
            }
            Constant { value, .. } => Some(value),
            Copy { from, .. } => self.get(from),
            Add {
                from, value, flags, ..
            } => {
                let sum = self
                    .get(from)
                    .map(|it| self.fit(it.wrapping_add_signed(value)));
                if flags {
                    self.flags = sum.map(Flags::Result);
                }
                sum
            }
            AddRegister { from, with, .. } => {
                self.flags = None;
                let (first, second) = (self.get(from), self.get(with));
                first.zip(second).map(|it| it.0.wrapping_add(it.1))
            }
            Compare { from, with } => {
                self.flags = self.get(from).map(|it| Flags::Of(it, with));
                return Some(());
            }
            CompareRegister { from, with } => {
                let (first, second) = (self.get(from), self.get(with));
                self.flags = first.zip(second).map(|it| Flags::Of(it.0, it.1));
                return Some(());
            }
            Nothing => return Some(()),
            Extract {
                from,
                low,
                width,
                signed: false,
                ..
            } => {
                let moved = self.get(from).and_then(|it| it.checked_shr(low));
                moved.map(|it| it & ones(width))
            }
            // Results that do not decide when the loop ends, or it is not certain.
            And { .. }
            | AndRegister { .. }
            | ShiftLeft { .. }
            | Extract { .. }
            | IsZero { .. }
            | Unknown { .. } => {
                self.flags = None;
                None
            }
            Branch { .. } | IfThenElse { .. } | Return | Wait | Other => return None,
        };
        let to = operation.target()?;
        if self.guest.cpu.core == Core::CortexM || to != 0 {
            let value = value.map(|it| self.fit(it));
            *self.registers.get_mut(to)? = value;
        }
        Some(())
    }

    fn load(&mut self, address: Address, size: u64, signed: bool) -> Option<Option<u64>> {
        let bits = 8 * size as u32;
        let number = match address {
            Address::Literal(at) => self.guest.number(at, size),
            _ => {
                let at = self.on_stack(address)?;
                let overlaps = |it: (&u64, &(u64, _))| {
                    *it.0 < at.saturating_add(size) && at < it.0.saturating_add(it.1.0)
                };
                match self.stack.get(&at) {
                    Some((stored, number)) if size <= *stored => *number,
                    _ if self.stack.iter().any(overlaps) => return None,
                    _ => self.guest.number(at, size),
                }
            }
        };
        Some(number.map(|it| extended(it, bits, signed)))
    }

    /// Returns the address of a variable on the stack; `None` if it is elsewhere.
    fn on_stack(&self, address: Address) -> Option<u64> {
        let Address::Offset(base, offset) = address else {
            return None;
        };
        let at = self.fit(self.get(base)?.wrapping_add_signed(offset));
        let sp = match self.guest.cpu.core {
            Core::CortexM => self.get(13)?,
            Core::RiscV => self.get(2)?,
        };
        let pc = self.guest.cpu.register("pc")?;
        let is_variable = self.guest.programs.place(pc, at).is_some();
        (sp <= at && at - sp < LARGEST_FRAME && !is_variable && self.guest.is_memory(at))
            .then_some(at)
    }

    /// Returns what a conditional branch compares.
    fn comparison(&self, condition: Condition) -> Option<Comparison> {
        let of = |first: usize, second: usize, kind, signed| {
            let (first, second) = (self.get(first)?, self.get(second)?);
            Some(Comparison::new(first, second, kind, signed))
        };
        match condition {
            Condition::Always => None,
            Condition::Zero(register) => {
                Some(Comparison::new(self.get(register)?, 0, Kind::Equal, false))
            }
            Condition::NotZero(register) => Some(Comparison::new(
                self.get(register)?,
                0,
                Kind::NotEqual,
                false,
            )),
            Condition::Equal(first, second) => of(first, second, Kind::Equal, false),
            Condition::NotEqual(first, second) => of(first, second, Kind::NotEqual, false),
            Condition::Less(it) => of(it.first, it.second, Kind::Less, it.signed),
            Condition::NotLess(it) => of(it.first, it.second, Kind::NotLess, it.signed),
            Condition::Flags(number) => match (self.flags?, number) {
                (Flags::Of(first, second), _) => {
                    let (swapped, kind, signed) = match number {
                        0 => (false, Kind::Equal, false),
                        1 => (false, Kind::NotEqual, false),
                        2 => (false, Kind::NotLess, false),
                        3 => (false, Kind::Less, false),
                        8 => (true, Kind::Less, false),
                        9 => (true, Kind::NotLess, false),
                        10 => (false, Kind::NotLess, true),
                        11 => (false, Kind::Less, true),
                        12 => (true, Kind::Less, true),
                        13 => (true, Kind::NotLess, true),
                        _ => return None,
                    };
                    Some(match swapped {
                        true => Comparison::new(second, first, kind, signed),
                        false => Comparison::new(first, second, kind, signed),
                    })
                }
                (Flags::Result(result), 0) => Some(Comparison::new(result, 0, Kind::Equal, false)),
                (Flags::Result(result), 1) => {
                    Some(Comparison::new(result, 0, Kind::NotEqual, false))
                }
                (Flags::Result(result), 4) => Some(Comparison::new(result, 0, Kind::Less, true)),
                (Flags::Result(result), 5) => Some(Comparison::new(result, 0, Kind::NotLess, true)),
                _ => None,
            },
        }
    }

    fn get(&self, register: usize) -> Option<u64> {
        self.registers.get(register).copied().flatten()
    }

    fn fit(&self, number: u64) -> u64 {
        number & ones(self.word)
    }
}

/// The largest distance of a variable from the stack pointer.
const LARGEST_FRAME: u64 = 4096;

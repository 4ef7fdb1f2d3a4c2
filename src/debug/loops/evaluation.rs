//! [`Evaluation`]: the load on which the branch of a loop depends, with the present registers.

use std::ops::RangeInclusive;

use super::instruction::{Address, Condition, Operation, Placed, register_name};
use super::poll::{Poll, Until};
use super::value::{Flags, Source, Value, extended, ones};
use crate::debug::guest::Guest;
use crate::debug::snapshot::Core;

/// The numbers of a Cortex-M's conditions.
const EQ: u8 = 0;
const NE: u8 = 1;
const MI: u8 = 4;
const PL: u8 = 5;
/// One of those that are not explained.
const HI: u8 = 8;

/// One pass through a loop, with the registers that the loop does not change.
pub(super) struct Evaluation<'e, 'a> {
    guest: &'e mut Guest<'a>,
    body: &'e [Placed],
    /// The branches inside of the loop that end it if they are not taken.
    exits: &'e [u64],
    loop_: RangeInclusive<u64>,
    /// The number of bits of a register.
    word: u32,
    registers: [Value; 32],
    flags: Option<Flags>,
    stored: Vec<u64>,
    polls: Vec<Poll>,
}

impl<'e, 'a> Evaluation<'e, 'a> {
    pub(super) fn new(
        guest: &'e mut Guest<'a>,
        body: &'e [Placed],
        exits: &'e [u64],
        loop_: RangeInclusive<u64>,
    ) -> Self {
        let mut registers = [Value::default(); 32];
        for (number, value) in registers.iter_mut().enumerate() {
            let Some(name) = register_name(guest.cpu.core, number) else {
                break;
            };
            let written = body
                .iter()
                .any(|it| it.1.operation.target() == Some(number));
            value.number = guest.cpu.register(&name).filter(|_| !written);
        }
        if guest.cpu.core == Core::RiscV {
            registers[0].number = Some(0);
        }
        Self {
            word: guest.word_size() as u32 * 8,
            guest,
            body,
            exits,
            loop_,
            registers,
            flags: None,
            stored: Vec::new(),
            polls: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Option<Poll> {
        let mut body = self.body.iter();
        while let Some((address, instruction)) = body.next() {
            match instruction.operation {
                Operation::Other | Operation::Return => return None,
                Operation::IfThenElse { condition } => {
                    let (then, otherwise) = (body.next()?, body.next()?);
                    self.choose(condition, then.1.operation, otherwise.1.operation)?;
                }
                Operation::Branch { to, condition } => self.branch(*address, to, condition),
                operation => self.execute(operation),
            }
        }
        // A variable that the loop writes is its own counter.
        let stored = self.stored;
        let mut polls = self.polls;
        polls.retain(|it| !stored.contains(&it.address));
        let is_memory = |it: &Poll| self.guest.is_memory(it.address);
        let first = polls.iter().position(|it| !is_memory(it)).unwrap_or(0);
        (first < polls.len()).then(|| polls.swap_remove(first))
    }

    fn execute(&mut self, operation: Operation) {
        use Operation::*;
        let value = match operation {
            Load {
                size,
                signed,
                address,
                ..
            } => match self.address(address) {
                Some(at) => self.load(at, size, signed, matches!(address, Address::Literal(_))),
                None => Value::default(),
            },
            Store { address, .. } => {
                self.stored.extend(self.address(address));
                return;
            }
            Constant { value, .. } => Value::constant(value),
            Copy { from, .. } => self.get(from),
            Add {
                from, value, flags, ..
            } => {
                if flags {
                    self.flags = None;
                }
                let sum = |it: u64| it.wrapping_add_signed(value);
                Value::of(self.get(from).number.map(sum))
            }
            AddRegister { from, with, .. } => {
                self.flags = None;
                let (first, second) = (self.get(from).number, self.get(with).number);
                Value::of(first.zip(second).map(|it| it.0.wrapping_add(it.1)))
            }
            And {
                from, mask, flags, ..
            } => {
                let value = self.get(from).masked(mask);
                if flags {
                    self.flags = value.compared(0);
                }
                value
            }
            ShiftLeft {
                from,
                by,
                word,
                flags,
                ..
            } => {
                let value = self.get(from).shifted(by, word);
                if flags {
                    self.flags = value.sign(word);
                }
                value
            }
            Extract {
                from,
                low,
                width,
                signed,
                ..
            } => self.get(from).extracted(low, width, signed),
            Compare { from, with } => {
                self.flags = self.get(from).compared(with);
                return;
            }
            AndRegister { from, with, .. } => {
                let value = match self.with_known(from, with) {
                    _ if from == with => self.get(from),
                    Some((value, mask)) => value.masked(mask),
                    None => Value::default(),
                };
                self.flags = value.compared(0);
                value
            }
            CompareRegister { from, with } => {
                self.flags = self.compared(from, with);
                return;
            }
            IsZero { from, not, .. } => {
                let condition = if not { NE } else { EQ };
                Value {
                    truth: self.get(from).compared(0).map(|it| it.truth(condition)),
                    ..Value::default()
                }
            }
            Unknown { .. } => {
                self.flags = None;
                Value::default()
            }
            Branch { .. } | IfThenElse { .. } | Wait | Return | Nothing | Other => return,
        };
        if let Some(to) = operation.target() {
            self.set(to, value);
        }
    }

    /// Sets a register to 1 or 0, by a condition.
    fn choose(&mut self, condition: u8, then: Operation, otherwise: Operation) -> Option<()> {
        let (
            Operation::Constant { to, value },
            Operation::Constant {
                to: same,
                value: other,
            },
        ) = (then, otherwise)
        else {
            return None;
        };
        let condition = match (value, other) {
            (1, 0) => condition,
            (0, 1) => condition ^ 1,
            _ => return None,
        };
        let value = Value {
            truth: self.flags.map(|it| it.truth(condition)),
            ..Value::default()
        };
        (to == same).then(|| self.set(to, value))
    }

    /// Adds what a branch that can end the loop depends on.
    fn branch(&mut self, at: u64, to: u64, condition: Condition) {
        let stays = self.loop_.contains(&to);
        // A branch inside of the loop, but for the last one, ends nothing.
        if stays && at != *self.loop_.end() && !self.exits.contains(&at) {
            return;
        }
        let (flags, number) = match condition {
            Condition::Always => return,
            Condition::Flags(number) => (self.flags, number),
            Condition::Zero(register) => (self.get(register).compared(0), EQ),
            Condition::NotZero(register) => (self.get(register).compared(0), NE),
            Condition::Equal(first, second) => (self.compared(first, second), EQ),
            Condition::NotEqual(first, second) => (self.compared(first, second), NE),
            Condition::Less(it) | Condition::NotLess(it) => {
                let is_less = matches!(condition, Condition::Less(_));
                let first = self.get(it.first);
                match self.get(it.second).number {
                    Some(0) if it.signed => (first.sign(self.word), if is_less { MI } else { PL }),
                    _ => (self.compared(it.first, it.second), HI),
                }
            }
        };
        let Some(flags) = flags else { return };
        let number = match (flags.not_equal, number) {
            (Some(condition), EQ) => condition ^ 1,
            (Some(condition), NE) => condition,
            (Some(_), _) => return,
            (None, _) => number,
        };
        let is = (number & 1 == 0) != stays;
        let mut source = flags.source;
        let until = match number & !1 {
            EQ if flags.sign.is_none() => Some(if is {
                Until::Is(flags.with)
            } else {
                Until::IsNot(flags.with)
            }),
            MI => flags.sign.map(|bit| {
                source.mask = 1_u64.checked_shl(bit).unwrap_or(0);
                if is { Until::Set } else { Until::Clear }
            }),
            _ => None,
        };
        if source.mask != 0 {
            self.polls_of(source, until);
        }
    }

    fn polls_of(&mut self, source: Source, until: Option<Until>) {
        let one_bit = source.mask.count_ones() == 1;
        let until = match until {
            Some(Until::Is(0)) if one_bit => Some(Until::Clear),
            Some(Until::IsNot(0)) if one_bit => Some(Until::Set),
            until => until,
        };
        let pc = self.guest.cpu.register("pc").unwrap_or_default();
        let programs = self.guest.programs;
        let is_constant = programs.constant(source.address, 1).is_some();
        let now = match is_constant {
            true => None,
            false => self.guest.number(source.address, source.size),
        };
        self.polls.push(Poll {
            address: source.address,
            variable: programs.place(pc, source.address),
            is_constant,
            now,
            mask: source.mask,
            size: source.size,
            until,
        });
    }

    /// Compares two registers, of which one is known.
    fn compared(&self, first: usize, second: usize) -> Option<Flags> {
        let (value, with) = self.with_known(first, second)?;
        value.compared(with)
    }

    /// Returns the value for which the loop waits of two registers, and the number in the other one:
    /// a constant, or a variable beside a peripheral.
    fn with_known(&self, first: usize, second: usize) -> Option<(Value, u64)> {
        let (first, second) = (self.get(first), self.get(second));
        let constant = |it: Value| it.number.filter(|_| it.source.is_none());
        let beside_unknown = || match (first.number, second.number) {
            (None, Some(known)) => Some((first, known)),
            (Some(known), None) => Some((second, known)),
            _ => None,
        };
        let first_waits = constant(second).map(|known| (first, known));
        first_waits
            .or_else(|| constant(first).map(|known| (second, known)))
            .or_else(beside_unknown)
    }

    fn address(&self, address: Address) -> Option<u64> {
        let number = |register| self.get(register).number;
        let sum = match address {
            Address::Literal(address) => return Some(address),
            Address::Offset(register, offset) => number(register)?.wrapping_add_signed(offset),
            Address::Index(first, second, shift) => {
                number(first)?.wrapping_add(number(second)? << shift)
            }
        };
        Some(sum & ones(self.word))
    }

    fn load(&mut self, address: u64, size: u64, signed: bool, literal: bool) -> Value {
        let bits = 8 * size as u32;
        let number = self.guest.number(address, size);
        let number = number.map(|it| extended(it, bits, signed));
        let source = Source {
            address,
            size,
            mask: ones(bits),
            moved: 0,
        };
        Value {
            number,
            source: (!literal).then_some(source),
            truth: None,
        }
    }

    fn get(&self, register: usize) -> Value {
        self.registers.get(register).copied().unwrap_or_default()
    }

    fn set(&mut self, register: usize, mut value: Value) {
        // The first register of a RISC-V is always 0.
        if self.guest.cpu.core == Core::RiscV && register == 0 {
            return;
        }
        value.number = value.number.map(|it| it & ones(self.word));
        if let Some(place) = self.registers.get_mut(register) {
            *place = value;
        }
    }
}

//! The loop in which a Cortex-M waits, and what it waits for: the load on which the loop's branch
//! depends, with the present registers.

use super::guest::Guest;
use super::poll::{Poll, Until, whole};
use super::snapshot::Core;
use super::thumb::{Address, Condition, Instruction, Operation, decode};

/// A loop that is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loop {
    /// It has no way out.
    Endless,
    /// It has no way out, and sleeps until an interrupt comes.
    Sleeps,
    /// Its end depends on a place in memory that it does not write.
    Polls(Poll),
}

/// The largest loop in bytes.
const LARGEST: u64 = 64;

/// Returns the loop that a stopped Cortex-M executes, if it is a small one without calls.
pub(super) fn find(guest: &mut Guest<'_>) -> Option<Loop> {
    if guest.cpu.core != Core::CortexM {
        return None;
    }
    let pc = guest.cpu.register("pc")? & !1;
    let (start, end) = bounds(guest, pc)?;
    let body = body(guest, start, end)?;
    let known = |it: &(u64, Instruction)| it.1.operation != Operation::Other;
    let leaves = |it: &(u64, Instruction)| match it.1.operation {
        Operation::Branch { to, condition } => {
            condition != Condition::Always || !(start..=end).contains(&to)
        }
        Operation::Return => true,
        _ => false,
    };
    if body.iter().all(known) && !body.iter().any(leaves) {
        let sleeps = body.iter().any(|it| it.1.operation == Operation::Wait);
        return Some(if sleeps { Loop::Sleeps } else { Loop::Endless });
    }
    let (body, exits) = without_exits(body);
    Evaluation::new(guest, &body, &exits, start, end)
        .run()
        .map(Loop::Polls)
}

/// Returns the addresses of the first and the last instruction of the loop around an address: the
/// last one branches back to the first.
fn bounds(guest: &mut Guest<'_>, pc: u64) -> Option<(u64, u64)> {
    let mut address = pc;
    while address < pc.checked_add(LARGEST)? {
        let instruction = fetch(guest, address)?;
        if let Operation::Branch { to, .. } = instruction.operation
            && to <= pc
            && address - to <= LARGEST
        {
            return Some((to, address));
        }
        address = address.checked_add(instruction.length)?;
    }
    None
}

fn body(guest: &mut Guest<'_>, start: u64, end: u64) -> Option<Vec<(u64, Instruction)>> {
    let mut body = Vec::new();
    let mut address = start;
    while address <= end {
        let instruction = fetch(guest, address)?;
        body.push((address, instruction));
        address = address.checked_add(instruction.length)?;
    }
    Some(body)
}

/// Removes instructions that a branch jumps over and that return: they are not in the loop, which
/// ends if the branch is not taken. Returns also the addresses of such branches.
fn without_exits(body: Vec<(u64, Instruction)>) -> (Vec<(u64, Instruction)>, Vec<u64>) {
    let mut exits: Vec<(u64, u64)> = Vec::new();
    for (address, instruction) in &body {
        let Operation::Branch { to, .. } = instruction.operation else {
            continue;
        };
        let returns = |it: &(u64, Instruction)| {
            it.1.operation == Operation::Return && *address < it.0 && it.0 < to
        };
        if body.iter().any(returns) {
            exits.push((*address, to));
        }
    }
    let skipped = |at: u64| exits.iter().any(|it| it.0 < at && at < it.1);
    let kept = body.into_iter().filter(|it| !skipped(it.0)).collect();
    (kept, exits.into_iter().map(|it| it.0).collect())
}

fn fetch(guest: &mut Guest<'_>, address: u64) -> Option<Instruction> {
    let half = |guest: &mut Guest<'_>, at: u64| guest.number(at, 2).map(|it| it as u16);
    let first = half(guest, address)?;
    let second = half(guest, address.checked_add(2)?).unwrap_or_default();
    Some(decode(address, first, second))
}

/// What is known of a value in a register.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    number: Option<u32>,
    /// The load that it comes from.
    source: Option<Source>,
    /// The flags and the condition that make it 1 instead of 0.
    truth: Option<(Flags, u8)>,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    address: u64,
    size: u64,
    mask: u32,
    /// By how many bits it is moved to the right.
    moved: u32,
}

/// The flags: a value that was compared with a constant, or the sign of a moved value.
#[derive(Debug, Clone, Copy)]
struct Flags {
    source: Source,
    with: u32,
    /// The bit of the source that is the sign.
    sign: Option<u32>,
    /// The number of the condition that holds if NE does, if these flags are a comparison of its
    /// truth with 0.
    not_equal: Option<u8>,
}

/// One pass through a loop, with the registers that the loop does not change.
struct Evaluation<'e, 'a> {
    guest: &'e mut Guest<'a>,
    body: &'e [(u64, Instruction)],
    /// The branches inside of the loop that end it if they are not taken.
    exits: &'e [u64],
    loop_: std::ops::RangeInclusive<u64>,
    registers: [Value; 16],
    flags: Option<Flags>,
    stored: Vec<u64>,
    polls: Vec<Poll>,
}

impl<'e, 'a> Evaluation<'e, 'a> {
    fn new(
        guest: &'e mut Guest<'a>,
        body: &'e [(u64, Instruction)],
        exits: &'e [u64],
        start: u64,
        end: u64,
    ) -> Self {
        let mut registers = [Value::default(); 16];
        for (number, value) in registers.iter_mut().enumerate().take(14) {
            let name = match number {
                13 => "sp".to_owned(),
                _ => format!("r{number}"),
            };
            let written = body.iter().any(|it| writes(&it.1.operation, number));
            let present = guest.cpu.register(&name).filter(|_| !written);
            value.number = present.map(|it| it as u32);
        }
        Self {
            guest,
            body,
            exits,
            loop_: start..=end,
            registers,
            flags: None,
            stored: Vec::new(),
            polls: Vec::new(),
        }
    }

    fn run(mut self) -> Option<Poll> {
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
        match operation {
            Load { to, size, address } => {
                let value = match self.address(address) {
                    Some(at) => self.load(at, size, matches!(address, Address::Literal(_))),
                    None => Value::default(),
                };
                self.set(to, value);
            }
            Store { address, .. } => self.stored.extend(self.address(address)),
            Constant { to, value } => {
                let number = Some(value);
                self.set(
                    to,
                    Value {
                        number,
                        ..Value::default()
                    },
                );
            }
            Copy { to, from } => self.set(to, self.get(from)),
            And {
                to,
                from,
                mask,
                flags,
            } => {
                let value = self.masked(from, mask);
                if flags {
                    self.compare(value, 0);
                }
                if let Some(to) = to {
                    self.set(to, value);
                }
            }
            ShiftLeft {
                to,
                from,
                by,
                flags,
            } => {
                let source = self.get(from).source;
                if flags {
                    let sign = source.and_then(|it| (31 + it.moved).checked_sub(by));
                    self.flags = source.map(|source| Flags {
                        source,
                        with: 0,
                        sign,
                        not_equal: None,
                    });
                }
                let moved = if by == 0 {
                    self.get(from)
                } else {
                    Value::default()
                };
                self.set(to, moved);
            }
            Extract {
                to,
                from,
                low,
                width,
            } => {
                let ones = u32::MAX
                    .checked_shr(32_u32.saturating_sub(width))
                    .unwrap_or(0);
                let mut value = self.masked(from, ones.checked_shl(low).unwrap_or(0));
                value.number = value.number.and_then(|it| it.checked_shr(low));
                if let Some(source) = &mut value.source {
                    source.moved += low;
                }
                self.set(to, value);
            }
            Compare { from, with } => self.compare(self.get(from), with),
            AndRegister { to, from, with } => {
                let value = match (self.get(from), self.get(with)) {
                    _ if from == with => self.get(from),
                    // One of the two is the mask.
                    (
                        Value {
                            number: Some(mask),
                            source: None,
                            ..
                        },
                        _,
                    ) => self.masked(with, mask),
                    (
                        _,
                        Value {
                            number: Some(mask),
                            source: None,
                            ..
                        },
                    ) => self.masked(from, mask),
                    _ => Value::default(),
                };
                self.compare(value, 0);
                if let Some(to) = to {
                    self.set(to, value);
                }
            }
            CompareRegister { from, with } => match self.get(with) {
                Value {
                    number: Some(with),
                    source: None,
                    ..
                } => self.compare(self.get(from), with),
                _ => self.flags = None,
            },
            Unknown { to } => {
                self.flags = None;
                self.set(to, Value::default());
            }
            Branch { .. } | IfThenElse { .. } | Wait | Return | Nothing | Other => {}
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
        let truth = self.flags.map(|it| (it, condition));
        let value = Value {
            truth,
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
        let (source, until) = match condition {
            Condition::Always => return,
            Condition::Zero(register) | Condition::NotZero(register) => {
                let ends_at_zero = matches!(condition, Condition::Zero(_)) != stays;
                let until = if ends_at_zero {
                    Until::Is(0)
                } else {
                    Until::IsNot(0)
                };
                (self.get(register).source, Some(until))
            }
            Condition::Flags(number) => {
                let Some(flags) = self.flags else { return };
                let number = match (flags.not_equal, number) {
                    (Some(condition), 0) => condition ^ 1,
                    (Some(condition), 1) => condition,
                    (Some(_), _) => return,
                    (None, _) => number,
                };
                let is = (number & 1 == 0) != stays;
                let mut source = flags.source;
                let until = match number >> 1 {
                    // EQ and NE.
                    0 if flags.sign.is_none() => Some(if is {
                        Until::Is(flags.with)
                    } else {
                        Until::IsNot(flags.with)
                    }),
                    // MI and PL.
                    2 => flags.sign.map(|bit| {
                        source.mask = 1_u32.checked_shl(bit).unwrap_or(0);
                        if is { Until::Set } else { Until::Clear }
                    }),
                    _ => None,
                };
                (Some(source), until)
            }
        };
        let Some(source) = source.filter(|it| it.mask != 0) else {
            return;
        };
        let one_bit = source.mask.count_ones() == 1;
        let until = match until {
            Some(Until::Is(0)) if one_bit => Some(Until::Clear),
            Some(Until::IsNot(0)) if one_bit => Some(Until::Set),
            until => until,
        };
        let pc = self.guest.cpu.register("pc").unwrap_or_default();
        let variable = self.guest.programs.variable(pc, source.address);
        let variable = variable.map(|it| match source.address - it.address {
            0 => it.name.clone(),
            offset => format!("{}+{offset}", it.name),
        });
        self.polls.push(Poll {
            address: source.address,
            variable,
            mask: source.mask,
            size: source.size,
            until,
        });
    }

    fn address(&self, address: Address) -> Option<u64> {
        let base = |register| Some(i64::from(self.get(register).number?));
        let sum = match address {
            Address::Literal(address) => return Some(address),
            Address::Offset(register, offset) => base(register)? + offset,
            Address::Index(first, second, shift) => base(first)? + (base(second)? << shift),
        };
        Some(u64::from(sum as u32))
    }

    fn load(&mut self, address: u64, size: u64, literal: bool) -> Value {
        let number = self.guest.number(address, size).map(|it| it as u32);
        let mask = whole(size);
        let source = Source {
            address,
            size,
            mask,
            moved: 0,
        };
        let source = (!literal).then_some(source);
        Value {
            number,
            source,
            truth: None,
        }
    }

    fn masked(&self, from: usize, mask: u32) -> Value {
        let mut value = self.get(from);
        value.number = value.number.map(|it| it & mask);
        if let Some(source) = &mut value.source {
            source.mask &= mask.checked_shl(source.moved).unwrap_or(0);
        }
        value
    }

    fn compare(&mut self, value: Value, with: u32) {
        if let (Some((flags, condition)), 0) = (value.truth, with) {
            self.flags = Some(Flags {
                not_equal: Some(condition),
                ..flags
            });
            return;
        }
        self.flags = value.source.map(|source| Flags {
            source,
            with,
            sign: None,
            not_equal: None,
        });
    }

    fn get(&self, register: usize) -> Value {
        self.registers.get(register).copied().unwrap_or_default()
    }

    fn set(&mut self, register: usize, value: Value) {
        if let Some(place) = self.registers.get_mut(register) {
            *place = value;
        }
    }
}

fn writes(operation: &Operation, register: usize) -> bool {
    use Operation::*;
    match operation {
        Load { to, .. } | Constant { to, .. } | Copy { to, .. } => *to == register,
        ShiftLeft { to, .. } | Extract { to, .. } => *to == register,
        And { to, .. } | AndRegister { to, .. } => *to == Some(register),
        Unknown { to } => *to == register,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debug::program::Programs;
    use crate::debug::snapshot::{CpuState, MemoryImage, RunState};

    /// Returns the loop at an address of code that is at 0x20000000.
    fn found(code: &[u16], pc: u64, registers: &[(&str, u64)]) -> String {
        let registers = registers.iter().copied().chain([("pc", 0x2000_0000 + pc)]);
        let cpu = CpuState {
            core: Core::CortexM,
            state: RunState::Running,
            registers: registers.map(|it| (it.0.to_owned(), it.1)).collect(),
            memories: Vec::new(),
        };
        let mut memory = MemoryImage::default();
        let mut bytes: Vec<u8> = code.iter().flat_map(|it| it.to_le_bytes()).collect();
        bytes.resize(256, 0);
        memory.insert(0x2000_0000..0x2000_0100, Some(bytes));
        let programs = Programs::default();
        match find(&mut Guest::new(&cpu, &programs, &mut memory)) {
            Some(Loop::Polls(poll)) => poll.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// `while (!(*status & mask)) if (--timeout == 0) return -1;`, by GCC for a Cortex-M0.
    #[test]
    fn a_loop_with_a_time_out_polls_what_its_other_branch_depends_on() {
        let code = [
            0x6803, 0x4219, 0xd001, 0x2000, 0x4770, 0x3a01, 0x2a00, 0xd1f7, 0x2001, 0x4240,
        ];
        let registers = [("r0", 0x4002_1000), ("r1", 0x200), ("r2", 77)];
        for pc in [0, 2, 4, 10, 12, 14] {
            let text = found(&code, pc, &registers);
            assert_eq!(text, "0x40021000 until bit 9 is set", "{pc}");
        }
    }

    /// `while (*length == 0);` and `while (*length != 7);`, by G++ without optimization.
    #[test]
    fn a_comparison_that_is_made_a_number_first_counts() {
        let [eq, ne] = [[0xbf0c, 0x2301, 0x2300], [0xbf14, 0x2301, 0x2300]];
        for (with, [ite, one, zero], expected) in [
            (0x2b00, eq, "0x40021000 until it is not 0"),
            (0x2b07, ne, "0x40021000 until it is 7"),
            (0x2b07, [0xbf0c, 0x2300, 0x2301], "0x40021000 until it is 7"),
        ] {
            let code = [0x6803, with, ite, one, zero, 0xb2db, 0x2b00, 0xd1f7];
            for pc in [0, 4, 8, 14] {
                assert_eq!(found(&code, pc, &[("r0", 0x4002_1000)]), expected, "{pc}");
            }
        }
        // No number, and another register.
        for other in [0x2305, 0x2201] {
            let code = [
                0x6803, 0x2b00, 0xbf0c, other, 0x2300, 0xb2db, 0x2b00, 0xd1f7,
            ];
            assert_eq!(found(&code, 0, &[("r0", 0x4002_1000)]), "None");
        }
    }

    #[test]
    fn a_loop_with_a_call_is_not_explained() {
        // ldr r3, [r0]; bl …; cmp r3, #0; beq to the load
        let code = [0x6803, 0xf7ff, 0xffd4, 0x2b00, 0xd0fa];
        assert_eq!(found(&code, 0, &[("r0", 0x4002_1000)]), "None");
    }
}

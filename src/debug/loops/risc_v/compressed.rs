//! Instructions of 16 bits: the extension C.

use super::operations::{RA, SP, ZERO, add, and, branch, constant, sign_extended};
use crate::debug::loops::instruction::{Address, Condition, Operation};

/// Decodes an instruction; `None` for a call and for what is not known.
pub(super) fn decode(address: u64, code: u32, is_64: bool) -> Option<Operation> {
    match code & 3 {
        0 => quadrant_0(code, is_64),
        1 => quadrant_1(address, code, is_64),
        2 => quadrant_2(code, is_64),
        _ => None,
    }
}

/// Returns bits of the code, the lowest of them at `to`.
fn bits(code: u32, high: u32, low: u32, to: u32) -> u32 {
    (code >> low & ((1 << (high - low + 1)) - 1)) << to
}

/// Returns one of the eight registers of short fields.
fn short(code: u32, low: u32) -> usize {
    (code >> low & 7) as usize + 8
}

fn full(code: u32, low: u32) -> usize {
    (code >> low & 0x1f) as usize
}

fn load(to: usize, size: u64, base: usize, offset: u32) -> Operation {
    Operation::Load {
        to,
        size,
        signed: true,
        address: Address::Offset(base, offset.into()),
    }
}

fn store(from: usize, size: u64, base: usize, offset: u32) -> Operation {
    Operation::Store {
        from,
        size,
        address: Address::Offset(base, offset.into()),
    }
}

fn quadrant_0(code: u32, is_64: bool) -> Option<Operation> {
    let (register, base) = (short(code, 2), short(code, 7));
    let word = bits(code, 12, 10, 3) | bits(code, 6, 6, 2) | bits(code, 5, 5, 6);
    let double = bits(code, 12, 10, 3) | bits(code, 6, 5, 6);
    Some(match code >> 13 {
        // C.ADDI4SPN.
        0 if code != 0 => {
            let offset = bits(code, 12, 11, 4)
                | bits(code, 10, 7, 6)
                | bits(code, 6, 6, 2)
                | bits(code, 5, 5, 3);
            add(register, SP, offset.into())
        }
        0b010 => load(register, 4, base, word),
        0b011 if is_64 => load(register, 8, base, double),
        0b110 => store(register, 4, base, word),
        0b111 if is_64 => store(register, 8, base, double),
        _ => return None,
    })
}

fn quadrant_1(address: u64, code: u32, is_64: bool) -> Option<Operation> {
    let to = full(code, 7);
    let number = bits(code, 12, 12, 5) | bits(code, 6, 2, 0);
    let immediate = sign_extended(number, 6);
    Some(match code >> 13 {
        0b000 => add(to, to, immediate),
        // C.ADDIW; on RV32 a call.
        0b001 if is_64 => add(to, to, immediate),
        0b010 => constant(to, immediate, is_64),
        0b011 if to == SP => {
            let amount = bits(code, 12, 12, 9)
                | bits(code, 6, 6, 4)
                | bits(code, 5, 5, 6)
                | bits(code, 4, 3, 7)
                | bits(code, 2, 2, 5);
            add(SP, SP, sign_extended(amount, 10))
        }
        0b011 => constant(to, immediate << 12, is_64),
        0b100 => arithmetic(code, is_64),
        0b101 => {
            let ahead = bits(code, 12, 12, 11)
                | bits(code, 11, 11, 4)
                | bits(code, 10, 9, 8)
                | bits(code, 8, 8, 10)
                | bits(code, 7, 7, 6)
                | bits(code, 6, 6, 7)
                | bits(code, 5, 3, 1)
                | bits(code, 2, 2, 5);
            branch(address, ahead, 12, Condition::Always)
        }
        0b110 | 0b111 => {
            let ahead = bits(code, 12, 12, 8)
                | bits(code, 11, 10, 3)
                | bits(code, 6, 5, 6)
                | bits(code, 4, 3, 1)
                | bits(code, 2, 2, 5);
            let register = short(code, 7);
            let condition = match code >> 13 & 1 {
                0 => Condition::Equal(register, ZERO),
                _ => Condition::NotEqual(register, ZERO),
            };
            branch(address, ahead, 9, condition)
        }
        _ => return None,
    })
}

fn arithmetic(code: u32, is_64: bool) -> Operation {
    let to = short(code, 7);
    let number = bits(code, 12, 12, 5) | bits(code, 6, 2, 0);
    let word = if is_64 { 64 } else { 32 };
    match code >> 10 & 3 {
        kind @ (0 | 1) if number < word => Operation::Extract {
            to,
            from: to,
            low: number,
            width: word - number,
            signed: kind == 1,
        },
        2 => and(to, to, sign_extended(number, 6)),
        // C.AND.
        3 if code & 0x1060 == 0x0060 => Operation::AndRegister {
            to: Some(to),
            from: to,
            with: short(code, 2),
        },
        _ => Operation::Unknown { to },
    }
}

fn quadrant_2(code: u32, is_64: bool) -> Option<Operation> {
    let (to, with) = (full(code, 7), full(code, 2));
    let number = bits(code, 12, 12, 5) | bits(code, 6, 2, 0);
    Some(match code >> 13 {
        0b000 => Operation::ShiftLeft {
            to,
            from: to,
            by: number,
            word: if is_64 { 64 } else { 32 },
            flags: false,
        },
        0b010 => {
            let offset = bits(code, 12, 12, 5) | bits(code, 6, 4, 2) | bits(code, 3, 2, 6);
            load(to, 4, SP, offset)
        }
        0b011 if is_64 => {
            let offset = bits(code, 12, 12, 5) | bits(code, 6, 5, 3) | bits(code, 4, 2, 6);
            load(to, 8, SP, offset)
        }
        0b100 => match (code >> 12 & 1, to, with) {
            (0, RA, ZERO) => Operation::Return,
            // C.JR, C.JALR and C.EBREAK.
            (_, _, ZERO) => return None,
            (0, to, from) => Operation::Copy { to, from },
            (_, to, with) => Operation::AddRegister { to, from: to, with },
        },
        0b110 => store(with, 4, SP, bits(code, 12, 9, 2) | bits(code, 8, 7, 6)),
        0b111 if is_64 => store(with, 8, SP, bits(code, 12, 10, 3) | bits(code, 9, 7, 6)),
        _ => return None,
    })
}

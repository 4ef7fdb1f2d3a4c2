//! RISC-V instructions of which loops that wait are made.
//!
//! The encodings are those of "The RISC-V Instruction Set Manual, Volume I": RV32I and RV64I with
//! the extensions M and C, and `bexti` of Zbs.

mod compressed;
mod operations;

use super::instruction::{Address, Condition, Instruction, Operation, Order};
use operations::{RA, ZERO, add, and, branch, constant};

/// Decodes the instruction of two half-words at an address.
pub(super) fn decode(address: u64, first: u16, second: u16, is_64: bool) -> Instruction {
    if first & 3 != 3 {
        return Instruction {
            length: 2,
            operation: compressed::decode(address, first.into(), is_64).unwrap_or(Operation::Other),
        };
    }
    let code = u32::from(second) << 16 | u32::from(first);
    Instruction {
        length: 4,
        operation: decode_wide(address, code, is_64).unwrap_or(Operation::Other),
    }
}

fn decode_wide(address: u64, code: u32, is_64: bool) -> Option<Operation> {
    use Operation::*;
    let register = |shift: u32| (code >> shift & 0x1f) as usize;
    let (to, from, with) = (register(7), register(15), register(20));
    let function = code >> 12 & 7;
    let immediate = i64::from(code.cast_signed() >> 20);
    let upper = i64::from((code & 0xffff_f000).cast_signed());
    let word = if is_64 { 64 } else { 32 };
    Some(match code & 0x7f {
        0x03 => {
            let (size, signed) = match function {
                0..=2 => (1 << function, true),
                3 if is_64 => (8, true),
                4 | 5 => (1 << (function - 4), false),
                6 if is_64 => (4, false),
                _ => return None,
            };
            let address = Address::Offset(from, immediate);
            Load {
                to,
                size,
                signed,
                address,
            }
        }
        // FENCE and FENCE.I.
        0x0f => Nothing,
        0x13 => with_constant(code, to, from, immediate, word),
        0x1b if is_64 => match function {
            0 => add(to, from, immediate),
            1 => ShiftLeft {
                to,
                from,
                by: with as u32,
                word: 32,
                flags: false,
            },
            5 if matches!(code >> 25, 0 | 0x20) => Extract {
                to,
                from,
                low: with as u32,
                width: 32 - with as u32,
                signed: code >> 30 & 1 == 1,
            },
            _ => Unknown { to },
        },
        0x17 => constant(to, upper.wrapping_add_unsigned(address), is_64),
        0x37 => constant(to, upper, is_64),
        0x23 if function < if is_64 { 4 } else { 3 } => {
            let offset = (code >> 25 << 5 | code >> 7 & 0x1f) << 20;
            Store {
                from: with,
                size: 1 << function,
                address: Address::Offset(from, i64::from(offset.cast_signed() >> 20)),
            }
        }
        0x33 => match (code >> 25, function) {
            (0, 0) => AddRegister { to, from, with },
            (0, 3) if from == ZERO => IsZero {
                to,
                from: with,
                not: true,
            },
            (0, 7) => AndRegister {
                to: Some(to),
                from,
                with,
            },
            _ => Unknown { to },
        },
        0x3b if is_64 => Unknown { to },
        0x63 => {
            let order = |signed| Order {
                first: from,
                second: with,
                signed,
            };
            let condition = match function {
                0 => Condition::Equal(from, with),
                1 => Condition::NotEqual(from, with),
                4 => Condition::Less(order(true)),
                5 => Condition::NotLess(order(true)),
                6 => Condition::Less(order(false)),
                7 => Condition::NotLess(order(false)),
                _ => return None,
            };
            let ahead = code >> 31 << 12
                | (code >> 7 & 1) << 11
                | (code >> 25 & 0x3f) << 5
                | (code >> 8 & 0xf) << 1;
            branch(address, ahead, 13, condition)
        }
        0x67 if function == 0 && to == ZERO && from == RA && immediate == 0 => Return,
        0x6f if to == ZERO => {
            let ahead = code >> 31 << 20
                | (code >> 12 & 0xff) << 12
                | (code >> 20 & 1) << 11
                | (code >> 21 & 0x3ff) << 1;
            branch(address, ahead, 21, Condition::Always)
        }
        0x73 if code == 0x1050_0073 => Wait,
        // Control and status registers.
        0x73 if function != 0 => Unknown { to },
        _ => return None,
    })
}

/// Returns the operation of a register and a constant.
fn with_constant(code: u32, to: usize, from: usize, immediate: i64, word: u32) -> Operation {
    use Operation::*;
    let by = code >> 20 & (word - 1);
    match (code >> 12 & 7, code >> 26) {
        (0, _) => add(to, from, immediate),
        (1, 0) => ShiftLeft {
            to,
            from,
            by,
            word,
            flags: false,
        },
        (3, _) if immediate == 1 => IsZero {
            to,
            from,
            not: false,
        },
        // SRLI and SRAI.
        (5, kind @ (0 | 0b01_0000)) => Extract {
            to,
            from,
            low: by,
            width: word - by,
            signed: kind != 0,
        },
        // BEXTI.
        (5, 0b01_0010) => Extract {
            to,
            from,
            low: by,
            width: 1,
            signed: false,
        },
        (7, _) => and(to, from, immediate),
        _ => Unknown { to },
    }
}

#[cfg(test)]
mod tests;

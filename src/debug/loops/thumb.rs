//! Thumb instructions of which loops that wait are made: loads, comparisons, branches.
//!
//! The encodings are those of the "Armv7-M Architecture Reference Manual", chapter A7. Crates that
//! decode all of Thumb panic on some bytes, or give text instead of operands.

use super::instruction::{Address, Condition, Instruction, Operation};

/// Decodes the instruction of two half-words at an address.
pub(super) fn decode(address: u64, first: u16, second: u16) -> Instruction {
    let wide = first >> 11 >= 0b11101;
    Instruction {
        length: if wide { 4 } else { 2 },
        operation: if wide {
            decode_wide(address, first.into(), second.into()).unwrap_or(Operation::Other)
        } else {
            decode_narrow(address, first.into())
        },
    }
}

fn decode_narrow(address: u64, code: u32) -> Operation {
    use Operation::*;
    let pc = address.wrapping_add(4);
    let register = |shift: u32| (code >> shift & 7) as usize;
    let byte = code & 0xff;
    let immediate = code >> 6 & 0x1f;
    let offset = |scale: u32| Address::Offset(register(3), i64::from(immediate * scale));
    let index = Address::Index(register(3), register(6), 0);
    let store = |size, address| Store {
        from: register(0),
        size,
        address,
    };
    let (loads, to) = (
        |size, address| load(register(0), size, address),
        register(8),
    );
    match code >> 9 {
        0x00..=0x03 => ShiftLeft {
            to: register(0),
            from: register(3),
            by: immediate,
            word: 32,
            flags: true,
        },
        0x10..=0x13 => Constant {
            to,
            value: byte.into(),
        },
        0x14..=0x17 => Compare {
            from: to,
            with: byte.into(),
        },
        // ADD and SUB with a register or a constant.
        0x0c => AddRegister {
            to: register(0),
            from: register(3),
            with: register(6),
        },
        0x0e => add(register(0), register(3), (immediate & 7).into(), true),
        0x0f => add(register(0), register(3), -i64::from(immediate & 7), true),
        0x18..=0x1b => add(to, to, byte.into(), true),
        0x1c..=0x1f => add(to, to, -i64::from(byte), true),
        // Shifts to the right, and SUB with a register.
        0x04..=0x0d => Unknown { to: register(0) },
        0x20 if code >> 6 == 0x100 => AndRegister {
            to: Some(register(0)),
            from: register(0),
            with: register(3),
        },
        0x21 if code >> 6 == 0x108 => AndRegister {
            to: None,
            from: register(0),
            with: register(3),
        },
        0x21 if code >> 6 == 0x10a => CompareRegister {
            from: register(0),
            with: register(3),
        },
        // The others of two registers; CMN writes none, which is no harm here.
        0x20 | 0x21 => Unknown { to: register(0) },
        0x23 if code >> 8 == 0x46 => {
            let to = (code & 7 | code >> 4 & 8) as usize;
            if to == 15 {
                Other
            } else {
                Copy {
                    to,
                    from: (code >> 3 & 0xf) as usize,
                }
            }
        }
        0x24..=0x27 => load(
            to,
            4,
            Address::Literal((pc & !3).wrapping_add(u64::from(byte * 4))),
        ),
        0x28 => store(4, index),
        0x29 => store(2, index),
        0x2a => store(1, index),
        0x2c => loads(4, index),
        0x2d => loads(2, index),
        0x2e => loads(1, index),
        0x30..=0x33 => store(4, offset(4)),
        0x34..=0x37 => loads(4, offset(4)),
        0x38..=0x3b => store(1, offset(1)),
        0x3c..=0x3f => loads(1, offset(1)),
        0x40..=0x43 => store(2, offset(2)),
        0x44..=0x47 => loads(2, offset(2)),
        0x48..=0x4b => Store {
            from: to,
            size: 4,
            address: Address::Offset(13, i64::from(byte * 4)),
        },
        0x4c..=0x4f => load(to, 4, Address::Offset(13, i64::from(byte * 4))),
        0x58 | 0x59 | 0x5c | 0x5d if code & 0x0500 == 0x0100 => {
            let ahead = (code >> 2 & 0x3e) | (code >> 3 & 0x40);
            let to = pc.wrapping_add(u64::from(ahead));
            let from = register(0);
            let zero = code & 0x0800 == 0;
            let condition = if zero {
                Condition::Zero(from)
            } else {
                Condition::NotZero(from)
            };
            Branch { to, condition }
        }
        0x59 if code >> 6 == 0x2cb => Extract {
            to: register(0),
            from: register(3),
            low: 0,
            width: 8,
            signed: false,
        },
        0x59 if code >> 6 == 0x2ca => Extract {
            to: register(0),
            from: register(3),
            low: 0,
            width: 16,
            signed: false,
        },
        0x23 if code == 0x4770 => Return,
        0x5e if code >> 8 == 0xbd => Return,
        0x5f if matches!(code, 0xbf20 | 0xbf30) => Wait,
        // NOP, YIELD, SEV; the others are IT.
        0x5f if code & 0xff0f == 0xbf00 => Nothing,
        // The mask of ITE: the opposite of the condition's lowest bit, then the end.
        0x5f if code & 0xf == 0b1100 ^ (code >> 1 & 0b1000) => IfThenElse {
            condition: (code >> 4 & 0xf) as u8,
        },
        0x68..=0x6e => {
            let ahead = i64::from(byte as u8 as i8) * 2;
            let condition = Condition::Flags((code >> 8 & 0xf) as u8);
            Branch {
                to: pc.wrapping_add_signed(ahead),
                condition,
            }
        }
        0x70..=0x73 => {
            let ahead = i64::from(((code << 21).cast_signed()) >> 20);
            Branch {
                to: pc.wrapping_add_signed(ahead),
                condition: Condition::Always,
            }
        }
        _ => Other,
    }
}

fn decode_wide(address: u64, first: u32, second: u32) -> Option<Operation> {
    use Operation::*;
    let pc = address.wrapping_add(4);
    let low = (first & 0xf) as usize;
    let to = (second >> 12 & 0xf) as usize;
    // Loads and stores of one register: 1111 100x.
    if first >> 9 == 0x7c {
        let size = 1_u64 << (first >> 5 & 3);
        let is_load = first & 0x10 != 0;
        let address = if low == 15 && is_load {
            let distance = u64::from(second & 0xfff);
            let base = pc & !3;
            Address::Literal(if first & 0x80 != 0 {
                base.wrapping_add(distance)
            } else {
                base.wrapping_sub(distance)
            })
        } else if first & 0x80 != 0 {
            Address::Offset(low, i64::from(second & 0xfff))
        } else if second & 0x0f00 == 0x0c00 {
            Address::Offset(low, -i64::from(second & 0xff))
        } else if second & 0x0fc0 == 0 {
            Address::Index(low, (second & 0xf) as usize, second >> 4 & 3)
        } else {
            return None;
        };
        // Signed loads, loads into PC, and sizes that do not exist are left out.
        if size == 8 || is_load && (first & 0x100 != 0 || to == 15) {
            return None;
        }
        return Some(if is_load {
            load(to, size, address)
        } else {
            Store {
                from: to,
                size,
                address,
            }
        });
    }
    // Data processing with registers: 1110 101.
    if first >> 9 == 0x75 {
        let to = (second >> 8 & 0xf) as usize;
        return (to != 13).then_some(Unknown { to });
    }
    // Data processing with a constant: 11110, second half-word without its top bit.
    if first >> 11 == 0x1e && second & 0x8000 == 0 {
        let to = (second >> 8 & 0xf) as usize;
        let number = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xff;
        let flags = first & 0x10 != 0;
        return match first >> 5 & 0x1f {
            0b00000 if to == 15 && flags => Some(And {
                to: None,
                from: low,
                mask: expand(number).into(),
                flags,
            }),
            0b00000 => Some(And {
                to: Some(to),
                from: low,
                mask: expand(number).into(),
                flags,
            }),
            0b00001 => Some(And {
                to: Some(to),
                from: low,
                mask: (!expand(number)).into(),
                flags,
            }),
            0b00010 if low == 15 => Some(Constant {
                to,
                value: expand(number).into(),
            }),
            0b01101 if to == 15 && flags => Some(Compare {
                from: low,
                with: expand(number).into(),
            }),
            0b10010 => Some(Constant {
                to,
                value: ((first & 0xf) << 12 | number).into(),
            }),
            0b11110 => {
                let start = second >> 10 & 0x1c | second >> 6 & 3;
                Some(Extract {
                    to,
                    from: low,
                    low: start,
                    width: (second & 0x1f) + 1,
                    signed: false,
                })
            }
            0b01000 if to < 13 => Some(add(to, low, expand(number).into(), flags)),
            0b01101 if to < 13 => Some(add(to, low, -i64::from(expand(number)), flags)),
            0b10000 if to < 13 && low != 15 => Some(add(to, low, number.into(), false)),
            0b10101 if to < 13 && low != 15 => Some(add(to, low, -i64::from(number), false)),
            _ if to < 13 => Some(Unknown { to }),
            _ => None,
        };
    }
    // Branches: B<c>.W and B.W.
    if first >> 11 == 0x1e && second & 0xd000 == 0x8000 {
        let condition = (first >> 6 & 0xf) as u8;
        if condition >= 14 {
            // Barriers and NOP.W.
            return matches!(first, 0xf3af | 0xf3bf).then_some(Nothing);
        }
        let ahead = (first >> 10 & 1) << 20
            | (second >> 11 & 1) << 19
            | (second >> 13 & 1) << 18
            | (first & 0x3f) << 12
            | (second & 0x7ff) << 1;
        let ahead = i64::from((ahead << 11).cast_signed() >> 11);
        let to = pc.wrapping_add_signed(ahead);
        return Some(Branch {
            to,
            condition: Condition::Flags(condition),
        });
    }
    if first >> 11 == 0x1e && second & 0xd000 == 0x9000 {
        let sign = first >> 10 & 1;
        let bit = |shift: u32| (second >> shift & 1 ^ sign) ^ 1;
        let ahead = sign << 24
            | bit(13) << 23
            | bit(11) << 22
            | (first & 0x3ff) << 12
            | (second & 0x7ff) << 1;
        let ahead = i64::from((ahead << 7).cast_signed() >> 7);
        let to = pc.wrapping_add_signed(ahead);
        return Some(Branch {
            to,
            condition: Condition::Always,
        });
    }
    None
}

fn load(to: usize, size: u64, address: Address) -> Operation {
    Operation::Load {
        to,
        size,
        signed: false,
        address,
    }
}

fn add(to: usize, from: usize, value: i64, flags: bool) -> Operation {
    Operation::Add {
        to,
        from,
        value,
        flags,
    }
}

/// Returns the constant that twelve bits mean in Thumb.
fn expand(number: u32) -> u32 {
    let byte = number & 0xff;
    match number >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => (0x80 | number & 0x7f).rotate_right(number >> 7),
    }
}

#[cfg(test)]
mod tests;

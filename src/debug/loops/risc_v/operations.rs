//! Operations that instructions of both lengths have.

use crate::debug::loops::instruction::{Condition, Operation};

/// The registers that are always zero, or have the return address or the stack pointer.
pub(super) const ZERO: usize = 0;
pub(super) const RA: usize = 1;
pub(super) const SP: usize = 2;

pub(super) fn add(to: usize, from: usize, value: i64) -> Operation {
    match (from, value) {
        _ if to == ZERO => Operation::Nothing,
        (ZERO, _) => Operation::Constant {
            to,
            value: value.cast_unsigned(),
        },
        (_, 0) => Operation::Copy { to, from },
        _ => Operation::Add {
            to,
            from,
            value,
            flags: false,
        },
    }
}

pub(super) fn and(to: usize, from: usize, mask: i64) -> Operation {
    Operation::And {
        to: Some(to),
        from,
        mask: mask.cast_unsigned(),
        flags: false,
    }
}

pub(super) fn constant(to: usize, value: i64, is_64: bool) -> Operation {
    let value = value.cast_unsigned();
    let value = if is_64 { value } else { value & 0xffff_ffff };
    Operation::Constant { to, value }
}

/// Returns a branch by a signed distance of so many bits.
pub(super) fn branch(address: u64, ahead: u32, bits: u32, condition: Condition) -> Operation {
    Operation::Branch {
        to: address.wrapping_add_signed(sign_extended(ahead, bits)),
        condition,
    }
}

/// Returns the signed number in the lowest bits.
pub(super) fn sign_extended(number: u32, bits: u32) -> i64 {
    i64::from((number << (32 - bits)).cast_signed() >> (32 - bits))
}

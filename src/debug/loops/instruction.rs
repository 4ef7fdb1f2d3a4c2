//! Instructions of which loops that wait are made, of any processor: loads, comparisons, branches.

use crate::debug::snapshot::Core;

/// The address of a load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    /// A constant after the code.
    Literal(u64),
    /// A register and an offset.
    Offset(usize, i64),
    /// Two registers, the second one shifted to the left.
    Index(usize, usize, u32),
}

/// What a branch depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    /// The flags of a Cortex-M, by the number of the condition: 0 is EQ.
    Flags(u8),
    /// A register that is zero.
    Zero(usize),
    NotZero(usize),
    /// Two registers of the same value.
    Equal(usize, usize),
    NotEqual(usize, usize),
    /// The first register is less than the second one.
    Less(Order),
    NotLess(Order),
}

/// Two registers that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) signed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Load {
        to: usize,
        size: u64,
        /// The highest bit is copied into the rest of the register.
        signed: bool,
        address: Address,
    },
    Store {
        from: usize,
        size: u64,
        address: Address,
    },
    /// A constant; it sets no flag that matters.
    Constant {
        to: usize,
        value: u64,
    },
    /// A copy of a register.
    Copy {
        to: usize,
        from: usize,
    },
    /// A sum with a constant.
    Add {
        to: usize,
        from: usize,
        value: i64,
        flags: bool,
    },
    /// The sum of two registers; flags may change.
    AddRegister {
        to: usize,
        from: usize,
        with: usize,
    },
    /// The bits of `mask`; `to` is left out by TST.
    And {
        to: Option<usize>,
        from: usize,
        mask: u64,
        flags: bool,
    },
    /// A shift to the left, which puts a bit into the sign of a word of so many bits.
    ShiftLeft {
        to: usize,
        from: usize,
        by: u32,
        word: u32,
        flags: bool,
    },
    /// Bits moved to the lowest place.
    Extract {
        to: usize,
        from: usize,
        low: u32,
        width: u32,
        /// The highest of them is copied into the rest of the register.
        signed: bool,
    },
    Compare {
        from: usize,
        with: u64,
    },
    /// The bits of a register that are set in another one; `to` is left out by TST. Sets flags.
    AndRegister {
        to: Option<usize>,
        from: usize,
        with: usize,
    },
    CompareRegister {
        from: usize,
        with: usize,
    },
    /// 1 if a register is zero, or is not, otherwise 0.
    IsZero {
        to: usize,
        from: usize,
        not: bool,
    },
    /// A result that is not followed; flags may change.
    Unknown {
        to: usize,
    },
    Branch {
        to: u64,
        condition: Condition,
    },
    /// The next instruction is executed under a condition, the one after it otherwise: ITE.
    IfThenElse {
        condition: u8,
    },
    /// A return from the function: BX LR, POP with PC, RET.
    Return,
    /// WFI or WFE.
    Wait,
    /// No effect on registers or flags.
    Nothing,
    /// An effect that is not known; a call, or the end of the function.
    Other,
}

impl Operation {
    /// Returns the register that it writes.
    pub(super) fn target(&self) -> Option<usize> {
        use Operation::*;
        match *self {
            Load { to, .. } | Constant { to, .. } | Copy { to, .. } => Some(to),
            Add { to, .. } | AddRegister { to, .. } | IsZero { to, .. } => Some(to),
            ShiftLeft { to, .. } | Extract { to, .. } | Unknown { to } => Some(to),
            And { to, .. } | AndRegister { to, .. } => to,
            _ => None,
        }
    }
}

/// Returns the name of the register with a number; `None` if there is none, and for LR and PC, which
/// loops do not use.
pub(super) fn register_name(core: Core, number: usize) -> Option<String> {
    match (core, number) {
        (Core::CortexM, 13) => Some("sp".to_owned()),
        (Core::CortexM, 14..) => None,
        (Core::CortexM, _) => Some(format!("r{number}")),
        (Core::RiscV, _) => Some(format!("x{number}")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) length: u64,
    pub(super) operation: Operation,
}

/// An instruction at its address.
pub(super) type Placed = (u64, Instruction);

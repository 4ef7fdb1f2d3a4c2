//! [`Backtrace`]: the chain of calls, and why it ends.

use std::fmt;

use crate::debug::frame::Frame;

/// How a function of the chain is related to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::debug) enum How {
    /// It is the one that is executed.
    Executed,
    /// The one before it is inlined in it.
    Inlines,
    /// It has called the one before it.
    Calls,
    /// The exception or trap in whose handler the ones before it are has interrupted it. A
    /// Cortex-M then was in the exception of this number; 0 is none.
    Interrupted(u64),
}

/// A function of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) struct Call {
    pub(in crate::debug) frame: Frame,
    pub(in crate::debug) how: How,
}

/// Why a chain of calls ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) enum End {
    /// With the program's first function.
    Complete,
    /// A return address that is in no ELF file.
    NoCode { function: String, address: u64 },
    /// A program counter that is in no ELF file, and nothing that leads on.
    Lost(u64),
    /// A part of the stack that is no memory.
    Unreadable(u64),
    /// The emulator has ended.
    MemoryGone,
    /// With the first function of a task, which returns to 0.
    Task { function: String },
    /// No unwind table has the function.
    NoTable { function: String },
    /// A function that never returns has kept no return address.
    NoReturn { function: String },
    /// The engine does not give the process stack pointer.
    NoProcessStack,
    /// A stack pointer that moves in the wrong direction.
    Corrupt { function: String },
    /// Too many functions: a recursion.
    TooDeep,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => Ok(()),
            Self::NoCode { function, address } => write!(
                f,
                "{function} would return to 0x{address:08x}, where no ELF file has code: \
                 the stack is overwritten, or the code is in a file that is not given"
            ),
            Self::Lost(address) => write!(f, "no ELF file has code at 0x{address:08x}"),
            Self::Unreadable(address) => {
                write!(f, "the stack at 0x{address:08x} cannot be read")
            }
            Self::MemoryGone => f.write_str("the emulator has ended, and the stack is lost with it"),
            Self::Task { function } => write!(f, "{function} is the first function of a task"),
            Self::NoTable { function } => {
                write!(f, "{function} has no unwind information: build it with -g")
            }
            Self::NoReturn { function } => {
                write!(f, "{function} keeps no return address: it never returns")
            }
            Self::NoProcessStack => f.write_str(
                "a task was interrupted, and where is not known: the emulator does not tell its stack pointer (PSP)",
            ),
            Self::Corrupt { function } => {
                write!(f, "the stack of {function} is overwritten")
            }
            Self::TooDeep => f.write_str("the chain is longer: a recursion"),
        }
    }
}

/// A chain of calls, beginning with the function that is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) struct Backtrace {
    pub(in crate::debug) calls: Vec<Call>,
    pub(in crate::debug) end: End,
}

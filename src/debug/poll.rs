//! [`Poll`]: what a program waits for, as text.

use std::fmt;

/// A place in memory that a loop reads until it has another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Poll {
    pub(super) address: u64,
    /// The name of the variable there.
    pub(super) variable: Option<String>,
    /// The bits that count.
    pub(super) mask: u32,
    /// The size of the load in bytes.
    pub(super) size: u64,
    pub(super) until: Option<Until>,
}

/// What ends the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Is(u32),
    IsNot(u32),
    Set,
    Clear,
}

/// Writes `0x40023800 until bit 25 is set`, or `ready (0x20000010) until it is not 0`.
impl fmt::Display for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variable {
            Some(variable) => write!(f, "{variable} (0x{:08x})", self.address)?,
            None => write!(f, "0x{:08x}", self.address)?,
        }
        let whole = self.mask == whole(self.size);
        let bits = match self.mask.count_ones() {
            _ if whole => "it".to_owned(),
            1 => format!("bit {}", self.mask.trailing_zeros()),
            _ => format!("its bits 0x{:x}", self.mask),
        };
        match self.until {
            Some(Until::Is(value)) => write!(f, " until {bits} is {value}"),
            Some(Until::IsNot(value)) => write!(f, " until {bits} is not {value}"),
            Some(Until::Set) => write!(f, " until {bits} is set"),
            Some(Until::Clear) => write!(f, " until {bits} is clear"),
            None if whole => Ok(()),
            None => write!(f, " ({bits})"),
        }
    }
}

/// Returns the mask of all bits of a load.
pub(super) fn whole(size: u64) -> u32 {
    match size {
        1 => 0xff,
        2 => 0xffff,
        _ => u32::MAX,
    }
}

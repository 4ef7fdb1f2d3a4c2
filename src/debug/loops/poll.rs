//! [`Poll`]: what a program waits for, as text.

use std::fmt;

use super::value::ones;

/// A place in memory that a loop reads until it has another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) struct Poll {
    pub(super) address: u64,
    /// The name of the variable there, or of its part.
    pub(super) variable: Option<String>,
    /// It is among the code and constants, which nothing changes.
    pub(super) is_constant: bool,
    /// The bits that count.
    pub(super) mask: u64,
    /// The size of the load in bytes.
    pub(super) size: u64,
    pub(super) until: Option<Until>,
}

/// What ends the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Is(u64),
    IsNot(u64),
    Set,
    Clear,
}

/// Writes `0x40023800 until bit 25 is set`, or `ready (0x20000010) until it is not 0`.
impl fmt::Display for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variable {
            Some(variable) => {
                let what = if self.is_constant {
                    ", a constant, which nothing changes"
                } else {
                    ""
                };
                write!(f, "{variable} (0x{:08x}{what})", self.address)?;
            }
            None => write!(f, "0x{:08x}", self.address)?,
        }
        let whole = self.mask == ones(8 * self.size as u32);
        let bits = match self.mask.count_ones() {
            _ if whole => "it".to_owned(),
            1 => format!("bit {}", self.mask.trailing_zeros()),
            _ => format!("its bits 0x{:x}", self.mask),
        };
        match self.until {
            Some(Until::Is(value)) => write!(f, " until {bits} is {value}")?,
            Some(Until::IsNot(value)) => write!(f, " until {bits} is not {value}")?,
            Some(Until::Set) => write!(f, " until {bits} is set")?,
            Some(Until::Clear) => write!(f, " until {bits} is clear")?,
            None if whole => {}
            None => write!(f, " ({bits})")?,
        }
        Ok(())
    }
}

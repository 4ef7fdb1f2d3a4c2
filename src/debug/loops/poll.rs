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
    /// What a variable in RAM holds; a peripheral is not read.
    pub(super) now: Option<u64>,
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

impl Poll {
    /// Returns the name of what another part of the program must change to end the loop; `None` for a
    /// constant, and for what is not in RAM.
    pub(in crate::debug) fn changed_by_program(&self) -> Option<String> {
        self.now?;
        let variable = self.variable.clone();
        Some(variable.unwrap_or_else(|| format!("0x{:08x}", self.address)))
    }
}

/// Writes `0x40023800 until bit 25 is set`, or `ready (0x20000010, now 0) until it is not 0`.
impl fmt::Display for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.mask == ones(8 * self.size as u32);
        let now = self.now.map(|it| match whole {
            true => format!("now {it}"),
            false => format!("now 0x{it:x}"),
        });
        match (&self.variable, now) {
            (Some(variable), _) if self.is_constant => write!(
                f,
                "{variable} (0x{:08x}, a constant, which nothing changes)",
                self.address
            )?,
            (Some(variable), Some(now)) => write!(f, "{variable} (0x{:08x}, {now})", self.address)?,
            (Some(variable), None) => write!(f, "{variable} (0x{:08x})", self.address)?,
            (None, Some(now)) => write!(f, "0x{:08x} ({now})", self.address)?,
            (None, None) => write!(f, "0x{:08x}", self.address)?,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_in_ram_is_shown_with_its_value() {
        let ready = Poll {
            address: 0x2000_0010,
            variable: Some("ready".to_owned()),
            is_constant: false,
            now: Some(0),
            mask: 0xffff_ffff,
            size: 4,
            until: Some(Until::IsNot(0)),
        };
        let bits = Poll {
            mask: 4,
            now: Some(0x12),
            until: Some(Until::Set),
            ..ready.clone()
        };
        let nameless = Poll {
            variable: None,
            ..ready.clone()
        };
        let peripheral = Poll {
            now: None,
            ..nameless.clone()
        };
        for (poll, text, changed) in [
            (
                ready,
                "ready (0x20000010, now 0) until it is not 0",
                Some("ready"),
            ),
            (
                bits,
                "ready (0x20000010, now 0x12) until bit 2 is set",
                Some("ready"),
            ),
            (
                nameless,
                "0x20000010 (now 0) until it is not 0",
                Some("0x20000010"),
            ),
            (peripheral, "0x20000010 until it is not 0", None),
        ] {
            assert_eq!(poll.to_string(), text);
            assert_eq!(poll.changed_by_program().as_deref(), changed);
        }
    }
}

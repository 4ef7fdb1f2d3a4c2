//! [`Registers`]: the registers of a processor, by their names.

use std::fmt;

/// The registers of a processor at one moment; returned by
/// [`VirtualTarget::registers`](crate::VirtualTarget::registers).
///
/// A Cortex-M has `r0` to `r12`, `sp`, `lr`, `pc`, `xpsr`, and as far as the engine has them `msp`,
/// `psp`, `primask`, `basepri`, `faultmask`, `control`, `cfsr`, `hfsr`, `mmfar`, `bfar`; RISC-V has
/// `x0` to `x31`, `pc`, `mstatus`, `mie`, `mtvec`, `mcause`, `mepc`, `mtval`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registers(Vec<(String, u64)>);

impl Registers {
    pub(crate) fn new(registers: Vec<(String, u64)>) -> Self {
        Self(registers)
    }

    /// Returns the value of a register, or `None` if the processor has none of this name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    /// Returns the names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// Formats them in one line, such as `r0=0x00000001 r1=0x20000400`.
impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, value) in self.iter() {
            write!(f, "{separator}{name}={value:#010x}")?;
            separator = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_names_and_are_shown_in_order() {
        let registers = [("r0", 1), ("pc", 0x0800_0124)];
        let registers = registers.map(|(name, value)| (name.to_owned(), value));
        let registers = Registers::new(registers.to_vec());
        assert_eq!(registers.get("pc"), Some(0x0800_0124));
        assert_eq!(registers.get("PC"), None);
        assert_eq!(registers.to_string(), "r0=0x00000001 pc=0x08000124");
    }
}

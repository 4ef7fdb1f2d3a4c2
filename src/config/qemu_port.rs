//! [`QemuPort`]: where a UART is on QEMU.

use std::fmt;

/// A port of a board on QEMU, to which tests are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QemuPort {
    /// A serial port, by its index, from 0.
    Serial(u8),
    /// Semihosting: output and input of the firmware through its debugger.
    Semihosting,
}

impl fmt::Display for QemuPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(index) => write!(f, "serial {index}"),
            Self::Semihosting => f.write_str("semihosting"),
        }
    }
}

//! [`Architecture`]: the processors for which firmware can be built, and their names.

use std::fmt;

/// A processor's instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Architecture {
    /// 32-bit Arm: Cortex-M, Cortex-R and older ones.
    Arm,
    /// 32-bit Arm, big-endian.
    ArmBigEndian,
    /// 64-bit Arm.
    AArch64,
    /// 32-bit RISC-V.
    RiscV32,
    /// 64-bit RISC-V.
    RiscV64,
    /// 32-bit x86.
    X86,
    /// 64-bit x86: most often a program for the host.
    X86_64,
    /// Xtensa.
    Xtensa,
    /// Another processor, by its number in ELF.
    Other(u16),
}

impl Architecture {
    /// Returns a C compiler and a Rust target that build for this architecture.
    pub(super) fn examples(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Arm => ("arm-none-eabi-gcc", "thumbv7em-none-eabi"),
            Self::ArmBigEndian => ("arm-none-eabi-gcc -mbig-endian", "armebv7r-none-eabi"),
            Self::AArch64 => ("aarch64-none-elf-gcc", "aarch64-unknown-none"),
            Self::RiscV32 => ("riscv32-unknown-elf-gcc", "riscv32imac-unknown-none-elf"),
            Self::RiscV64 => ("riscv64-unknown-elf-gcc", "riscv64gc-unknown-none-elf"),
            Self::X86_64 => ("x86_64-elf-gcc", "x86_64-unknown-none"),
            Self::X86 | Self::Xtensa | Self::Other(_) => return None,
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arm => "32-bit Arm",
            Self::ArmBigEndian => "big-endian 32-bit Arm",
            Self::AArch64 => "64-bit Arm",
            Self::RiscV32 => "32-bit RISC-V",
            Self::RiscV64 => "64-bit RISC-V",
            Self::X86 => "32-bit x86",
            Self::X86_64 => "x86-64",
            Self::Xtensa => "Xtensa",
            Self::Other(number) => return write!(f, "a processor with ELF number {number}"),
        })
    }
}

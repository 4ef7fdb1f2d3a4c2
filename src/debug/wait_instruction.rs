//! Tells a processor that sleeps from one that runs: engines do not say it.
//!
//! The program counter of a sleeping processor is behind the instruction that made it sleep.

use super::snapshot::Core;

/// The number of bytes before the program counter that [`sleeps`] looks at.
pub(crate) const BEFORE_PC: u64 = 4;

/// Returns true if the last instruction in these bytes, which end at the program counter, waits
/// for an interrupt or an event.
pub(crate) fn sleeps(core: Core, before_pc: &[u8]) -> bool {
    const WFI: [u8; 2] = 0xbf30_u16.to_le_bytes();
    const WFE: [u8; 2] = 0xbf20_u16.to_le_bytes();
    const RISC_V_WFI: [u8; 4] = 0x1050_0073_u32.to_le_bytes();
    match core {
        Core::CortexM => before_pc.ends_with(&WFI) || before_pc.ends_with(&WFE),
        Core::RiscV => before_pc.ends_with(&RISC_V_WFI),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_behind_wfi_or_wfe_sleeps() {
        for (core, before, expected) in [
            (Core::CortexM, [0x62, 0xb6, 0x30, 0xbf], true),
            (Core::CortexM, [0x62, 0xb6, 0x20, 0xbf], true),
            (Core::CortexM, [0x30, 0xbf, 0x62, 0xb6], false),
            (Core::CortexM, [0x73, 0x00, 0x50, 0x10], false),
            (Core::RiscV, [0x73, 0x00, 0x50, 0x10], true),
            (Core::RiscV, [0x62, 0xb6, 0x30, 0xbf], false),
        ] {
            assert_eq!(sleeps(core, &before), expected, "{core:?} {before:x?}");
        }
        assert!(!sleeps(Core::RiscV, &[]));
    }
}

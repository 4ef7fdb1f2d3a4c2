//! Which processors of a board are Cortex-M, as Renode lists them.
//!
//! Renode finds their vectors by itself only in an ELF file.

use super::command::{Name, NotPlain};

/// The processors in the answer to `peripherals`, a tree with a line for each:
/// `├── cpu0 (CortexM)`, whose branches a terminal without UTF-8 shows as `???`.
pub(super) fn processors(peripherals: &str) -> Result<Vec<Name>, NotPlain> {
    peripherals
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix(" (CortexM)"))
        .filter_map(|line| line.rsplit(' ').next())
        .map(|name| Name::peripheral(&format!("sysbus.{name}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_found_with_and_without_utf_8() {
        let listed = "Available peripherals:\n  sysbus (SystemBus)\n  ??? cpu0 (CortexM)\n  \
                      ?       Slot: 0\n  ├── cpu1 (CortexM)\n  ├── nvic (NVIC)";
        let names = ["sysbus.cpu0", "sysbus.cpu1"].map(|name| Name::peripheral(name).unwrap());
        assert_eq!(processors(listed).unwrap(), names);
        assert_eq!(
            processors("  sysbus (SystemBus)\n  cpu (RiscV32)").unwrap(),
            []
        );
    }
}

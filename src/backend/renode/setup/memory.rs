//! The memories of a board that lose their content without power.
//!
//! Renode's own reset leaves all of them as they are, as a reset pin does.

use super::peripherals::listed;
use crate::backend::renode::monitor::plain::{Name, NotPlain};

/// Parts of the names of memories that keep their content.
const LASTING: [&str; 9] = [
    "flash", "rom", "otp", "nvm", "nvram", "fram", "mram", "fuse", "xip",
];

/// Returns the memories in the answer to `peripherals` that lose their content.
pub(crate) fn volatile(peripherals: &str) -> Result<Vec<Name>, NotPlain> {
    listed(peripherals)
        .filter(|(name, kind)| *kind == "MappedMemory" && !is_lasting(name))
        .map(|(name, _)| Name::peripheral(&format!("sysbus.{name}")))
        .collect()
}

fn is_lasting(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    LASTING.iter().any(|lasting| name.contains(lasting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_is_recognised_by_type_and_name() {
        let listed = "Available peripherals:\n  sysbus (SystemBus)\n  ├── flash (MappedMemory)\n  │       \
                      <0x08000000, 0x081FFFFF>\n  ├── sram (MappedMemory)\n  ├── bootROM (MappedMemory)\n  \
                      ├── eeprom0 (ArrayMemory)\n  ├── ccm (MappedMemory)\n  └── usart1 (STM32_UART)";
        let names = ["sysbus.sram", "sysbus.ccm"].map(|it| Name::peripheral(it).unwrap());
        assert_eq!(volatile(listed).unwrap(), names);
    }
}

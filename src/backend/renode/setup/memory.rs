//! The memories of a board: those that lose their content without power, their addresses, their
//! bytes.
//!
//! Renode's own reset leaves all of them as they are, as a reset pin does.

use std::ops::Range;

use super::peripherals::listed;
use super::registers::number;
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

/// Returns the address ranges of the memories in the answer to `peripherals`. A line for each range,
/// such as `│       <0x08000000, 0x081FFFFF>`, follows that of the memory.
pub(crate) fn ranges(peripherals: &str) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut is_memory = false;
    for line in peripherals.lines() {
        if let Some((_, kind)) = listed(line).next() {
            is_memory = kind == "MappedMemory";
        } else if is_memory && let Some(range) = range(line) {
            ranges.push(range);
        }
    }
    ranges
}

fn range(line: &str) -> Option<Range<u64>> {
    let (_, range) = line.split_once('<')?;
    let (range, _) = range.split_once('>')?;
    let (start, last) = range.split_once(", ")?;
    Some(number(start)?..number(last)?.saturating_add(1))
}

/// Returns the bytes in an answer such as `[` `0x02, 0x00, ` `]`.
pub(crate) fn bytes(printed: &str) -> Option<Vec<u8>> {
    let words = printed.split([' ', ',', '\r', '\n', '[', ']']);
    let words = words.filter(|word| !word.is_empty());
    words.map(|word| u8::try_from(number(word)?).ok()).collect()
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

    #[test]
    fn memories_have_ranges_and_peripherals_are_left_out() {
        let listed = "Available peripherals:\r\n  sysbus (SystemBus)\r\n  ??? cpu (CortexM)\r\n  ?       Slot: 0\r\n  \
                      ├── flash (MappedMemory)\r\n  │       <0x08000000, 0x081FFFFF>\r\n  │       \
                      <0x00000000, 0x001FFFFF>\r\n  │       \r\n  ├── usart1 (STM32_UART)\r\n  │       \
                      <0x40011000, 0x400110FF>\r\n  └── sram (MappedMemory)\r\n          <0x20000000, 0x2003FFFF>\r\n";
        let expected = [
            0x0800_0000..0x0820_0000,
            0..0x0020_0000,
            0x2000_0000..0x2004_0000,
        ];
        assert_eq!(ranges(listed), expected);
    }

    #[test]
    fn bytes_are_read_from_renodes_output() {
        let printed = "[\r\n\r0x02, 0xFF, \r\n\r0x10, \r\n\r]\r\n";
        assert_eq!(bytes(printed), Some(vec![2, 255, 16]));
        assert_eq!(bytes("[\n0x100, \n]"), None);
        assert_eq!(bytes("no"), None);
    }
}

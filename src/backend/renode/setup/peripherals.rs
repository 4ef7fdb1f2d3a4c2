//! The peripherals of a board, as Renode lists them.

use crate::backend::error::NoUart;

/// Returns the name and the type of each peripheral in the answer to `peripherals`: a tree
/// with a line for each, such as `├── cpu0 (CortexM)`. A terminal without UTF-8 shows its
/// branches as `???`.
pub(crate) fn listed(peripherals: &str) -> impl Iterator<Item = (&str, &str)> {
    peripherals.lines().filter_map(|line| {
        let (name, kind) = line.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
        Some((name.rsplit(' ').next()?, kind))
    })
}

/// Returns why `path` cannot be a UART of a board with these `peripherals`, with its UARTs.
pub(crate) fn no_uart(peripherals: &str, path: &str) -> NoUart {
    let name = path.rsplit('.').next().unwrap_or(path);
    let found = listed(peripherals).find(|(known, _)| *known == name);
    let is_uart = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("uart") || text.contains("usart")
    };
    let uarts = listed(peripherals).filter(|(name, kind)| is_uart(name) || is_uart(kind));
    NoUart {
        path: path.to_owned(),
        found: found.map(|(_, kind)| kind.to_owned()),
        uarts: uarts.map(|(name, _)| format!("sysbus.{name}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "Available peripherals:\r\n  sysbus (SystemBus)\r\n  ??? cpu (CortexM)\r\n  \
                          ?       Slot: 0\r\n  ├── usart1 (STM32_UART)\r\n  │     <0x40011000>\r\n  \
                          ├── gpioPortD (STM32_GPIOPort)\r\n  └── serial0 (PL011_UART)";

    #[test]
    fn an_unknown_uart_is_reported_with_the_existing_ones() {
        let uarts = "its UARTs are sysbus.usart1, sysbus.serial0";
        for (path, what) in [
            ("sysbus.usart9", "the machine has no sysbus.usart9"),
            (
                "sysbus.gpioPortD",
                "sysbus.gpioPortD is of the type STM32_GPIOPort",
            ),
        ] {
            let error = no_uart(LISTED, path).to_string();
            assert_eq!(error, format!("{what}; {uarts}"));
        }
        let none = no_uart("  sysbus (SystemBus)", "sysbus.uart").to_string();
        let said = "the machine has no sysbus.uart, and nothing that is called a UART";
        assert_eq!(none, said);
    }
}

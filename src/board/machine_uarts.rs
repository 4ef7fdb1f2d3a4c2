//! The UARTs of one machine of a board.

use crate::config::TargetConfig;
use crate::error::Result;
use crate::uart::{Port, Ports, Uart};

/// A machine's UARTs.
pub(super) struct MachineUarts {
    pub(super) name: String,
    pub(super) ports: Ports,
    /// Those of `ports`, in the same order; there is at least one.
    pub(super) uarts: Vec<Uart>,
}

impl MachineUarts {
    pub(super) fn new(name: &str, ports: Ports) -> Self {
        Self {
            name: name.to_owned(),
            uarts: ports.iter().map(Port::uart).collect(),
            ports,
        }
    }

    pub(super) fn uart(&self) -> &Uart {
        // A description without a UART is refused.
        &self.uarts[0]
    }

    pub(super) fn uart_named(&self, name: &str, config: &TargetConfig) -> Result<&Uart> {
        let names = self.ports.iter().map(Port::name);
        match names.clone().position(|known| known == name) {
            Some(index) => Ok(&self.uarts[index]),
            None => Err(config.no_such_uart(name, names).into()),
        }
    }
}

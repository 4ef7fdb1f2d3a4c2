//! The UARTs of one machine of a board.

use crate::config::TargetConfig;
use crate::error::Result;
use crate::uart::{Port, Ports, Uart};

/// The UARTs of a machine: their ports, and the handles that tests share.
pub(super) struct MachineUarts {
    pub(super) name: String,
    pub(super) ports: Ports,
    /// The handles of `ports`, in the same order; at least one.
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
        // The configuration rejects a description without a UART.
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

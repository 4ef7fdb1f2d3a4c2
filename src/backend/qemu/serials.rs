//! Checks that the machine has the serial ports to which UARTs are connected: QEMU accepts any number
//! of them, and leaves out those that the machine does not have.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Qemu;
use super::command_line::SERIAL;
use crate::backend::EmulatorError;
use crate::backend::error::{ErrorPlace, Unsupported};
use crate::config::QemuPort;

/// Lists the devices with their properties.
const DEVICES: &str = "info qtree";

impl Qemu {
    pub(super) async fn check_serials(&mut self, step: &'static str) -> Result<(), EmulatorError> {
        let ports = self.config.uarts.iter().zip(&self.places.uarts);
        let ports = ports.filter_map(|(uart, place)| match uart.port {
            QemuPort::Serial(index) => Some((index, place.clone())),
            QemuPort::Semihosting => None,
        });
        let wanted: Vec<_> = ports.collect();
        let mut found = listened_to(&self.query(step, "query-chardev", json!({})).await);
        // Usually all are there already.
        if wanted.iter().any(|(index, _)| !found.contains(index)) {
            // The firmware may have ended QEMU already, which the next operation reports.
            let devices = self.hmp(DEVICES.to_owned()).await;
            found.extend(connected(&devices.unwrap_or_default()));
        }
        let missing = wanted.into_iter().find(|(index, _)| !found.contains(index));
        match missing {
            // If there is none at all, this machine's devices do not show them.
            Some((serial, place)) if !found.is_empty() => {
                let request = Unsupported::Serial {
                    machine: self.config.machine.clone(),
                    serial,
                    below: found.range(..serial).copied().collect(),
                };
                let error = EmulatorError::unsupported(super::KIND, request);
                Err(error.at(ErrorPlace::Field(place)))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the serial ports that a device listens to, in the answer to `query-chardev`.
fn listened_to(answer: &Value) -> BTreeSet<u8> {
    let ends = answer.as_array().into_iter().flatten();
    let open = ends.filter(|end| end["frontend-open"] == true);
    open.filter_map(|end| number(end["label"].as_str()?))
        .collect()
}

/// Returns the serial ports that are a property of a device, in the answer to [`DEVICES`].
fn connected(printed: &str) -> BTreeSet<u8> {
    let lines = printed.lines().map(str::trim);
    let values = lines.filter_map(|line| line.strip_prefix("chardev = "));
    values
        .filter_map(|value| number(value.trim_matches('"')))
        .collect()
}

/// Returns the number of the serial port with this name: the one that this crate gives it, or
/// QEMU's own if no UART is connected to it.
fn number(name: &str) -> Option<u8> {
    let number = name
        .strip_prefix(SERIAL)
        .or_else(|| name.strip_prefix("serial"))?;
    number.parse().ok()
}

//! The UARTs that tests use, in `uart` or `uarts`: what the file says about them for all engines.

use super::error::{BadFields, Problem};
use super::field::given;
use super::qemu_port::QemuPort;
use super::raw::{Named, RawUart};
use super::renode::UartConfig;
use super::values;

/// The word that is written instead of a path in Renode.
const SEMIHOSTING: &str = "semihosting";

/// A UART, with its place on each engine.
pub(super) struct NamedUart {
    /// Its field in the file.
    pub(super) field: String,
    pub(super) name: String,
    /// Its path in Renode.
    pub(super) path: Option<String>,
    pub(super) baud: u32,
    pub(super) qemu: Option<QemuPort>,
}

impl NamedUart {
    /// Returns the field in which all UARTs are: `uart` or `uarts`.
    pub(super) fn list(&self) -> &str {
        self.field.split('.').next().unwrap_or_default()
    }

    /// Returns the UART on Renode.
    pub(super) fn on_renode(&self) -> Result<UartConfig, Problem> {
        let why = match self.qemu {
            Some(QemuPort::Semihosting) => BadFields::SemihostingOnRenode,
            _ => BadFields::UartWithoutPath,
        };
        let path = self.path.clone();
        Ok(UartConfig {
            name: self.name.clone(),
            path: path.ok_or_else(|| Problem::new(&self.field, why))?,
            baud: self.baud,
        })
    }
}

/// Reads the UARTs that tests use: one in `uart` or several in `uarts`.
pub(super) fn uarts(
    uart: &Option<RawUart>,
    uarts: Option<&Named<RawUart>>,
) -> Result<Option<Vec<NamedUart>>, Problem> {
    let uart = uart.as_ref().map(|uart| one_uart("uart", None, uart));
    let uart = uart.transpose()?;
    let Some(Named(uarts)) = uarts else {
        return Ok(uart.map(|uart| vec![uart]));
    };
    if uart.is_some() {
        return Err(Problem::new("uarts", BadFields::UartAndUarts));
    }
    if uarts.is_empty() {
        return Err(Problem::new("uarts", BadFields::NoUarts));
    }
    let mut known: Vec<NamedUart> = Vec::new();
    for (name, uart) in uarts {
        let field = format!("uarts.{name}");
        let name = values::plain_name(name).map_err(|why| Problem::new(&field, why))?;
        let uart = one_uart(&field, Some(name), uart)?;
        if let Some((other, what)) = known
            .iter()
            .find_map(|other| Some((&other.name, shared(other, &uart)?)))
        {
            let what = &what;
            return Err(Problem::new(&field, BadFields::UartTwice { what, other }));
        }
        known.push(uart);
    }
    Ok(Some(known))
}

/// Checks the UART that `field` describes; without a `name`, the path is the name.
fn one_uart(field: &str, name: Option<String>, raw: &RawUart) -> Result<NamedUart, Problem> {
    if let (None, Some(_)) = (&name, raw.serial) {
        let field = format!("{field}.serial");
        return Err(Problem::new(field, BadFields::SerialOfOneUart));
    }
    let written = given(field, &raw.path, |path| values::uart(path))?;
    let serial = given(&format!("{field}.serial"), &raw.serial, |&index| {
        values::serial_index(index)
    })?;
    let is_semihosting = written.as_deref() == Some(SEMIHOSTING);
    let qemu = match (is_semihosting, serial) {
        (true, Some(_)) => {
            let field = format!("{field}.serial");
            return Err(Problem::new(field, BadFields::SerialOfSemihosting));
        }
        (true, None) => Some(QemuPort::Semihosting),
        (false, serial) => serial.map(QemuPort::Serial),
    };
    let name = name.or_else(|| written.clone());
    let path = written.filter(|_| !is_semihosting);
    if path.is_none() && qemu.is_none() {
        return Err(Problem::new(field, BadFields::UartWithoutPath));
    }
    let baud = given(&format!("{field}.baud"), &raw.baud, |&baud| {
        values::baud(baud)
    })?;
    Ok(NamedUart {
        field: field.to_owned(),
        name: name.unwrap_or_default(),
        path,
        baud: baud.unwrap_or(values::DEFAULT_BAUD),
        qemu,
    })
}

/// Returns the path or the port that two UARTs have in common.
fn shared(one: &NamedUart, other: &NamedUart) -> Option<String> {
    let path = one.path.as_ref().filter(|_| one.path == other.path);
    let port = one.qemu.filter(|_| one.qemu == other.qemu);
    path.cloned().or_else(|| port.map(|port| port.to_string()))
}

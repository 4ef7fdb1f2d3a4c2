//! Checks the fields of one machine: platform, UARTs, firmware.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::error::Problem;
use super::field::{given, is_file};
use super::raw::{Named, RawUart};
use super::renode::{LoadCommand, Platform, RenodeConfig, UartConfig};
use super::values;
use crate::files::{self, LARGEST_TEXT};

/// Checks the load command and the load address of the firmware.
pub(super) fn loading(
    command: &Option<String>,
    address: &Option<Value>,
) -> Result<(Option<LoadCommand>, Option<u64>), Problem> {
    let command = given("load_command", command, |word| {
        values::choice(word, &LoadCommand::ALL.map(|it| (it.as_str(), it)))
    })?;
    let address = given("load_address", address, values::address)?;
    if command == Some(LoadCommand::Binary) && address.is_none() {
        return Err(Problem::new(
            "load_command",
            "`sysbus LoadBinary` needs to know where: add `load_address`, such as 0x08000000",
        ));
    }
    Ok((command, address))
}

pub(super) fn firmware(path: &str, base_dir: &Path) -> Result<PathBuf, String> {
    if path.is_empty() {
        return Err("the path is empty: name a file or remove the field".to_owned());
    }
    Ok(files::tidy(&base_dir.join(path)))
}

/// Checks a board and its UARTs, unless neither is given.
pub(super) fn board(
    platform_name: &Option<String>,
    uart: &Option<RawUart>,
    named: Option<&Named<RawUart>>,
    base_dir: &Path,
) -> Result<Option<RenodeConfig>, Problem> {
    let platform = given("platform", platform_name, |name| platform(name, base_dir))?;
    let uarts = uarts(uart, named)?;
    match (platform, uarts) {
        (Some(platform), Some(uarts)) => Ok(Some(RenodeConfig {
            platform,
            fragments: Vec::new(),
            uarts,
        })),
        (Some(_), None) => Err(Problem::new(
            "platform",
            "a platform needs `uart`, the UART to talk to, such as `sysbus.usart2`",
        )),
        (None, Some(_)) => Err(Problem::new(
            if uart.is_some() { "uart" } else { "uarts" },
            "a UART needs `platform`, the board it is on, \
             such as `platforms/boards/stm32f4_discovery-kit.repl`",
        )),
        (None, None) => Ok(None),
    }
}

/// Checks the UARTs that tests use: one in `uart` or several in `uarts`.
pub(super) fn uarts(
    uart: &Option<RawUart>,
    uarts: Option<&Named<RawUart>>,
) -> Result<Option<Vec<UartConfig>>, Problem> {
    let uart = uart.as_ref().map(|uart| one_uart("uart", None, uart));
    let uart = uart.transpose()?;
    let Some(Named(uarts)) = uarts else {
        return Ok(uart.map(|uart| vec![uart]));
    };
    if uart.is_some() {
        let message = "`uart` is given as well: move it into `uarts`, under a name";
        return Err(Problem::new("uarts", message));
    }
    if uarts.is_empty() {
        let message = "it names no UART: write `name: path`, such as `console: sysbus.usart2`";
        return Err(Problem::new("uarts", message));
    }
    let mut known: Vec<UartConfig> = Vec::new();
    for (name, uart) in uarts {
        let field = format!("uarts.{name}");
        let problem = |message| Problem::new(&field, message);
        let name = values::plain_name(name).map_err(problem)?;
        let uart = one_uart(&field, Some(name), uart)?;
        if let Some(other) = known.iter().find(|other| other.path == uart.path) {
            let (path, other) = (&uart.path, &other.name);
            return Err(problem(format!(
                "{path:?} is `{other}` already: remove one"
            )));
        }
        known.push(uart);
    }
    Ok(Some(known))
}

/// Checks the UART that `field` describes; without a `name`, the path is the name.
fn one_uart(field: &str, name: Option<String>, raw: &RawUart) -> Result<UartConfig, Problem> {
    let path = given(field, &raw.path, |path| values::uart(path))?;
    let path = path.ok_or_else(|| {
        let message = "`path` is missing: name the UART, such as `sysbus.usart2`";
        Problem::new(field, message)
    })?;
    let baud = given(&format!("{field}.baud"), &raw.baud, |&baud| {
        values::baud(baud)
    })?;
    Ok(UartConfig {
        name: name.unwrap_or_else(|| path.clone()),
        path,
        baud: baud.unwrap_or(values::DEFAULT_BAUD),
    })
}

fn platform(name: &str, base_dir: &Path) -> Result<Platform, String> {
    let file = files::tidy(&base_dir.join(name));
    if is_file(&file, LARGEST_TEXT)? {
        return Ok(Platform::File(file));
    }
    let example = "platforms/boards/stm32f4_discovery-kit.repl";
    values::built_in("platform", example, name, &file).map(Platform::BuiltIn)
}

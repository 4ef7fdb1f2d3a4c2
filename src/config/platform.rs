//! Checks the fields of one machine: platform, UARTs, firmware.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::error::{BadFields, BadValue, BuiltIn, Explanation, Problem};
use super::field::{each, given, is_file};
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
        return Err(Problem::new("load_command", BadFields::LoadWithoutAddress));
    }
    Ok((command, address))
}

pub(super) fn firmware(path: &str, base_dir: &Path) -> Result<PathBuf, Explanation> {
    if path.is_empty() {
        return Err(BadValue::EmptyPath.into());
    }
    Ok(files::tidy(&base_dir.join(path)))
}

/// Returns the ELF files with symbols.
pub(super) fn symbols(paths: Option<&[String]>, base_dir: &Path) -> Result<Vec<PathBuf>, Problem> {
    each("symbols", paths, |path| firmware(path, base_dir))
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
        (Some(_), None) => Err(Problem::new("platform", BadFields::PlatformWithoutUart)),
        (None, Some(_)) => Err(Problem::new(
            if uart.is_some() { "uart" } else { "uarts" },
            BadFields::UartWithoutPlatform,
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
        return Err(Problem::new("uarts", BadFields::UartAndUarts));
    }
    if uarts.is_empty() {
        return Err(Problem::new("uarts", BadFields::NoUarts));
    }
    let mut known: Vec<UartConfig> = Vec::new();
    for (name, uart) in uarts {
        let field = format!("uarts.{name}");
        let name = values::plain_name(name).map_err(|why| Problem::new(&field, why))?;
        let uart = one_uart(&field, Some(name), uart)?;
        if let Some(other) = known.iter().find(|other| other.path == uart.path) {
            let (path, other) = (&uart.path, &other.name);
            return Err(Problem::new(&field, BadFields::UartTwice { path, other }));
        }
        known.push(uart);
    }
    Ok(Some(known))
}

/// Checks the UART that `field` describes; without a `name`, the path is the name.
fn one_uart(field: &str, name: Option<String>, raw: &RawUart) -> Result<UartConfig, Problem> {
    let path = given(field, &raw.path, |path| values::uart(path))?;
    let path = path.ok_or_else(|| Problem::new(field, BadFields::UartWithoutPath))?;
    let baud = given(&format!("{field}.baud"), &raw.baud, |&baud| {
        values::baud(baud)
    })?;
    Ok(UartConfig {
        name: name.unwrap_or_else(|| path.clone()),
        path,
        baud: baud.unwrap_or(values::DEFAULT_BAUD),
    })
}

fn platform(name: &str, base_dir: &Path) -> Result<Platform, Explanation> {
    let file = files::tidy(&base_dir.join(name));
    if is_file(&file, LARGEST_TEXT)? {
        return Ok(Platform::File(file));
    }
    values::built_in(BuiltIn::Platform, name, &file).map(Platform::BuiltIn)
}

//! Checks the fields of one machine: platform, firmware.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::error::{BadFields, BadValue, BuiltIn, Explanation, Problem};
use super::field::{each, given, is_file};
use super::renode::{LoadCommand, Platform, RenodeConfig, UartConfig};
use super::uarts::NamedUart;
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

/// Checks a board on Renode and its UARTs, unless neither is given.
pub(super) fn board(
    platform_name: &Option<String>,
    uarts: Option<&[NamedUart]>,
    base_dir: &Path,
) -> Result<Option<RenodeConfig>, Problem> {
    let platform = given("platform", platform_name, |name| platform(name, base_dir))?;
    match (platform, uarts) {
        (Some(platform), Some(uarts)) => Ok(Some(RenodeConfig {
            platform,
            fragments: Vec::new(),
            uarts: on_renode(uarts)?,
        })),
        (Some(_), None) => Err(Problem::new("platform", BadFields::PlatformWithoutUart)),
        (None, Some(uarts)) => match uarts.iter().find(|uart| uart.path.is_some()) {
            Some(uart) => Err(Problem::new(uart.list(), BadFields::UartWithoutPlatform)),
            None => Ok(None),
        },
        (None, None) => Ok(None),
    }
}

/// Returns the UARTs on Renode.
pub(super) fn on_renode(uarts: &[NamedUart]) -> Result<Vec<UartConfig>, Problem> {
    uarts.iter().map(NamedUart::on_renode).collect()
}

fn platform(name: &str, base_dir: &Path) -> Result<Platform, Explanation> {
    let file = files::tidy(&base_dir.join(name));
    if is_file(&file, LARGEST_TEXT)? {
        return Ok(Platform::File(file));
    }
    values::built_in(BuiltIn::Platform, name, &file).map(Platform::BuiltIn)
}

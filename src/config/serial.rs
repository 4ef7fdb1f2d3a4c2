//! [`SerialConfig`]: a physical board's port, and the commands that control the board.
//!
//! The boot checks that the port and the programs exist, because the same file may run on
//! an emulator.

use std::path::{Path, PathBuf};

use super::engine::BackendKind;
use super::error::{BadFields, Explanation, Problem};
use super::field::given;
use super::raw::RawSerial;
use super::uarts::NamedUart;
use super::values;
use crate::files;

/// The placeholder for the image in an argument of `flash`.
pub(crate) const FIRMWARE: &str = "{firmware}";

/// The settings for a physical board: the port that its UART is connected to,
/// and programs of this host that do what an emulator does by itself.
///
/// The first item of a command is the program, which is searched in `PATH` unless it contains
/// a `/`. Commands run without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SerialConfig {
    pub(crate) port: PathBuf,
    pub(crate) baud: u32,
    pub(crate) flash: Option<BoardCommand>,
    pub(crate) reset: Option<BoardCommand>,
    pub(crate) power_on: Option<BoardCommand>,
    pub(crate) power_off: Option<BoardCommand>,
}

impl SerialConfig {
    /// Returns `serial.port`: the serial port. An absolute path.
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// Returns `serial.baud`: the port's speed, in bits per second; 8 data bits, no parity, 1 stop bit.
    /// Default 115200.
    pub fn baud(&self) -> u32 {
        self.baud
    }

    /// Returns `serial.flash`: the command that writes firmware to the board; `{firmware}` is the image's
    /// absolute path.
    pub fn flash(&self) -> Option<&BoardCommand> {
        self.flash.as_ref()
    }

    /// Returns `serial.reset`: the command that resets the board.
    pub fn reset(&self) -> Option<&BoardCommand> {
        self.reset.as_ref()
    }

    /// Returns `serial.power_on`: the command that turns the board's supply on. Default: the supply is
    /// always on.
    pub fn power_on(&self) -> Option<&BoardCommand> {
        self.power_on.as_ref()
    }

    /// Returns `serial.power_off`: the command that turns the board's supply off. Default: the supply
    /// stays on.
    pub fn power_off(&self) -> Option<&BoardCommand> {
        self.power_off.as_ref()
    }
}

/// A program of this host that controls a board, and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BoardCommand {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl BoardCommand {
    /// Returns a name to search in `PATH`, or an absolute path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the arguments; each item is one argument, whatever characters it contains.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

pub(super) fn serial(
    backend: BackendKind,
    raw: Option<&RawSerial>,
    uarts: Option<&[NamedUart]>,
    base_dir: &Path,
) -> Result<Option<SerialConfig>, Problem> {
    let Some(raw) = raw else {
        if backend == BackendKind::Serial {
            return Err(Problem::new("backend", BadFields::SerialWithoutPort));
        }
        return Ok(None);
    };
    if uarts.is_some_and(|uarts| uarts.len() > 1) {
        return Err(Problem::new("serial", BadFields::SerialWithUarts));
    }
    let port = given("serial.port", &raw.port, |path| port(path, base_dir))?;
    let port = port.ok_or_else(|| Problem::new("serial", BadFields::PortMissing))?;
    let command = |name: &str, items: &Option<Vec<String>>| {
        let field = format!("serial.{name}");
        let items = items.as_deref();
        items
            .map(|items| command(&field, items, base_dir))
            .transpose()
    };
    Ok(Some(SerialConfig {
        port,
        baud: given("serial.baud", &raw.baud, |&baud| values::baud(baud))?
            .unwrap_or(values::DEFAULT_BAUD),
        flash: command("flash", &raw.flash)?,
        reset: command("reset", &raw.reset)?,
        power_on: command("power_on", &raw.power_on)?,
        power_off: command("power_off", &raw.power_off)?,
    }))
}

fn port(path: &str, base_dir: &Path) -> Result<PathBuf, Explanation> {
    values::host_text(path)?;
    Ok(files::tidy(&base_dir.join(path)))
}

fn command(field: &str, items: &[String], base_dir: &Path) -> Result<BoardCommand, Problem> {
    let [program, arguments @ ..] = items else {
        return Err(Problem::new(field, BadFields::EmptyProgram));
    };
    let of = |index: usize| {
        let place = format!("{field}[{index}]");
        move |why: Explanation| Problem::new(place, why)
    };
    values::host_text(program).map_err(of(0))?;
    let is_flash = field == "serial.flash";
    let mut has_placeholder = false;
    for (index, argument) in (1..).zip(arguments) {
        if values::placeholder(argument).map_err(of(index))? {
            has_placeholder = true;
            if !is_flash {
                return Err(of(index)(BadFields::FirmwareNotInFlash.into()));
            }
        }
    }
    if is_flash && !has_placeholder {
        return Err(Problem::new(field, BadFields::FlashWithoutFirmware));
    }
    let program = match program.contains('/') {
        true => files::tidy(&base_dir.join(program)),
        false => PathBuf::from(program),
    };
    Ok(BoardCommand {
        program,
        arguments: arguments.to_vec(),
    })
}

//! The fields of the YAML file and their types.
//!
//! [`document`] parses the text, and [`fields`] turns the result into [`Raw`], a target before
//! its values are checked.

use std::fmt;
use std::marker::PhantomData;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_path_to_error::deserialize;
use serde_yaml::{Deserializer, Mapping, Value};

use super::coverage::RawCoverage;
use super::error::{BadYaml, Problem};

/// A board for the tests of virtual-target.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Board"))]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct Raw {
    /// The engine that runs the board: Renode, QEMU, a physical board (`serial`), or `auto`:
    /// Renode where it is installed, else QEMU. Default `renode`.
    pub(super) backend: Option<String>,
    /// The time in which the board runs. `virtual`, on Renode: the board is paused except while an
    /// operation waits. Default `realtime`.
    pub(super) clock: Option<String>,
    /// Renode's board description: a `.repl` file of the project, or one that comes with Renode,
    /// such as `platforms/boards/stm32f4_discovery-kit.repl`.
    pub(super) platform: Option<String>,
    /// Instead of `platform`: a `.resc` file that makes the board, of the project or one that
    /// comes with Renode.
    pub(super) script: Option<String>,
    /// What the script is given: text, numbers, `@` and the path of a file.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "serde_json::Map<String, serde_json::Value>")
    )]
    pub(super) variables: Option<Mapping>,
    /// Additions to the platform: `.repl` files, or the text of one.
    pub(super) platform_fragments: Option<Vec<String>>,
    /// The UART to talk to, such as `sysbus.usart2`, or `semihosting`, on QEMU.
    pub(super) uart: Option<RawUart>,
    /// Several UARTs, by names.
    pub(super) uarts: Option<Named<RawUart>>,
    /// The connection of Renode's UARTs; `socket` where there are no pseudo-terminals. Default
    /// `pty`.
    pub(super) uart_transport: Option<String>,
    /// Whether one Renode runs several boards of a process or of a test run, one after the other.
    /// Default `process`.
    pub(super) reuse: Option<String>,
    /// The board's name in messages, and its machine's inside Renode. Default `machine-0`.
    pub(super) machine_name: Option<String>,
    /// Renode monitor commands that run before the firmware is loaded.
    pub(super) extra_commands: Option<Vec<String>>,
    /// The connection to Renode's monitor. Default `console`.
    pub(super) control: Option<String>,
    /// The port for `control: telnet`; 0 is any free port.
    pub(super) monitor_port: Option<i64>,
    /// True if tests may send monitor commands of their own. Default `false`.
    pub(super) allow_raw_monitor: Option<bool>,
    /// The image to flash, unless the code names one; relative to this file.
    pub(super) firmware: Option<String>,
    /// The Renode command that loads the firmware. Default: by the file's format.
    pub(super) load_command: Option<String>,
    /// The address of a raw binary, such as 0x08000000.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) load_address: Option<Value>,
    /// ELF files whose symbols and debug information are used in addition to the firmware's: of a
    /// HEX file or binary, of a boot loader.
    pub(super) symbols: Option<Vec<String>>,
    /// The board on QEMU.
    pub(super) qemu: Option<RawQemu>,
    /// A physical board on a serial port.
    pub(super) serial: Option<RawSerial>,
    /// The time limits of operations.
    pub(super) timeouts: Option<RawTimeouts>,
    /// The end of a line that `send_line` sends. Default `lf`.
    pub(super) line_ending: Option<String>,
    /// The firmware's prompt, all of it, for `run`; `re:` starts a regular expression.
    pub(super) prompt: Option<String>,
    /// Whether the firmware sends back the lines that it receives. Default `auto`: found out with
    /// the first `run`.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) echo: Option<Value>,
    /// Patterns of log lines that are no part of what `run` returns.
    pub(super) ignore_lines: Option<Vec<String>>,
    /// Patterns that must never appear: a test in which one does fails.
    pub(super) forbid: Option<Vec<String>>,
    /// Patterns that must never appear in a line of the emulator's log.
    pub(super) fail_on_log: Option<Vec<String>>,
    /// True if colour codes are ignored when matching. Default `true`.
    pub(super) strip_ansi: Option<bool>,
    /// The size of each UART's output that is kept, such as `512MiB`. Default `256MiB`.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) kept_output: Option<Value>,
    /// Whether the lines of the firmware that run are recorded: `lines`, or `{exclude: […]}` for all
    /// but some sources.
    pub(super) coverage: Option<RawCoverage>,
    /// Several machines in one target, by names; on Renode only.
    pub(super) machines: Option<Named<RawMachine>>,
    /// Lines between UARTs of the machines, by names.
    pub(super) uart_hubs: Option<Named<Vec<String>>>,
    /// Ethernet switches between the machines, by names.
    pub(super) switches: Option<Named<Vec<String>>>,
}

/// One of several machines.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Machine"))]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawMachine {
    /// Renode's board description: a `.repl` file of the project, or one that comes with Renode.
    pub(super) platform: Option<String>,
    /// The UART to talk to, such as `sysbus.usart2`.
    pub(super) uart: Option<RawUart>,
    /// Several UARTs, by names.
    pub(super) uarts: Option<Named<RawUart>>,
    /// Renode monitor commands that run before the firmware is loaded.
    pub(super) extra_commands: Option<Vec<String>>,
    /// The image to flash, unless the code names one; relative to this file.
    pub(super) firmware: Option<String>,
    /// The Renode command that loads the firmware. Default: by the file's format.
    pub(super) load_command: Option<String>,
    /// The address of a raw binary, such as 0x08000000.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) load_address: Option<Value>,
    /// ELF files whose symbols and debug information are used in addition to the firmware's.
    pub(super) symbols: Option<Vec<String>>,
}

/// The settings for QEMU.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Qemu"))]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawQemu {
    /// The processor's architecture, which selects QEMU's program. Default `arm`.
    pub(super) arch: Option<String>,
    /// The machine, one of `qemu-system-arm -machine help`; may have properties:
    /// `sifive_e,revb=true`.
    pub(super) machine: Option<String>,
    /// The CPU. Default: the machine's.
    pub(super) cpu: Option<String>,
    /// The serial port to talk to, counted from 0. Default 0.
    pub(super) serial: Option<i64>,
    /// Further arguments of QEMU.
    pub(super) args: Option<Vec<String>>,
}

/// The settings for a physical board.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Serial"))]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawSerial {
    /// The serial port, such as /dev/ttyACM0.
    pub(super) port: Option<String>,
    /// The port's speed, in bits per second; 8N1. Default 115200.
    pub(super) baud: Option<i64>,
    /// The command that writes the image `{firmware}` to the board: a program and its arguments.
    pub(super) flash: Option<Vec<String>>,
    /// The command that resets the board.
    pub(super) reset: Option<Vec<String>>,
    /// The command that turns the board's supply on.
    pub(super) power_on: Option<Vec<String>>,
    /// The command that turns the board's supply off.
    pub(super) power_off: Option<Vec<String>>,
}

/// The time limits: a whole number and its unit, `ms`, `s` or `min`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Timeouts"))]
#[serde(default, deny_unknown_fields, expecting = "fields (`name: value`)")]
pub(super) struct RawTimeouts {
    /// For output of the firmware, in the board's clock. Default `10s`.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) expect: Option<Value>,
    /// For loading and starting the board, in host time. Default `60s`.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) boot: Option<Value>,
    /// For one command to the emulator or of a physical board, in host time. Default `30s`.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub(super) command: Option<Value>,
}

/// A UART, given as its path or as fields.
#[derive(Debug)]
pub(super) struct RawUart {
    pub(super) path: Option<String>,
    pub(super) baud: Option<i64>,
    pub(super) serial: Option<i64>,
}

impl RawUart {
    /// Returns the UART that is given by its path alone.
    pub(super) fn at(path: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            baud: None,
            serial: None,
        }
    }
}

/// A UART and its speed.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Uart"))]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawUartFields {
    /// The UART's path in Renode, such as `sysbus.usart2`; `semihosting` is the firmware's
    /// semihosting output, on QEMU.
    path: Option<String>,
    /// The speed at which what is sent arrives in the guest's time, on Renode. Default 115200.
    baud: Option<i64>,
    /// One of several `uarts`: QEMU's serial port, counted from 0.
    serial: Option<i64>,
}

impl<'de> Deserialize<'de> for RawUart {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathOrFields)
    }
}

struct PathOrFields;

impl<'de> Visitor<'de> for PathOrFields {
    type Value = RawUart;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UART's path, such as `sysbus.usart2`, or `{path: …, baud: …}`")
    }

    fn visit_str<E>(self, path: &str) -> Result<RawUart, E> {
        Ok(RawUart::at(path))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawUart, A::Error> {
        let fields = de::value::MapAccessDeserializer::new(map);
        let RawUartFields { path, baud, serial } = RawUartFields::deserialize(fields)?;
        Ok(RawUart { path, baud, serial })
    }
}

/// Values by names that the user has chosen, in the order of the file.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names(PhantomData))
    }
}

struct Names<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields (`name: value`)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut named = Vec::new();
        while let Some(entry) = map.next_entry()? {
            named.push(entry);
        }
        Ok(Named(named))
    }
}

/// Parses text into YAML values, from which [`fields`] makes [`Raw`]. A direct conversion
/// would accept a number wherever text is expected.
pub(super) fn document(text: &str) -> Result<Value, Problem> {
    check_depth(text)?;
    deserialize(Deserializer::from_str(text)).map_err(|error| Problem::not_yaml(text, &error))
}

/// Rejects deeply nested text, because the parser's time grows with the square of the depth.
///
/// Brackets in strings and comments count as well: no real file has so many unclosed ones.
fn check_depth(text: &str) -> Result<(), Problem> {
    const DEEPEST: usize = 1000;
    let mut depth: usize = 0;
    for (number, line) in (1..).zip(text.lines()) {
        for (column, c) in (1..).zip(line.chars()) {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                let why = BadYaml::Brackets { limit: DEEPEST };
                return Err(Problem::new("", why).at(number, column));
            }
        }
    }
    Ok(())
}

/// Reads the fields of a target.
pub(super) fn fields(value: Value) -> Result<Raw, Problem> {
    if value.is_null() {
        return Err(Problem::new("", BadYaml::Empty));
    }
    deserialize(value).map_err(|error| Problem::mistyped(&error))
}

//! [`TargetConfig`]: the checked settings that define a board.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::coverage::CoverageConfig;
use super::defaults::{Echo, LineEnding, Timeouts};
use super::engine::{BackendKind, ClockKind, Reuse};
use super::error::{BadFields, ConfigError, ConfigErrorKind, Explanation, FieldPlace, Problem};
use super::machines::{MachineConfig, Switch, UartHub};
use super::qemu::QemuConfig;
use super::qemu_port::QemuPort;
use super::renode::{Control, LoadCommand, RenodeConfig, UartTransport};
use super::serial::SerialConfig;
use crate::firmware::Architecture;

/// The settings that define a board; the guide's chapter on board files has the YAML fields.
///
/// Every value has been checked: names are safe in a command, and paths are absolute. The
/// boot, not this type, checks that the firmware exists, because the test may name another
/// file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TargetConfig {
    pub(crate) backend: BackendKind,
    pub(crate) machine_name: String,
    pub(crate) clock: ClockKind,
    pub(crate) uart_transport: UartTransport,
    pub(crate) reuse: Option<Reuse>,
    pub(crate) extra_commands: Vec<String>,
    pub(crate) control: Control,
    pub(crate) allow_raw_monitor: bool,
    pub(crate) firmware: Option<PathBuf>,
    pub(crate) load_command: Option<LoadCommand>,
    pub(crate) load_address: Option<u64>,
    pub(crate) symbols: Vec<PathBuf>,
    pub(crate) timeouts: Timeouts,
    pub(crate) line_ending: LineEnding,
    pub(crate) prompt: Option<String>,
    pub(crate) echo: Echo,
    pub(crate) ignore_lines: Vec<String>,
    pub(crate) forbid: Vec<String>,
    pub(crate) fail_on_log: Vec<String>,
    pub(crate) strip_ansi: bool,
    pub(crate) kept_output: u64,
    pub(crate) coverage: Option<CoverageConfig>,
    pub(super) renode: Option<RenodeConfig>,
    pub(super) machines: Vec<MachineConfig>,
    pub(super) uart_hubs: Vec<UartHub>,
    pub(super) switches: Vec<Switch>,
    pub(super) qemu: Option<QemuConfig>,
    pub(super) serial: Option<SerialConfig>,
    pub(super) source: Source,
    pub(super) skipped: Vec<String>,
}

impl TargetConfig {
    /// Returns `backend`: the engine that runs the target. Default `renode`.
    pub fn backend(&self) -> BackendKind {
        self.backend
    }

    /// Returns `machine_name`: the board's name in messages, and its machine's name inside Renode.
    /// Default `machine-0`. If a script makes the machines, the name selects the machine that
    /// is the board; without a name, messages use the script's name.
    /// With several `machines`, the name of the first. The other fields of a single machine
    /// are then in [`machines`](Self::machines).
    pub fn machine_name(&self) -> &str {
        &self.machine_name
    }

    /// Returns `extra_commands`: Renode monitor commands, run after the UART is
    /// connected and before the firmware is loaded. Commands that set registers of
    /// the board to numbers (`sysbus WriteDoubleWord 0x40090030 0x0301`,
    /// `sysbus.cpu0 VectorTableOffset 0x00400000`) run again at every reset,
    /// because a reset undoes them. Other engines run none of them.
    pub fn extra_commands(&self) -> &[String] {
        &self.extra_commands
    }

    /// Returns `coverage`: whether the lines of the firmware that run are recorded. `None` if the file
    /// does not say; `VTARGET_COVERAGE=1` then turns it on.
    pub fn coverage(&self) -> Option<&CoverageConfig> {
        self.coverage.as_ref()
    }

    /// Returns `reuse`: whether one Renode runs several boards of this process, one after the other.
    /// `None` if the file does not say: then `VTARGET_REUSE` or the [default](Reuse) counts.
    pub fn reuse(&self) -> Option<Reuse> {
        self.reuse
    }

    /// Returns `control`, `monitor_port`: the connection to Renode's monitor. Default `console`.
    pub fn control(&self) -> Control {
        self.control
    }

    /// Returns `allow_raw_monitor`: true if tests may send their own monitor commands,
    /// which can read and write files of the host. Default `false`.
    pub fn allow_raw_monitor(&self) -> bool {
        self.allow_raw_monitor
    }

    /// Returns `firmware`: the image to load. An absolute path.
    pub fn firmware(&self) -> Option<&Path> {
        self.firmware.as_deref()
    }

    /// Returns `load_command`: the Renode command that loads the firmware. Default: by the file's format.
    pub fn load_command(&self) -> Option<LoadCommand> {
        self.load_command
    }

    /// Returns `load_address`: the address in the board's memory at which a raw binary is loaded.
    pub fn load_address(&self) -> Option<u64> {
        self.load_address
    }

    /// Returns `symbols`: ELF files whose symbols and debug information are used in addition to the
    /// firmware's, for what lies behind a HEX file, a binary or a boot loader. Absolute paths.
    pub fn symbols(&self) -> &[PathBuf] {
        &self.symbols
    }

    /// Returns `timeouts`: the time limits.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Returns `line_ending`: the end of a sent line. Default `lf`.
    pub fn line_ending(&self) -> LineEnding {
        self.line_ending
    }

    /// Returns `prompt`: the pattern of the firmware's shell prompt (`re:` starts a regular expression).
    pub fn prompt(&self) -> Option<&str> {
        self.prompt.as_deref()
    }

    /// Returns `echo`: the firmware's shell echoes the lines it receives, or does not. Default `auto`.
    pub fn echo(&self) -> Echo {
        self.echo
    }

    /// Returns `ignore_lines`: patterns of log lines that may appear in a command's output; the
    /// answers of `run` omit them.
    pub fn ignore_lines(&self) -> &[String] {
        &self.ignore_lines
    }

    /// Returns `forbid`: patterns that must never appear; a test fails if one does.
    pub fn forbid(&self) -> &[String] {
        &self.forbid
    }

    /// Returns `fail_on_log`: patterns that must never appear in a line of the emulator's log; a test fails
    /// if one does.
    pub fn fail_on_log(&self) -> &[String] {
        &self.fail_on_log
    }

    /// Returns `strip_ansi`: true if colour codes are removed from received lines
    /// before they are matched. Default `true`.
    pub fn strip_ansi(&self) -> bool {
        self.strip_ansi
    }

    /// Returns `kept_output`: the number of bytes of each UART's output that are kept, in a file in
    /// `TMPDIR` that has no name; the oldest bytes beyond it are dropped. Default 256 MiB.
    pub fn kept_output(&self) -> u64 {
        self.kept_output
    }
}

/// The origin of a configuration, for messages.
#[derive(Clone, Default)]
pub(super) struct Source {
    /// The file, or `<yaml>` for text.
    pub(super) file: PathBuf,
    pub(super) text: String,
    /// The target's path in the file, such as `export.ecu.config`; empty for the whole file.
    pub(super) target: String,
    /// The fields as they were given.
    pub(super) settings: Value,
    /// The absolute directory at which relative paths start.
    pub(super) base_dir: PathBuf,
    /// True if the fields are those of a Jumpstarter driver, which has defaults of its own.
    pub(super) is_renode_driver: bool,
    /// The entries of an exporter's file that are not used.
    pub(super) skipped: Vec<String>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl TargetConfig {
    /// Returns `clock`, the time in which the board runs. Default `realtime`.
    pub fn clock(&self) -> ClockKind {
        self.clock
    }

    /// Returns `uart_transport`, which connects Renode's UARTs to the tests. Default `pty`.
    pub fn uart_transport(&self) -> UartTransport {
        self.uart_transport
    }

    /// Returns the unused entries of an exporter's file, by name and driver, and the unused
    /// settings of the target's own entry.
    ///
    /// The boot names them in a notice. Empty for any other file.
    pub fn skipped_entries(&self) -> &[String] {
        &self.skipped
    }

    /// Returns Renode's settings for the board.
    ///
    /// # Errors
    ///
    /// The configuration has no board for Renode: no `platform` or `script`, and no `machines`; or
    /// a UART is `semihosting`.
    pub fn renode(&self) -> Result<&RenodeConfig, ConfigError> {
        let renode = self.renode.as_ref();
        renode.ok_or_else(|| match self.semihosting() {
            Some(field) => self.invalid(&field, BadFields::SemihostingOnRenode),
            None => self.error(ConfigErrorKind::NoRenode),
        })
    }

    /// Returns the field of the UART that is the firmware's semihosting output.
    fn semihosting(&self) -> Option<String> {
        let uarts = &self.qemu.as_ref()?.uarts;
        let uart = uarts.iter().find(|it| it.port == QemuPort::Semihosting)?;
        let list = self.source.settings.get("uarts");
        Some(match list.is_some() {
            true => format!("uarts.{}", uart.name),
            false => "uart".to_owned(),
        })
    }

    /// Returns the machines that Renode emulates, in the order of the file; at least one.
    ///
    /// # Errors
    ///
    /// As for [`renode`](Self::renode): only another engine can run it.
    pub fn machines(&self) -> Result<Vec<MachineConfig>, ConfigError> {
        if !self.machines.is_empty() {
            return Ok(self.machines.clone());
        }
        Ok(vec![MachineConfig {
            name: self.machine_name.clone(),
            renode: self.renode()?.clone(),
            extra_commands: self.extra_commands.clone(),
            firmware: self.firmware.clone(),
            load_command: self.load_command,
            load_address: self.load_address,
            symbols: self.symbols.clone(),
        }])
    }

    /// Returns the UART connections between several `machines`.
    pub fn uart_hubs(&self) -> &[UartHub] {
        &self.uart_hubs
    }

    /// Returns the Ethernet switches between several `machines`.
    pub fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// Returns the machines' names and firmware, for any engine.
    pub(crate) fn images(&self) -> Vec<(&str, Option<&Path>)> {
        if self.machines.is_empty() {
            return vec![(&self.machine_name, self.firmware.as_deref())];
        }
        let machines = self.machines.iter();
        machines
            .map(|machine| (machine.name.as_str(), machine.firmware.as_deref()))
            .collect()
    }

    /// Returns the `symbols` of each machine, in the order of [`images`](Self::images).
    pub(crate) fn all_symbols(&self) -> Vec<&[PathBuf]> {
        match &self.machines[..] {
            [] => vec![&self.symbols],
            machines => machines.iter().map(MachineConfig::symbols).collect(),
        }
    }

    /// Returns the `load_address` of each machine, in the order of [`images`](Self::images).
    pub(crate) fn load_addresses(&self) -> Vec<Option<u64>> {
        match &self.machines[..] {
            [] => vec![self.load_address],
            machines => machines.iter().map(MachineConfig::load_address).collect(),
        }
    }

    /// Creates the error of a test that asks for an unknown machine `name`.
    pub(crate) fn no_such_machine(&self, name: &str) -> ConfigError {
        self.error(ConfigErrorKind::NoSuchMachine {
            name: name.to_owned(),
            known: self.machine_names(),
        })
    }

    /// Checks that there is only one machine, for operations that do not name a machine.
    pub(crate) fn single_machine(&self) -> Result<(), ConfigError> {
        if self.machines.len() < 2 {
            return Ok(());
        }
        let known = self.machine_names();
        Err(self.error(ConfigErrorKind::WhichMachine { known }))
    }

    fn machine_names(&self) -> Vec<String> {
        self.images()
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    }

    /// Returns QEMU's settings for the board.
    ///
    /// # Errors
    ///
    /// The configuration has no `qemu` section, or several machines.
    pub fn qemu(&self) -> Result<&QemuConfig, ConfigError> {
        let forced = false;
        let qemu = self.qemu.as_ref();
        qemu.ok_or_else(|| {
            self.error(match self.machines.is_empty() {
                true => ConfigErrorKind::NoQemu { forced },
                false => ConfigErrorKind::MachinesOnQemu { forced },
            })
        })
    }

    /// Returns the processor's architecture, if the configuration has a board on QEMU, which says it.
    pub(crate) fn architecture(&self) -> Option<Architecture> {
        self.qemu.as_ref().map(|qemu| qemu.arch)
    }

    /// Returns the directory at which relative paths start. An absolute path.
    pub(crate) fn directory(&self) -> &Path {
        &self.source.base_dir
    }

    /// Returns the settings for a physical board.
    ///
    /// # Errors
    ///
    /// The configuration has no `serial` section.
    pub fn serial(&self) -> Result<&SerialConfig, ConfigError> {
        self.serial
            .as_ref()
            .ok_or_else(|| self.error(ConfigErrorKind::NoSerial))
    }

    /// Creates the error of a test that asks for the UART `name`, when only `known` exist.
    pub(crate) fn no_such_uart<'a>(
        &self,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> ConfigError {
        self.error(ConfigErrorKind::NoSuchUart {
            name: name.to_owned(),
            known: known.into_iter().map(str::to_owned).collect(),
        })
    }

    /// Checks that tests may send monitor commands such as `command`.
    pub(crate) fn raw_monitor(&self, command: &str) -> Result<(), ConfigError> {
        if self.allow_raw_monitor {
            return Ok(());
        }
        let command = command.to_owned();
        Err(self.error(ConfigErrorKind::RawMonitor { command }))
    }

    /// Creates the error that the value of `field`, such as `forbid[1]`, is not valid, with its
    /// place in the file.
    ///
    /// Other modules call it for values that only they can check, with their error.
    pub(crate) fn invalid(&self, field: &str, why: impl Into<Explanation>) -> ConfigError {
        let Source {
            file, text, target, ..
        } = &self.source;
        let problem = Problem::new(field, why);
        problem.under(target).locate(file, text)
    }

    /// Checks that the clock is real, as every engine other than Renode requires.
    pub(crate) fn in_real_time(&self) -> Result<(), ConfigError> {
        match self.clock {
            ClockKind::Realtime => Ok(()),
            ClockKind::Virtual => Err(self.invalid("clock", BadFields::NoVirtualClock)),
        }
    }

    /// Checks that nothing is asked of an emulator's log, which a physical board does not have.
    pub(crate) fn without_log(&self) -> Result<(), ConfigError> {
        match self.fail_on_log.is_empty() {
            true => Ok(()),
            false => Err(self.invalid("fail_on_log", BadFields::NoLog)),
        }
    }

    /// Returns the place of `field` in the file.
    pub(crate) fn place(&self, field: &str) -> FieldPlace {
        let Source {
            file, text, target, ..
        } = &self.source;
        FieldPlace::of(field, target, file, text)
    }

    /// Creates an error of the whole file.
    fn error(&self, kind: ConfigErrorKind) -> ConfigError {
        ConfigError::new(&self.source.file, kind)
    }

    /// Returns the name of a machine's field in the file, such as `uart` or `machines.node-a.uart`.
    pub(crate) fn field_of(&self, machine: &str, field: &str) -> String {
        match self.machines.is_empty() {
            true => field.to_owned(),
            false => format!("machines.{machine}.{field}"),
        }
    }
}

//! `TargetConfig`: everything that defines a board, checked.

use std::fmt;
use std::path::{Path, PathBuf};

use super::defaults::{Echo, LineEnding, Timeouts};
use super::engine::{BackendKind, ClockKind, NO_VIRTUAL_CLOCK, fits};
use super::error::{ConfigError, Problem};
use super::machines::{MachineConfig, Switch, UartHub};
use super::renode::{Control, LoadCommand, RenodeConfig, UartTransport};
use super::serial::SerialConfig;
use crate::firmware::Architecture;

/// Everything that defines a board; see the README's table for the YAML fields.
///
/// Every value has been checked: names are safe to put into a command, paths
/// are absolute. Whether the firmware exists is found out at boot, because the
/// test may name another one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TargetConfig {
    /// `backend`: what the target runs on. Default `renode`.
    pub backend: BackendKind,
    /// `machine_name`: what messages call the board, and its machine's name inside Renode.
    /// Default `machine-0`. Of the machines that a script makes, the one that is the board;
    /// where none is named, messages call it by the script's name.
    /// Of several `machines` the first one's; what else is said here of a single
    /// machine is then in [`machines`](Self::machines).
    pub machine_name: String,
    pub(crate) clock: ClockKind,
    pub(crate) uart_transport: UartTransport,
    /// `extra_commands`: Renode monitor commands, run after the UART is
    /// connected and before the firmware is loaded. Those that set registers of
    /// the board to numbers (`sysbus WriteDoubleWord 0x40090030 0x0301`,
    /// `sysbus.cpu0 VectorTableOffset 0x00400000`) are run again at every reset,
    /// which would undo them. Other engines run none of them.
    pub extra_commands: Vec<String>,
    /// `control`, `monitor_port`: the way to Renode's monitor. Default `console`.
    pub control: Control,
    /// `allow_raw_monitor`: whether tests may send monitor commands of their
    /// own; these can read and write files of the host. Default `false`.
    pub allow_raw_monitor: bool,
    /// `firmware`: the image to load. An absolute path.
    pub firmware: Option<PathBuf>,
    /// `load_command`: how Renode loads the firmware. Default: by the file's format.
    pub load_command: Option<LoadCommand>,
    /// `load_address`: where a raw binary goes in the board's memory.
    pub load_address: Option<u64>,
    /// `timeouts`: how long to wait for what.
    pub timeouts: Timeouts,
    /// `line_ending`: what ends a line that is sent. Default `lf`.
    pub line_ending: LineEnding,
    /// `prompt`: the pattern of the firmware's shell prompt (`re:` starts a regular expression).
    pub prompt: Option<String>,
    /// `echo`: whether the firmware's shell echoes the lines that it is sent. Default `auto`.
    pub echo: Echo,
    /// `ignore_lines`: patterns of log lines that may come between a command's output; they
    /// are left out of the answers of `run`.
    pub ignore_lines: Vec<String>,
    /// `forbid`: patterns that must never appear; a test in which one does fails.
    pub forbid: Vec<String>,
    /// `strip_ansi`: whether colour codes are removed from received lines
    /// before they are matched. Default `true`.
    pub strip_ansi: bool,
    /// `kept_output`: how many bytes of each UART's output are kept in a file, which has no
    /// name and is in `TMPDIR`; beyond it the oldest are dropped. Default 256 MiB.
    pub kept_output: u64,
    pub(super) renode: Option<RenodeConfig>,
    pub(super) machines: Vec<MachineConfig>,
    pub(super) uart_hubs: Vec<UartHub>,
    pub(super) switches: Vec<Switch>,
    pub(super) qemu: Option<QemuConfig>,
    pub(super) serial: Option<SerialConfig>,
    pub(super) source: Source,
    pub(super) skipped: Vec<String>,
}

/// What a configuration was read from, for messages.
#[derive(Clone)]
pub(super) struct Source {
    /// The file, or `<yaml>` for text.
    pub(super) file: PathBuf,
    pub(super) text: String,
    /// Where in it the target stands, such as `export.ecu.config`; empty if it is all of it.
    pub(super) target: String,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

/// What QEMU needs to know of a board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QemuConfig {
    /// `qemu.machine`: the board's name in `qemu-system-arm -machine help`.
    pub machine: String,
    /// `qemu.cpu`: the CPU's name in `-cpu help`. Default: the machine's own.
    pub cpu: Option<String>,
    /// `qemu.serial`: which of the machine's serial ports to talk to, counted from 0. Default 0.
    pub serial: u8,
}

impl QemuConfig {
    /// What the boards of `qemu-system-arm` run.
    pub(crate) const ARCHITECTURE: Architecture = Architecture::Arm;
}

impl TargetConfig {
    /// `clock`: the time that the board runs in. Default `realtime`.
    pub fn clock(&self) -> ClockKind {
        self.clock
    }

    /// The same target in another time.
    ///
    /// # Errors
    ///
    /// The target cannot have a virtual clock: it is for another engine than Renode, or its UARTs
    /// are connected by sockets.
    ///
    /// ```
    /// # use virtual_target::config::{ClockKind, TargetConfig};
    /// let board = "platform: platforms/boards/b.repl\nuart: sysbus.uart0\n";
    /// let config = TargetConfig::from_yaml_str(board, ".")?.with_clock(ClockKind::Virtual)?;
    /// assert_eq!(config.clock(), ClockKind::Virtual);
    /// # Ok::<(), virtual_target::config::ConfigError>(())
    /// ```
    pub fn with_clock(self, clock: ClockKind) -> Result<Self, ConfigError> {
        // Pseudo-terminals are the default: nobody has asked for them.
        let transport = Some(self.uart_transport).filter(|&it| it != UartTransport::Pty);
        match fits(clock, self.backend, transport) {
            Ok(()) => Ok(Self { clock, ..self }),
            Err(problem) => Err(self.invalid(&problem.field, problem.message)),
        }
    }

    /// `uart_transport`: what Renode's UARTs are connected by. Default `pty`.
    pub fn uart_transport(&self) -> UartTransport {
        self.uart_transport
    }

    /// The entries of an exporter's file that the target is not made of, by name and driver,
    /// and such settings of its own.
    ///
    /// They play no part here; the boot says so in a notice. Empty for any other file.
    pub fn skipped_entries(&self) -> &[String] {
        &self.skipped
    }

    /// What Renode needs to know of the board.
    ///
    /// # Errors
    ///
    /// The configuration has no board for Renode: no `platform` or `script`, and no `machines`.
    pub fn renode(&self) -> Result<&RenodeConfig, ConfigError> {
        self.renode.as_ref().ok_or_else(|| ConfigError::NoRenode {
            file: self.source.file.clone(),
        })
    }

    /// The machines as Renode plays them, in the order of the file; at least one.
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
        }])
    }

    /// The lines between several `machines`.
    pub fn uart_hubs(&self) -> &[UartHub] {
        &self.uart_hubs
    }

    /// The Ethernet switches between several `machines`.
    pub fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// The machines' names and firmware, whatever plays them.
    pub(crate) fn images(&self) -> Vec<(&str, Option<&Path>)> {
        if self.machines.is_empty() {
            return vec![(&self.machine_name, self.firmware.as_deref())];
        }
        let machines = self.machines.iter();
        machines
            .map(|machine| (machine.name.as_str(), machine.firmware.as_deref()))
            .collect()
    }

    /// The error of a test that asks for the machine `name`.
    pub(crate) fn no_such_machine(&self, name: &str) -> ConfigError {
        ConfigError::NoSuchMachine {
            file: self.source.file.clone(),
            name: name.to_owned(),
            known: self.names(),
        }
    }

    /// Checks that there is one machine only, for what would otherwise have to name one.
    pub(crate) fn single_machine(&self) -> Result<(), ConfigError> {
        if self.machines.len() < 2 {
            return Ok(());
        }
        Err(ConfigError::WhichMachine {
            file: self.source.file.clone(),
            known: self.names(),
        })
    }

    fn names(&self) -> Vec<String> {
        self.images()
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    }

    /// What QEMU needs to know of the board.
    ///
    /// # Errors
    ///
    /// The configuration has no `qemu` section, or several machines or UARTs.
    pub fn qemu(&self) -> Result<&QemuConfig, ConfigError> {
        let file = || self.source.file.clone();
        let advice = "install Renode";
        let several = |board: &RenodeConfig| board.uarts.len() > 1;
        match &self.qemu {
            Some(qemu) => Ok(qemu),
            None if !self.machines.is_empty() => Err(ConfigError::SeveralOnQemu {
                file: file(),
                what: "machines",
                advice,
            }),
            None if self.renode.as_ref().is_some_and(several) => Err(ConfigError::SeveralOnQemu {
                file: file(),
                what: "uarts",
                advice,
            }),
            None => Err(ConfigError::NoQemu {
                file: file(),
                advice,
            }),
        }
    }

    /// What is needed to work a physical board.
    ///
    /// # Errors
    ///
    /// The configuration has no `serial` section.
    pub fn serial(&self) -> Result<&SerialConfig, ConfigError> {
        self.serial.as_ref().ok_or_else(|| ConfigError::NoSerial {
            file: self.source.file.clone(),
        })
    }

    /// The error of a test that asks for the UART `name`, where there are only `known`.
    pub(crate) fn no_such_uart<'a>(
        &self,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> ConfigError {
        ConfigError::NoSuchUart {
            file: self.source.file.clone(),
            name: name.to_owned(),
            known: known.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Checks that tests may send monitor commands such as `command`.
    pub(crate) fn raw_monitor(&self, command: &str) -> Result<(), ConfigError> {
        if self.allow_raw_monitor {
            return Ok(());
        }
        Err(ConfigError::RawMonitor {
            file: self.source.file.clone(),
            command: command.to_owned(),
        })
    }

    /// That the value of `field`, such as `forbid[1]`, is not valid, with its place in the file.
    ///
    /// For values whose meaning other parts know; `message` says what is wrong and what would be right.
    pub(crate) fn invalid(&self, field: &str, message: impl fmt::Display) -> ConfigError {
        let Source { file, text, target } = &self.source;
        let mut problem = Problem::new(field, message.to_string());
        if !target.is_empty() {
            problem = problem.under(target);
        }
        problem.locate(file, text)
    }

    /// Checks that an engine other than Renode can run the target: that its clock is real.
    pub(crate) fn in_real_time(&self) -> Result<(), ConfigError> {
        match self.clock {
            ClockKind::Realtime => Ok(()),
            ClockKind::Virtual => Err(self.invalid("clock", NO_VIRTUAL_CLOCK)),
        }
    }

    /// Where `field` stands: file, line, column and its name.
    pub(crate) fn place(&self, field: &str) -> String {
        let invalid = self.invalid(field, "").to_string();
        invalid.trim_end_matches(": ").to_owned()
    }

    /// The name of a machine's field in the file, such as `uart` or `machines.node-a.uart`.
    pub(crate) fn field_of(&self, machine: &str, field: &str) -> String {
        match self.machines.is_empty() {
            true => field.to_owned(),
            false => format!("machines.{machine}.{field}"),
        }
    }
}

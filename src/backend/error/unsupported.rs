//! [`Unsupported`]: a request that an engine does not support.

use std::path::PathBuf;

use super::value::{ValueFlaw, ValueRole};
use crate::config::LoadCommand;
use crate::firmware::{Architecture, Format};

/// A request that an engine does not support. Its text continues `Renode cannot …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// An operation that needs an emulator, on a physical board.
    #[error("{operation} `{machine}`")]
    #[non_exhaustive]
    Operation {
        /// The operation, such as `read the registers of`.
        operation: &'static str,
        /// The machine's name.
        machine: String,
    },
    /// A debugger at a physical board.
    #[error("attach a debugger to `{machine}`")]
    #[non_exhaustive]
    Debugger {
        /// The machine's name.
        machine: String,
    },
    /// The registers of a processor of this family.
    #[error("read the registers of `{machine}`")]
    #[non_exhaustive]
    Registers {
        /// The machine's name.
        machine: String,
    },
    /// The state of an LED on an engine that does not show it.
    #[error("show the LED `{path}`")]
    #[non_exhaustive]
    Led {
        /// The LED's path, such as `sysbus.gpioPortA.led`.
        path: String,
    },
    /// A pin on an engine that gives no access to it.
    #[error("look at pin {pin} of `{port}`, or set it")]
    #[non_exhaustive]
    Pin {
        /// The GPIO port's path, such as `sysbus.gpioPortA`.
        port: String,
        /// The pin's number.
        pin: u32,
    },
    /// The log of a physical board, which has no emulator.
    #[error("tell what its emulator logs: a physical board has none")]
    Log,
    /// The log of a QEMU that has not been told to log anything.
    #[error("tell what it logs: it logs nothing of the guest unless it is told to at its start")]
    SilentLog,
    /// A press of a button on an engine that has none.
    #[error("press the button `{path}`")]
    #[non_exhaustive]
    Button {
        /// The button's path.
        path: String,
    },
    /// A run to a place of the program, on a physical board.
    #[error("stop at a place of the program")]
    RunUntil,
    /// A run to a place of the program, on a board without a processor of a known kind.
    #[error("run to a place")]
    NoProcessor,
    /// A command for the monitor of an engine that has none.
    #[error("do the monitor command `{command}`")]
    #[non_exhaustive]
    MonitorCommand {
        /// The command.
        command: String,
    },
    /// The metrics of an engine that does not count.
    #[error("measure what the board has done")]
    Metrics,
    /// Another CPU for a board that always has the same one.
    #[error("give its {machine} a {wanted}: that board always has a {found}")]
    #[non_exhaustive]
    Cpu {
        /// The board.
        machine: String,
        /// The configured CPU.
        wanted: String,
        /// The board's CPU.
        found: String,
    },
    /// A serial port that the board does not have.
    #[error(
        "connect serial {serial} of {machine}: it has no such serial port; below that it has {}",
        ranges(below)
    )]
    #[non_exhaustive]
    Serial {
        /// The board.
        machine: String,
        /// The number of the port, from 0.
        serial: u8,
        /// The lower numbers of ports that the board has.
        below: Vec<u8>,
    },
    /// An S-record file on QEMU.
    #[error("load the S-record file {path:?}")]
    #[non_exhaustive]
    SRecord {
        /// The image's path.
        path: PathBuf,
    },
    /// The symbols of an image, without the image.
    #[error("load the symbols of {path:?} alone")]
    #[non_exhaustive]
    SymbolsAlone {
        /// The image's path.
        path: PathBuf,
    },
    /// A load command for another format than the image has.
    #[error("load the {format} file {path:?} by `{}`", command.as_str())]
    #[non_exhaustive]
    LoadCommand {
        /// The image's format.
        format: Format,
        /// The image's path.
        path: PathBuf,
        /// The command.
        command: LoadCommand,
        /// True if the test names the command, false if the configuration does.
        by_test: bool,
    },
    /// A load command for a physical board.
    #[error("load {path:?} by `{}`", command.as_str())]
    #[non_exhaustive]
    OwnLoadCommand {
        /// The image's path.
        path: PathBuf,
        /// The command.
        command: LoadCommand,
    },
    /// An image for a physical board without a command that flashes it.
    #[error("be flashed with {path:?}")]
    #[non_exhaustive]
    Flash {
        /// The image's path.
        path: PathBuf,
    },
    /// The reset of a physical board without a command that resets it.
    #[error("be reset")]
    Reset,
    /// A script that lets the board run.
    #[error("make the board: the script lets it run before its UART is connected")]
    RunningScript,
    /// A script that does not say which machine is the board.
    #[error("tell which machine is the board: the script leaves none selected")]
    NoMachine,
    /// A command of the user's that lets the board run before the firmware is loaded.
    #[error("load the firmware: `{command}` lets the board run before that")]
    #[non_exhaustive]
    RunsTooEarly {
        /// The command.
        command: String,
    },
    /// An image for another processor than the board has.
    #[error(
        "run the firmware {path:?} on {board}: it is for {found}, and the board's {processor} is a \
         {processor_type} ({expected})"
    )]
    #[non_exhaustive]
    Firmware {
        /// The image's path.
        path: PathBuf,
        /// The machine's name.
        board: String,
        /// The architecture for which the image is built.
        found: Architecture,
        /// The name of the board's processor.
        processor: String,
        /// Its type in the engine.
        processor_type: String,
        /// Its architecture.
        expected: Architecture,
    },
    /// An image whose vectors may be at several places.
    #[error(
        "tell where the vectors are that {processor} is to start with: they may be at {}",
        joined(places)
    )]
    #[non_exhaustive]
    Vectors {
        /// The name of the board's processor.
        processor: String,
        /// The addresses.
        places: Vec<u64>,
    },
    /// A load command that a later version of the engine has.
    #[error("do `{}`, which came with {since}: this is {version}", command.as_str())]
    #[non_exhaustive]
    NewCommand {
        /// The command.
        command: LoadCommand,
        /// The first version that has it.
        since: String,
        /// The present version.
        version: String,
    },
    /// A platform that a later version of the engine has.
    #[error("load the platform {platform}, which came with {since}: this is {version}")]
    #[non_exhaustive]
    NewPlatform {
        /// The platform's name.
        platform: String,
        /// The first version that has it.
        since: String,
        /// The present version.
        version: String,
    },
    /// A value that cannot be part of a command.
    #[error("take {value:?} as {role}, because {why}")]
    #[non_exhaustive]
    Value {
        /// The value.
        value: String,
        /// The part of the command that it would be.
        role: ValueRole,
        /// The reason.
        why: ValueFlaw,
    },
}

impl Unsupported {
    /// Returns what to do instead.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Operation { .. } | Self::RunUntil => {
                "only an emulator can: run the target there (VTARGET_BACKEND=renode)"
            }
            Self::Debugger { .. } => {
                "use its debug probe, or run the target on an emulator (VTARGET_BACKEND=renode)"
            }
            Self::Registers { .. } => "only those of a Cortex-M or a RISC-V have known names",
            Self::Led { .. }
            | Self::Button { .. }
            | Self::Pin { .. }
            | Self::MonitorCommand { .. }
            | Self::Metrics => "only Renode can: run the target there (VTARGET_BACKEND=renode)",
            Self::Log => "run the target on an emulator (VTARGET_BACKEND=renode)",
            Self::SilentLog => {
                "add `qemu: {args: [-d, \"guest_errors,unimp\"]}` to the description, without `-D`; or \
                 `fail_on_log`"
            }
            Self::NoProcessor => "the board has no processor of a known kind",
            Self::Cpu { .. } => "remove `cpu`, or choose another machine",
            Self::Serial { .. } => {
                "choose one of these; `vtarget boards` lists machines with their serial ports"
            }
            Self::SRecord { .. } => "convert it (objcopy -I srec -O ihex) or flash the ELF file",
            Self::SymbolsAlone { .. } => "leave `load_command` out: the file is then loaded",
            Self::LoadCommand { by_test: true, .. } => {
                "name the command of that format in `flash_with`, or use `flash`"
            }
            Self::LoadCommand { .. } => {
                "leave `load_command` out: the file's own format decides then; or flash this image by \
                 `flash_with`"
            }
            Self::OwnLoadCommand { .. } => "its own `serial: flash:` command loads it: use `flash`",
            Self::Flash { .. } => "add `flash: […]` to `serial:`",
            Self::Reset => "add `reset: […]` to `serial:`",
            Self::RunningScript => {
                "remove `start` and `emulation RunFor` from the script: the board is started when \
                 everything is in place"
            }
            Self::NoMachine => {
                "name it in `machine_name`, or have the script make one (`mach create`)"
            }
            Self::RunsTooEarly { .. } => {
                "remove it: the board is started when everything is in place"
            }
            Self::Firmware { .. } => "build it for the board, or correct `platform:`",
            Self::Vectors { .. } => {
                "name the place in `extra_commands`, such as `sysbus.cpu VectorTableOffset 0x08000000`"
            }
            Self::NewCommand { .. } | Self::NewPlatform { .. } => {
                "use a newer one (scripts/install-renode installs one)"
            }
            Self::Value { value, role, .. } => role.remedy(value),
        }
    }
}

/// Returns numbers in words, such as `0 to 4, 6`.
fn ranges(numbers: &[u8]) -> String {
    let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let texts = runs.map(|run| match run {
        [first, .., last] => format!("{first} to {last}"),
        [only] => only.to_string(),
        [] => String::new(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn joined(places: &[u64]) -> String {
    let places: Vec<String> = places.iter().map(|it| format!("{it:#010x}")).collect();
    places.join(" or at ")
}

//! [`QemuConfig`], a board on QEMU, and its UARTs: [`QemuUart`].

use super::engine::BackendKind;
use super::error::{BadFields, Problem};
use super::field::given;
use super::qemu_args::qemu_args;
use super::qemu_port::QemuPort;
use super::raw::RawQemu;
use super::uarts::NamedUart;
use super::values;
use crate::firmware::Architecture;

pub(super) const ARCHITECTURES: [(&str, Architecture); 4] = [
    ("arm", Architecture::Arm),
    ("aarch64", Architecture::AArch64),
    ("riscv32", Architecture::RiscV32),
    ("riscv64", Architecture::RiscV64),
];

/// QEMU's settings for a board.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QemuConfig {
    pub(crate) arch: Architecture,
    pub(crate) machine: String,
    pub(crate) cpu: Option<String>,
    pub(crate) args: Vec<String>,
    pub(crate) uarts: Vec<QemuUart>,
}

impl QemuConfig {
    /// The values of `qemu.arch`; each is the end of the name of QEMU's program.
    pub const ARCHITECTURES: [&'static str; 4] = [
        ARCHITECTURES[0].0,
        ARCHITECTURES[1].0,
        ARCHITECTURES[2].0,
        ARCHITECTURES[3].0,
    ];

    /// Returns `qemu.arch`: the processor's architecture, which selects QEMU's program. Default
    /// 32-bit Arm.
    pub fn arch(&self) -> Architecture {
        self.arch
    }

    /// Returns `qemu.machine`: the board's name in `qemu-system-arm -machine help`, and its
    /// properties, if there are any: `sifive_e,revb=true`.
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// Returns `qemu.cpu`: the CPU's name in `-cpu help`, and its properties. Default: the machine's
    /// own.
    pub fn cpu(&self) -> Option<&str> {
        self.cpu.as_deref()
    }

    /// Returns `qemu.args`: further arguments of QEMU.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// Returns the UARTs that tests use, in the order of the file; at least one. The first is the
    /// board's main UART.
    pub fn uarts(&self) -> &[QemuUart] {
        &self.uarts
    }
}

impl QemuConfig {
    /// Returns true if an argument makes QEMU log something on its standard error.
    pub(crate) fn logs_to_standard_error(&self) -> bool {
        let has = |options: [&str; 2]| self.args.iter().any(|it| options.contains(&it.as_str()));
        has(["-d", "--d"]) && !has(["-D", "--D"])
    }

    /// Returns the name of the architecture in the file and in the name of QEMU's program.
    pub(crate) fn arch_name(&self) -> &'static str {
        let mut names = ARCHITECTURES.iter();
        names
            .find(|(_, arch)| *arch == self.arch)
            .map_or("arm", |(name, _)| name)
    }
}

/// A UART of a board on QEMU.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QemuUart {
    /// The field that names the port.
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) port: QemuPort,
}

impl QemuUart {
    /// Returns the UART's name for tests: the name in `uarts`, or the path in `uart`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the port of the machine.
    pub fn port(&self) -> QemuPort {
        self.port
    }
}

pub(super) fn qemu(
    backend: BackendKind,
    raw: Option<&RawQemu>,
    uarts: Option<&[NamedUart]>,
) -> Result<Option<QemuConfig>, Problem> {
    let Some(raw) = raw else {
        if backend == BackendKind::Qemu {
            return Err(Problem::new("backend", BadFields::QemuWithoutBoard));
        }
        let of_qemu = uarts.unwrap_or_default();
        return match of_qemu.iter().find(|uart| uart.qemu.is_some()) {
            Some(uart) => Err(Problem::new(&uart.field, BadFields::UartWithoutQemu)),
            None => Ok(None),
        };
    };
    let arch = given("qemu.arch", &raw.arch, |word| {
        values::choice(word, &ARCHITECTURES)
    })?;
    let machine = given("qemu.machine", &raw.machine, |name| values::qemu_name(name))?;
    let machine = machine.ok_or_else(|| Problem::new("qemu", BadFields::QemuWithoutMachine))?;
    let uarts = ports(raw, uarts)?;
    let semihosting = uarts.iter().any(|it| it.port == QemuPort::Semihosting);
    Ok(Some(QemuConfig {
        arch: arch.unwrap_or(Architecture::Arm),
        machine,
        cpu: given("qemu.cpu", &raw.cpu, |name| values::qemu_name(name))?,
        args: qemu_args(raw.args.as_deref(), semihosting)?,
        uarts,
    }))
}

/// Returns the UARTs with their ports.
fn ports(raw: &RawQemu, uarts: Option<&[NamedUart]>) -> Result<Vec<QemuUart>, Problem> {
    const SERIAL: &str = "qemu.serial";
    let serial = given(SERIAL, &raw.serial, |&index| values::serial_index(index))?;
    let only = QemuPort::Serial(serial.unwrap_or(0));
    let named = |uart: &NamedUart, port| QemuUart {
        field: match serial {
            Some(_) => SERIAL.to_owned(),
            None => uart.field.clone(),
        },
        name: uart.name.clone(),
        port,
    };
    match uarts {
        None => Ok(vec![QemuUart {
            field: SERIAL.to_owned(),
            name: only.to_string(),
            port: only,
        }]),
        Some([uart]) if uart.qemu.is_none() => Ok(vec![named(uart, only)]),
        Some(_) if serial.is_some() => Err(Problem::new(SERIAL, BadFields::SerialOfEachUart)),
        Some(uarts) => {
            let with_port = |uart: &NamedUart| match uart.qemu {
                Some(port) => Ok(named(uart, port)),
                None => Err(Problem::new(&uart.field, BadFields::UartWithoutSerial)),
            };
            uarts.iter().map(with_port).collect()
        }
    }
}

//! Several machines in one target ([`MachineConfig`]), and their connections ([`UartHub`],
//! [`Switch`]).
//!
//! Here are the rules for which settings belong to a machine; `platform` checks the settings
//! of each machine.

use std::path::{Path, PathBuf};

use super::engine::BackendKind;
use super::error::{BadFields, Connected, Explanation, Problem};
use super::field::{each, given};
use super::platform::{board, firmware, loading, symbols};
use super::raw::{Named, Raw, RawMachine};
use super::renode::{LoadCommand, RenodeConfig};
use super::uarts::uarts;
use super::values;

/// One of the machines of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MachineConfig {
    pub(crate) name: String,
    pub(crate) renode: RenodeConfig,
    pub(crate) extra_commands: Vec<String>,
    pub(crate) firmware: Option<PathBuf>,
    pub(crate) load_command: Option<LoadCommand>,
    pub(crate) load_address: Option<u64>,
    pub(crate) symbols: Vec<PathBuf>,
}

impl MachineConfig {
    /// Returns its name in `machines`, or `machine_name` of a target that is a single machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns `platform` and `uart` or `uarts`.
    pub fn renode(&self) -> &RenodeConfig {
        &self.renode
    }

    /// Returns `extra_commands`: Renode monitor commands.
    pub fn extra_commands(&self) -> &[String] {
        &self.extra_commands
    }

    /// Returns `firmware`: the image to load. An absolute path.
    pub fn firmware(&self) -> Option<&Path> {
        self.firmware.as_deref()
    }

    /// Returns `load_command`: the Renode command that loads the firmware. Default: by the file's format.
    pub fn load_command(&self) -> Option<LoadCommand> {
        self.load_command
    }

    /// Returns `load_address`: the address in the machine's memory at which a raw binary is loaded.
    pub fn load_address(&self) -> Option<u64> {
        self.load_address
    }

    /// Returns `symbols`: ELF files whose symbols and debug information are used in addition to the
    /// firmware's. Absolute paths.
    pub fn symbols(&self) -> &[PathBuf] {
        &self.symbols
    }
}

/// A connection of UARTs between machines: all others receive what one UART sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UartHub {
    pub(crate) name: String,
    pub(crate) uarts: Vec<(usize, String)>,
}

impl UartHub {
    /// Returns its name in `uart_hubs`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the machine's index in [`TargetConfig::machines`](super::TargetConfig::machines) and
    /// Renode's path to the UART, for each member.
    pub fn uarts(&self) -> &[(usize, String)] {
        &self.uarts
    }
}

/// An Ethernet switch between machines: the interface to which a frame is addressed receives
/// it, or all others do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switch {
    pub(crate) name: String,
    pub(crate) interfaces: Vec<(usize, String)>,
}

impl Switch {
    /// Returns its name in `switches`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the machine's index in [`TargetConfig::machines`](super::TargetConfig::machines) and
    /// Renode's path to the interface, for each member.
    pub fn interfaces(&self) -> &[(usize, String)] {
        &self.interfaces
    }
}

/// Several machines and their connections; empty if the target is a single machine.
#[derive(Debug, Default)]
pub(super) struct Machines {
    pub(super) machines: Vec<MachineConfig>,
    pub(super) uart_hubs: Vec<UartHub>,
    pub(super) switches: Vec<Switch>,
}

/// Returns the machines of `raw`, and their connections.
pub(super) fn machines(
    backend: BackendKind,
    raw: &Raw,
    base_dir: &Path,
) -> Result<Machines, Problem> {
    let Some(Named(entries)) = &raw.machines else {
        let between = [
            ("uart_hubs", raw.uart_hubs.is_some()),
            ("switches", raw.switches.is_some()),
        ];
        return match between.into_iter().find(|(_, given)| *given) {
            None => Ok(Machines::default()),
            Some((field, _)) => Err(Problem::new(field, BadFields::ConnectsNoMachines)),
        };
    };
    if entries.is_empty() {
        return Err(Problem::new("machines", BadFields::NoMachines));
    }
    let of_one_board = [
        ("script", raw.script.is_some()),
        ("variables", raw.variables.is_some()),
        ("platform_fragments", raw.platform_fragments.is_some()),
    ];
    if let Some((field, _)) = of_one_board.into_iter().find(|(_, given)| *given) {
        return Err(Problem::new(field, BadFields::NotWithMachines));
    }
    if let Some(field) = misplaced(raw) {
        return Err(Problem::new(field, BadFields::OfEachMachine));
    }
    let others = [
        ("qemu", raw.qemu.is_some()),
        ("serial", raw.serial.is_some()),
        (
            "backend",
            matches!(backend, BackendKind::Qemu | BackendKind::Serial),
        ),
    ];
    if let Some((field, _)) = others.into_iter().find(|(_, given)| *given) {
        return Err(Problem::new(field, BadFields::OnlyRenodeHasMachines));
    }
    let machine = |(name, raw): &(String, RawMachine)| {
        machine(name, raw, base_dir).map_err(|problem| problem.under(&format!("machines.{name}")))
    };
    let machines: Vec<_> = entries.iter().map(machine).collect::<Result<_, _>>()?;
    let hubs = connections("uart_hubs", &raw.uart_hubs, Connected::Uarts, &machines)?;
    let hubs = hubs
        .into_iter()
        .map(|(name, uarts)| UartHub { name, uarts });
    let switches = connections("switches", &raw.switches, Connected::Interfaces, &machines)?;
    let switch = |(name, interfaces)| Switch { name, interfaces };
    Ok(Machines {
        uart_hubs: hubs.collect(),
        switches: switches.into_iter().map(switch).collect(),
        machines,
    })
}

/// A connection's name, and its members by machine index and path.
type Connection = (String, Vec<(usize, String)>);

fn connections(
    field: &str,
    given: &Option<Named<Vec<String>>>,
    kind: Connected,
    machines: &[MachineConfig],
) -> Result<Vec<Connection>, Problem> {
    let given = given.iter().flat_map(|Named(given)| given);
    let one = |(name, members): &(String, Vec<String>)| {
        connection(name, members, kind, machines)
            .map_err(|problem| problem.under(&format!("{field}.{name}")))
    };
    given.map(one).collect()
}

/// Returns a field that is given for the target but belongs to a machine.
fn misplaced(raw: &Raw) -> Option<&'static str> {
    let given = [
        ("platform", raw.platform.is_some()),
        ("uart", raw.uart.is_some()),
        ("uarts", raw.uarts.is_some()),
        ("machine_name", raw.machine_name.is_some()),
        ("extra_commands", raw.extra_commands.is_some()),
        ("firmware", raw.firmware.is_some()),
        ("load_command", raw.load_command.is_some()),
        ("load_address", raw.load_address.is_some()),
        ("symbols", raw.symbols.is_some()),
    ];
    given
        .into_iter()
        .find_map(|(field, given)| given.then_some(field))
}

fn machine(name: &str, raw: &RawMachine, base_dir: &Path) -> Result<MachineConfig, Problem> {
    let name = values::plain_name(name).map_err(|why| Problem::new("", why))?;
    let uarts = uarts(&raw.uart, raw.uarts.as_ref())?;
    if let Some(uart) = uarts.iter().flatten().find(|uart| uart.qemu.is_some()) {
        return Err(Problem::new(&uart.field, BadFields::QemuPortOfMachine));
    }
    let board = board(&raw.platform, uarts.as_deref(), base_dir)?;
    let (load_command, load_address) = loading(&raw.load_command, &raw.load_address)?;
    Ok(MachineConfig {
        name,
        renode: board.ok_or_else(|| Problem::new("", BadFields::MachineWithoutBoard))?,
        extra_commands: each(
            "extra_commands",
            raw.extra_commands.as_deref(),
            values::monitor_command,
        )?,
        firmware: given("firmware", &raw.firmware, |path| firmware(path, base_dir))?,
        load_command,
        load_address,
        symbols: symbols(raw.symbols.as_deref(), base_dir)?,
    })
}

fn connection(
    name: &str,
    members: &[String],
    kind: Connected,
    machines: &[MachineConfig],
) -> Result<Connection, Problem> {
    let name = values::plain_name(name).map_err(|why| Problem::new("", why))?;
    if members.len() < 2 {
        return Err(Problem::new("", BadFields::FewMembers { connected: kind }));
    }
    let mut paths = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let path = path(member, kind, machines)
            .and_then(|path| match paths.contains(&path) {
                true => Err(BadFields::MemberTwice { member }.into()),
                false => Ok(path),
            })
            .map_err(|why| Problem::new(format!("[{index}]"), why))?;
        paths.push(path);
    }
    Ok((name, paths))
}

/// Splits `node-a.sysbus.usart3` into the machine's index and the path on the machine.
fn path(
    member: &str,
    kind: Connected,
    machines: &[MachineConfig],
) -> Result<(usize, String), Explanation> {
    let Some((machine, path)) = member.split_once('.') else {
        let connected = kind;
        return Err(BadFields::NotAMember { member, connected }.into());
    };
    match machines.iter().position(|known| known.name == machine) {
        Some(number) => Ok((number, values::uart(path)?)),
        None => {
            let known = machines.iter().map(|known| known.name.as_str()).collect();
            let name = machine;
            Err(BadFields::NoSuchMachine { name, known }.into())
        }
    }
}

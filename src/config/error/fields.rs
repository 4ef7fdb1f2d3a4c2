//! [`BadFields`]: what can be wrong with the fields of a target together, and the texts.

use super::explanation::Explanation;

/// What is wrong with a field next to the others, or with the file's structure.
#[derive(Debug)]
pub(in super::super) enum BadFields<'a> {
    // One board.
    NoBoard,
    PlatformWithoutUart,
    UartWithoutPlatform,
    UartAndUarts,
    NoUarts,
    UartWithoutPath,
    UartTwice {
        what: &'a str,
        other: &'a str,
    },
    LoadWithoutAddress,
    PortWithoutTelnet,
    NoVirtualClock,
    NoLog,
    TransportInVirtualTime,
    // Scripts.
    VariablesWithoutScript,
    ScriptAndPlatform,
    ScriptWithoutUart,
    FragmentsWithoutBoard,
    // QEMU.
    QemuWithoutBoard,
    QemuWithoutMachine,
    UartWithoutQemu,
    UartWithoutSerial,
    SerialOfOneUart,
    SerialOfEachUart,
    SerialOfSemihosting,
    SemihostingOnRenode,
    // A physical board.
    SerialWithoutPort,
    SerialWithUarts,
    PortMissing,
    EmptyProgram,
    FirmwareNotInFlash,
    FlashWithoutFirmware,
    // Several machines.
    ConnectsNoMachines,
    NoMachines,
    NotWithMachines,
    OfEachMachine,
    OnlyRenodeHasMachines,
    MachineWithoutBoard,
    QemuPortOfMachine,
    FewMembers {
        connected: Connected,
    },
    NotAMember {
        member: &'a str,
        connected: Connected,
    },
    MemberTwice {
        member: &'a str,
    },
    NoSuchMachine {
        name: &'a str,
        known: Vec<&'a str>,
    },
    // An exporter's file.
    NotDrivers,
    NoExport {
        entry: &'a str,
    },
    NoTarget {
        renode: &'static str,
        port: &'static str,
        others: Vec<&'a str>,
    },
    NoSuchEntry {
        name: &'a str,
        known: Vec<&'a str>,
    },
    SeveralEntries {
        are_renode: bool,
        names: Vec<&'a str>,
    },
    // The builder.
    NoMapping {
        key: &'a str,
    },
}

/// What a connection between machines connects.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Connected {
    Uarts,
    Interfaces,
}

impl BadFields<'_> {
    fn explanation(&self) -> Explanation {
        let reason = Explanation::of::<String>;
        let is = Explanation::of::<&str>;
        match self {
            Self::NoBoard => is("`platform` (or `script`) and `uart` are missing").fix(
                "Renode needs both, or `machines` \
                 (a target for QEMU alone says `backend: qemu`, one for a physical board `backend: serial`)",
            ),
            Self::PlatformWithoutUart => {
                is("a platform needs `uart`, the UART to talk to, such as `sysbus.usart2`")
            }
            Self::UartWithoutPlatform => is("a UART needs `platform`, the board it is on, \
                 such as `platforms/boards/stm32f4_discovery-kit.repl`"),
            Self::UartAndUarts => {
                is("`uart` is given as well").fix("move it into `uarts`, under a name")
            }
            Self::NoUarts => is("it names no UART")
                .fix("write `name: path`, such as `console: sysbus.usart2`"),
            Self::UartWithoutPath => {
                is("`path` is missing").fix("name the UART, such as `sysbus.usart2`")
            }
            Self::UartTwice { what, other } => {
                reason(format!("{what:?} is `{other}` already")).fix("remove one")
            }
            Self::LoadWithoutAddress => is("`sysbus LoadBinary` needs to know where")
                .fix("add `load_address`, such as 0x08000000"),
            Self::PortWithoutTelnet => is("there is a port only with `control: telnet`")
                .fix("add that, or remove the port"),
            Self::NoVirtualClock => is(
                "only Renode has a virtual clock, and the target is to run on another engine",
            )
            .fix("install Renode and use `backend: renode`, or write `clock: realtime`"),
            Self::NoLog => is("a physical board has no emulator, and so no log of one")
                .fix("remove it, or run the target on an emulator"),
            Self::TransportInVirtualTime => is("with `clock: virtual` the UARTs are connected \
                 without pseudo-terminals or sockets")
            .fix("remove it"),
            Self::VariablesWithoutScript => {
                is("only a `script` has variables").fix("add it, or remove them")
            }
            Self::ScriptAndPlatform => {
                is("`platform` is given as well").fix("a script loads one itself; keep one of the two")
            }
            Self::ScriptWithoutUart => {
                is("a script needs `uart`, the UART to talk to, such as `sysbus.usart2`")
            }
            Self::FragmentsWithoutBoard => {
                is("fragments need `platform` or `script`, on top of which they go")
            }
            Self::QemuWithoutBoard => {
                is("`qemu` needs to know the board").fix("add `qemu: {machine: …}`")
            }
            Self::QemuWithoutMachine => {
                is("`machine` is missing").fix("name one from `qemu-system-arm -machine help`")
            }
            Self::UartWithoutQemu => is("only QEMU has serial ports by number and semihosting")
                .fix("add `qemu: {machine: …}`"),
            Self::UartWithoutSerial => {
                is("`serial` is missing: the UART's number on QEMU, on which the target can run, too")
                    .fix("write `{path: …, serial: 1}`, or remove `qemu`")
            }
            Self::SerialOfOneUart => {
                is("only one of several `uarts` has it").fix("write `qemu: {serial: …}`")
            }
            Self::SerialOfEachUart => is("`uarts` says it for each UART").fix("remove it"),
            Self::SerialOfSemihosting => {
                is("semihosting needs no serial port").fix("remove `serial`, or name the UART's path")
            }
            Self::SemihostingOnRenode => is(
                "semihosting output is on QEMU only: Renode 1.16 has no SYS_WRITE, the call of `printf`",
            )
            .fix("run the target on QEMU (`backend: qemu`), or name a UART of the board"),
            Self::SerialWithoutPort => is("`serial` needs to know where the board is connected")
                .fix("add `serial: {port: …}`"),
            Self::SerialWithUarts => {
                is("a physical board has one UART here, and there are several `uarts`")
                    .fix("remove `serial`, or keep one UART")
            }
            Self::PortMissing => {
                is("`port` is missing").fix("name the serial port, such as /dev/ttyACM0")
            }
            Self::EmptyProgram => is("the list is empty")
                .fix("write a program and its arguments, or remove the field"),
            Self::FirmwareNotInFlash => {
                is("`{firmware}` is known in `flash` only")
            }
            Self::FlashWithoutFirmware => is(
                "no argument has `{firmware}` in it, the place of the image to flash"
            ),
            Self::ConnectsNoMachines => is("it connects `machines`").fix("name these"),
            Self::NoMachines => {
                is("it names no machine").fix("write `name: {platform: …, uart: …}`")
            }
            Self::NotWithMachines => {
                is("it is for a target without `machines`").fix("remove it, or them")
            }
            Self::OfEachMachine => {
                is("each of the `machines` has its own").fix("move it there")
            }
            Self::OnlyRenodeHasMachines => {
                is("only Renode can run a target with `machines`").fix("remove this")
            }
            Self::MachineWithoutBoard => {
                is("`platform` and `uart` are missing").fix("a machine needs both")
            }
            Self::QemuPortOfMachine => {
                is("several machines run on Renode only, and this is a port of QEMU's")
                    .fix("name the UART's path in Renode alone")
            }
            Self::FewMembers { connected } => {
                let (what, member, example) = connected.words();
                reason(format!(
                    "{what} needs two {member}s at least, such as `node-a.{example}`"
                ))
            }
            Self::NotAMember { member, connected } => {
                let (_, member_is, example) = connected.words();
                reason(format!("{member:?} is not a machine's {member_is}")).fix(format!(
                    "write its name and the path, such as `node-a.{example}`"
                ))
            }
            Self::MemberTwice { member } => {
                reason(format!("{member:?} is named already")).fix("remove one")
            }
            Self::NoSuchMachine { name, known } => {
                reason(format!("there is no machine {name:?}")).suggest(name, known)
            }
            Self::NotDrivers => is(
                "expected the exporter's drivers (`name: {type: …, config: …}`)",
            ),
            Self::NoExport { entry } => reason(format!(
                "there is no `export:` in which to look for `{entry}`"
            )),
            Self::NoTarget { renode, port, others } => reason(format!(
                "no entry has `type: {renode}`, or `type: {port}` and a port of this host"
            ))
            .fix(match others.is_empty() {
                true => "it is empty".to_owned(),
                false => format!("there are {}", others.join(", ")),
            }),
            Self::NoSuchEntry { name, known } => reason(format!("no target is called `{name}`"))
                .fix_after("; ", format!("there is {}", quoted(known))),
            Self::SeveralEntries { are_renode, names } => {
                let what = match are_renode {
                    true => "Renode targets",
                    false => "serial ports",
                };
                reason(format!("several entries are {what}, {}", quoted(names)))
                    .fix("choose one by `TargetConfig::from_exporter`")
            }
            Self::NoMapping { key } => reason(format!(
                "`{key}` cannot be set in a value that is no mapping"
            )),
        }
    }
}

impl Connected {
    /// Returns the connection, what it connects, and such a path as an example.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Uarts => ("a hub", "UART", "sysbus.usart3"),
            Self::Interfaces => ("a switch", "Ethernet interface", "sysbus.ethernet"),
        }
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

impl From<BadFields<'_>> for Explanation {
    fn from(bad: BadFields<'_>) -> Self {
        bad.explanation()
    }
}

//! The monitor's commands, and the only place where their text is made.
//!
//! A [`MonitorCommand`] takes values from outside as a [`PlainPath`] or a [`Name`], which
//! Renode cannot read as anything else. A command that the user writes is sent unchanged, if
//! it is one line of printable ASCII.

use std::ops::Range;
use std::time::Duration;

use super::load::Load;
use super::plain::{Name, NotPlain, PlainPath, allow, allow_built_in, why_not};
use super::users::repeated_after_reset;
use crate::backend::Place;
use crate::backend::error::{ValueFlaw, ValueRole};

/// One line for the monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MonitorCommand(String);

/// The value of a script's variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting<'a> {
    Text(&'a str),
    /// A number, `true` or `false`.
    Literal(&'a str),
    File(PlainPath),
}

impl MonitorCommand {
    /// Returns the text of the command, without the line's end.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a command of the user's own text.
    pub(crate) fn users(text: &str) -> Result<Self, NotPlain> {
        let why = match text.trim().is_empty() {
            true => Some(ValueFlaw::Empty),
            false => why_not(text, |c| (' '..='~').contains(&c)),
        };
        let Some(why) = why else {
            return Ok(Self(text.to_owned()));
        };
        Err(NotPlain {
            value: text.to_owned(),
            role: ValueRole::Command,
            why,
        })
    }

    /// Prints the banner.
    pub(crate) fn version() -> Self {
        Self("version".to_owned())
    }

    /// Writes Renode's log to `file`, each line at once.
    pub(crate) fn log_to(file: &PlainPath) -> Self {
        Self(format!("logFile {} true", file.token()))
    }

    /// Writes a message to Renode's log, as an error, so that no level of the log hides it. It must be
    /// plain text.
    pub(crate) fn log_message(message: &'static str) -> Self {
        Self(format!("log \"{message}\" 3"))
    }

    /// Sets a variable for the scripts that follow; it belongs to the selected machine.
    pub(crate) fn set_variable(name: &str, value: &Setting<'_>) -> Result<Self, NotPlain> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        allow(name, ValueRole::VariableName, plain)?;
        let role = ValueRole::VariableValue;
        let value = match value {
            Setting::Text(text) => {
                let plain = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
                if !text.is_empty() {
                    allow(text, role, plain)?;
                }
                format!("\"{text}\"")
            }
            Setting::Literal(text) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
                allow(text, role, plain)?;
                (*text).to_owned()
            }
            Setting::File(file) => file.token(),
        };
        Ok(Self(format!("${name}={value}")))
    }

    /// Runs a script.
    pub(crate) fn include(file: &PlainPath) -> Self {
        Self(format!("include {}", file.token()))
    }

    /// Runs a script that is part of Renode.
    pub(crate) fn include_built_in(name: &str) -> Result<Self, NotPlain> {
        allow_built_in(name, ValueRole::Script)?;
        Ok(Self(format!("include @{name}")))
    }

    /// Lists the machines, and shows which of them is selected.
    pub(crate) fn machines() -> Self {
        Self("help mach".to_owned())
    }

    /// Lists the directories in which Renode looks for files, including its own.
    pub(crate) fn search_path() -> Self {
        Self("help path".to_owned())
    }

    pub(crate) fn is_started() -> Self {
        Self("emulation IsStarted".to_owned())
    }

    /// Prints the times and the load of the whole emulation.
    pub(crate) fn time_source() -> Self {
        Self("emulation GetTimeSourceInfo".to_owned())
    }

    pub(crate) fn create_machine(name: &Name) -> Self {
        Self(format!("mach create \"{name}\""))
    }

    /// Selects the machine, to which later commands apply.
    pub(crate) fn select_machine(name: &Name) -> Self {
        Self(format!("mach set \"{name}\""))
    }

    pub(crate) fn load_platform(file: &PlainPath) -> Self {
        Self(format!("machine LoadPlatformDescription {}", file.token()))
    }

    /// Loads a platform that is part of Renode.
    pub(crate) fn load_built_in_platform(name: &str) -> Result<Self, NotPlain> {
        allow_built_in(name, ValueRole::Platform)?;
        Ok(Self(format!("machine LoadPlatformDescription @{name}")))
    }

    /// Creates the pseudo-terminal number `terminal`; `link` must not exist yet.
    pub(crate) fn create_pty(terminal: usize, link: &PlainPath) -> Self {
        let link = &link.0;
        Self(format!(
            "emulation CreateUartPtyTerminal \"{TERMINAL}{terminal}\" \"{link}\""
        ))
    }

    /// Creates the socket number `terminal`, without telnet's bytes; listens on every interface.
    pub(crate) fn create_socket(terminal: usize, port: u16) -> Self {
        Self(format!(
            "emulation CreateServerSocketTerminal {port} \"{TERMINAL}{terminal}\" false"
        ))
    }

    /// Connects `uart` to a terminal.
    pub(crate) fn connect(uart: &Name, terminal: usize) -> Self {
        Self(format!("connector Connect {uart} {TERMINAL}{terminal}"))
    }

    /// Makes the time of the whole emulation independent of the host: time passes as fast as
    /// possible, in steps of `quantum`, one processor after the other; random values are the
    /// same in each run.
    pub(crate) fn virtual_time(quantum: Duration) -> Self {
        let quantum = quantum.as_secs_f64();
        Self(format!(
            "emulation SetSeed 1; emulation SetGlobalQuantum \"{quantum}\"; \
             emulation SetGlobalAdvanceImmediately true; emulation SetGlobalSerialExecution true"
        ))
    }

    /// Makes the script of the virtual clock open the FIFOs in `directory`.
    pub(crate) fn open_lockstep(directory: &PlainPath) -> Self {
        Self(format!("lockstep_open \"{}\"", directory.0))
    }

    /// Connects `uart` of the selected machine to the script of the virtual clock; its line
    /// carries a byte in `byte_time`.
    pub(crate) fn connect_lockstep(uart: &Name, byte_time: Duration) -> Self {
        let nanoseconds = byte_time.as_nanos();
        Self(format!("lockstep_attach \"{uart}\" {nanoseconds}"))
    }

    /// Makes the script of the UARTs' input open the FIFOs in `directory`; the script reports
    /// when no more than `ahead` bytes have yet to arrive.
    pub(crate) fn open_input(directory: &PlainPath, ahead: u32) -> Self {
        Self(format!("input_open \"{}\" {ahead}", directory.0))
    }

    /// Connects `uart` of the selected machine to the script of the UARTs' input; its line
    /// carries a byte in `byte_time`.
    pub(crate) fn connect_input(uart: &Name, byte_time: Duration) -> Self {
        let nanoseconds = byte_time.as_nanos();
        Self(format!("input_attach \"{uart}\" {nanoseconds}"))
    }

    /// Makes the script of the UARTs' input read its orders, once all UARTs are connected.
    pub(crate) fn read_input() -> Self {
        Self("input_read".to_owned())
    }

    /// Makes the script of the coverage write to `file` which blocks of the selected machine run.
    pub(crate) fn begin_coverage(file: &PlainPath) -> Self {
        Self(format!("coverage_begin \"{}\"", file.0))
    }

    pub(crate) fn create_hub(hub: &Name) -> Self {
        Self(format!("emulation CreateUARTHub \"{HUB}{hub}\""))
    }

    pub(crate) fn create_switch(switch: &Name) -> Self {
        Self(format!("emulation CreateSwitch \"{SWITCH}{switch}\""))
    }

    /// Connects an Ethernet interface of the selected machine to a switch.
    pub(crate) fn connect_to_switch(interface: &Name, switch: &Name) -> Self {
        Self(format!("connector Connect {interface} {SWITCH}{switch}"))
    }

    /// Connects `uart` of the selected machine to a hub.
    pub(crate) fn connect_to_hub(uart: &Name, hub: &Name) -> Self {
        Self(format!("connector Connect {uart} {HUB}{hub}"))
    }

    /// Defines the board's reset, for a reset by the guest as well: it repeats the user's
    /// commands that set registers and memory, and loads the firmware.
    ///
    /// It wakes the processor as well: Renode halts a processor that has nothing to run, and
    /// a reset alone does not wake it.
    pub(crate) fn on_reset(users: &[String], load: &Load) -> Self {
        let again = repeated_after_reset(users).map(|command| format!("{command}; "));
        let again: String = again.collect();
        let cpu = load.processor.as_ref();
        let wake = cpu.map_or(String::new(), |cpu| format!("; {cpu} IsHalted false"));
        Self(format!("macro reset \"{again}{load}{wake}\""))
    }

    /// Makes the selected machine repeat, after each reset, the user's commands that set
    /// registers and memory; its `reset` macro, if it has one, is the user's own.
    /// Returns none if there are no such commands. The script `after_reset.py` defines the command.
    pub(crate) fn after_reset(users: &[String]) -> Option<Self> {
        let again: Vec<&str> = repeated_after_reset(users).collect();
        (!again.is_empty()).then(|| Self(format!("after_reset \"{}\"", again.join("; "))))
    }

    /// Cancels [`after_reset`](Self::after_reset).
    pub(crate) fn nothing_after_reset() -> Self {
        Self("after_reset \"\"".to_owned())
    }

    /// Loads firmware into a board that has not run, whose processor need not be woken: the
    /// first command to a processor takes Renode about 0.3 s.
    pub(crate) fn load(load: &Load) -> Self {
        Self(load.to_string())
    }

    /// Starts the emulation. Renode is done with this command 100 ms later.
    pub(crate) fn start() -> Self {
        Self("start".to_owned())
    }

    /// Starts the emulation by the script of the UARTs' input, which does not sleep afterwards.
    pub(crate) fn start_by_script() -> Self {
        Self("input_start".to_owned())
    }

    /// Removes all machines.
    pub(crate) fn clear() -> Self {
        Self("Clear".to_owned())
    }

    /// Pauses a running board.
    pub(crate) fn pause() -> Self {
        Self("pause".to_owned())
    }

    /// Resets a board; the `reset` macro then loads its firmware.
    pub(crate) fn reset() -> Self {
        Self("machine Reset".to_owned())
    }

    /// Clears a memory.
    pub(crate) fn clear_memory(memory: &Name) -> Self {
        Self(format!("{memory} ZeroAll"))
    }

    /// Prints the address at which a Cortex-M looks for its vectors now.
    pub(crate) fn vector_table(processor: &Name) -> Self {
        Self(format!("{processor} VectorTableOffset"))
    }

    pub(crate) fn elapsed_time() -> Self {
        Self("machine ElapsedVirtualTime".to_owned())
    }

    /// Prints the runtime of Renode: Mono or .NET, and its version. Renode has no command for
    /// this; the Python code is the same for all versions.
    pub(crate) fn runtime() -> Self {
        let system = "__import__('System')";
        let mono = format!("{system}.Type.GetType('Mono.Runtime')");
        Self(format!(
            "python \"print('%s %s' % ({mono}, {system}.Environment.Version))\""
        ))
    }

    pub(crate) fn executed_instructions(processor: &Name) -> Self {
        Self(format!("{processor} ExecutedInstructions"))
    }

    pub(crate) fn peripherals() -> Self {
        Self("peripherals".to_owned())
    }

    /// Prints a table of the registers of a processor.
    pub(crate) fn registers(processor: &Name) -> Self {
        Self(format!("{processor} GetRegistersValues"))
    }

    /// Prints whether Renode keeps a processor from running.
    pub(crate) fn is_halted(processor: &Name) -> Self {
        Self(format!("{processor} IsHalted"))
    }

    /// Prints the Configurable Fault Status Register of a Cortex-M.
    pub(crate) fn fault_status(processor: &Name) -> Self {
        Self(format!("{processor} FaultStatus"))
    }

    /// Prints the MemManage Fault Address Register of a Cortex-M.
    pub(crate) fn memory_fault_address(processor: &Name) -> Self {
        Self(format!("{processor} MemoryFaultAddress"))
    }

    /// Makes the script of the board's events report to the script that runs the board.
    pub(crate) fn open_events(is_virtual: bool) -> Self {
        Self(format!("events_open {}", u8::from(is_virtual)))
    }

    /// Reports the changes of an LED of the selected machine, which has this number.
    pub(crate) fn watch_led(machine: usize, led: &Name) -> Self {
        Self(format!("events_led {machine} \"{led}\""))
    }

    /// Prints the level of a pin of the selected machine, which has this number, and reports its
    /// changes.
    pub(crate) fn watch_pin(machine: usize, port: &Name, pin: u32) -> Self {
        Self(format!("events_pin {machine} \"{port}\" {pin}"))
    }

    /// Drives a pin of the selected machine from outside.
    pub(crate) fn set_pin(port: &Name, pin: u32, is_high: bool) -> Self {
        let level = u8::from(is_high);
        Self(format!("events_set_pin \"{port}\" {pin} {level}"))
    }

    /// Prints the paths and types of the selected machine's peripherals.
    pub(crate) fn paths() -> Self {
        Self("events_peripherals".to_owned())
    }

    /// Stops the guest where a processor of the selected machine has reached a place.
    pub(crate) fn run_until(machine: usize, processor: &Name, place: Place) -> Self {
        // A length of 0 is code.
        let (address, length) = match place {
            Place::Code(address) => (address, 0),
            Place::Write { address, length } => (address, length),
        };
        Self(format!(
            "events_run_until {machine} \"{processor}\" {address} {length}"
        ))
    }

    /// Ends [`run_until`](Self::run_until).
    pub(crate) fn end_run_until() -> Self {
        Self("events_end_run_until".to_owned())
    }

    /// Prints whether an LED is on.
    pub(crate) fn led_state(led: &Name) -> Self {
        Self(format!("{led} State"))
    }

    /// Presses or releases a button.
    pub(crate) fn set_button(button: &Name, pressed: bool) -> Self {
        let act = if pressed { "Press" } else { "Release" };
        Self(format!("{button} {act}"))
    }

    /// Starts a gdb server for the selected machine; it listens on every interface. A connection to
    /// it does not start the emulation.
    pub(crate) fn start_gdb_server(port: u16) -> Self {
        Self(format!("machine StartGdbServer {port} false"))
    }

    /// Ends a gdb server of the selected machine.
    pub(crate) fn stop_gdb_server(port: u16) -> Self {
        Self(format!("machine StopGdbServer {port}"))
    }

    /// Prints the bytes of a memory; refuses to read a peripheral.
    pub(crate) fn read_memory(range: &Range<u64>) -> Self {
        let (start, length) = (range.start, range.end - range.start);
        Self(format!("sysbus ReadBytes {start:#x} {length} true"))
    }

    /// Prints words that a processor sees, of a device that has no effect when they are read.
    pub(crate) fn read_words(processor: &Name, addresses: impl Iterator<Item = u64>) -> Self {
        let reads = addresses.map(|it| format!("sysbus ReadDoubleWord {it:#x} {processor}"));
        Self(reads.collect::<Vec<_>>().join("; "))
    }

    /// Writes bytes, in words where they are aligned.
    pub(crate) fn write_memory(address: u64, bytes: &[u8]) -> Self {
        let mut commands = Vec::new();
        let (mut at, mut rest) = (address, bytes);
        while let Some((byte, after)) = rest.split_first() {
            match rest.split_first_chunk::<4>() {
                Some((word, after)) if at.is_multiple_of(4) => {
                    let word = u32::from_le_bytes(*word);
                    commands.push(format!("sysbus WriteDoubleWord {at:#x} {word:#x}"));
                    (at, rest) = (at + 4, after);
                }
                _ => {
                    commands.push(format!("sysbus WriteByte {at:#x} {byte:#x}"));
                    (at, rest) = (at + 1, after);
                }
            }
        }
        Self(commands.join("; "))
    }
}

/// The name in Renode of a UART's other end, before its number.
const TERMINAL: &str = "virtual-target-uart-";

/// The prefix of a hub's name in Renode, because something else could have the bare name.
const HUB: &str = "virtual-target-hub-";

/// The prefix of a switch's name in Renode.
const SWITCH: &str = "virtual-target-switch-";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::load::VectorTable;
    use super::super::users::any_loads;
    use super::*;
    use crate::backend::EmulatorError;
    use crate::config::LoadCommand;

    const NASTY: [&str; 22] = [
        "",
        "a\nquit",
        "a\rquit",
        "a\0",
        "a\tb",
        "a\x1b[A",
        "a\x15quit",
        "a;quit",
        "a; include @/tmp/x.py",
        "`quit`",
        "$HOME",
        "a\"; quit; \"",
        "a'b",
        "a\\",
        "a#b",
        ":a@b",
        "@/etc/passwd",
        "<0 1>",
        "[a]",
        "{a}",
        "a=b;",
        "é",
    ];

    #[test]
    fn unsafe_text_is_refused_in_a_command() {
        for nasty in NASTY {
            assert!(Name::machine(nasty).is_err(), "{nasty:?}");
            assert!(Name::peripheral(nasty).is_err(), "{nasty:?}");
            assert!(Name::hub(nasty).is_err(), "{nasty:?}");
            assert!(
                MonitorCommand::load_built_in_platform(nasty).is_err(),
                "{nasty:?}"
            );
            assert!(
                MonitorCommand::include_built_in(nasty).is_err(),
                "{nasty:?}"
            );
            let path = Path::new("/tmp").join(nasty).join("x");
            if !nasty.is_empty() && nasty != "@/etc/passwd" {
                assert!(PlainPath::new(&path).is_err(), "{nasty:?}");
            }
            assert!(PlainPath::new(Path::new(nasty)).is_err(), "{nasty:?}");
        }
    }

    #[test]
    fn the_value_of_a_variable_is_one_token() {
        let set = |name, value| MonitorCommand::set_variable(name, &value);
        let odd = "a;quit `quit` $b # 'c'";
        let text = set("n", Setting::Text(odd)).unwrap();
        assert_eq!(text.as_str(), format!("$n=\"{odd}\""));
        let path = PlainPath::new(Path::new("/tmp/a b.elf")).unwrap();
        let file = set("n", Setting::File(path)).unwrap();
        assert_eq!(file.as_str(), r"$n=@/tmp/a\ b.elf");
        assert_eq!(
            set("n", Setting::Literal("-1.5")).unwrap().as_str(),
            "$n=-1.5"
        );
        for bad in ["a\"; quit", "a\\", "a\nquit", "é", "\x15"] {
            assert!(set("n", Setting::Text(bad)).is_err(), "{bad:?}");
        }
        for nasty in NASTY {
            assert!(set(nasty, Setting::Literal("1")).is_err(), "{nasty:?}");
            assert!(set("n", Setting::Literal(nasty)).is_err(), "{nasty:?}");
        }
    }

    #[test]
    fn a_users_command_is_one_line_of_printable_ascii() {
        let ok = "sysbus WriteDoubleWord 0x40090030 0x0301; echo \"#$`'\"";
        assert_eq!(MonitorCommand::users(ok).unwrap().as_str(), ok);
        for bad in ["", "  ", "\t", "é", "a\x7f", "\x15"] {
            let error = MonitorCommand::users(bad).unwrap_err();
            let remedy = EmulatorError::from(error).remedy();
            let expected = Some("a command is one line of printable ASCII");
            assert_eq!(remedy.as_deref(), expected, "{bad:?}");
        }
        for bad in ["a\nb", "a\r", "\n", "a\r\nb"] {
            let error = MonitorCommand::users(bad).unwrap_err();
            let remedy = EmulatorError::from(error).remedy().unwrap();
            assert!(remedy.starts_with("newlines are refused"), "{bad:?}");
        }
        let error = MonitorCommand::users("pau\u{17f}e").unwrap_err();
        let error = EmulatorError::from(error).to_string();
        assert!(error.contains("'\u{17f}'"), "{error}");
    }

    #[test]
    fn a_reset_repeats_the_commands_that_it_undoes() {
        let again = [
            "sysbus WriteDoubleWord 0x40090030 0x0301",
            "sysbus.cpu0 VectorTableOffset 4194304",
            "sysbus.a.b_1  IsHalted   true",
            "sysbus LoadELF @firmware/a\\ b.elf",
            "sysbus LoadBinary $bin 0x08000000",
        ];
        let once = [
            "",
            "sysbus",
            "sysbus Reset",
            "sysbus.usart2 CreateFileBackend @/tmp/x true",
            "sysbus.cpu AddHook 0x08000000 \"x\"",
            "sysbus.cpu PC `sysbus GetSymbolAddress 'main'`",
            "sysbus.cpu PC $pc",
            "sysbus WriteByte 0x0 0x0; quit",
            "sysbus Tag <0x0 4> 0",
            "sysbus;quit X 0",
            "systick Frequency 1",
            "emulation SetGlobalQuantum 1",
            "logLevel 0",
            "# sysbus WriteByte 0 0",
            "sysbus LoadELF",
            "sysbus LoadELF x",
            "sysbus LoadELF @",
            "sysbus LoadELF @x; quit",
            "sysbus LoadELF @x`quit`",
            "sysbus LoadELF @x\" \"",
            "sysbus LoadELFs @x",
        ];
        let load = Load {
            command: LoadCommand::Elf,
            file: PlainPath::new(Path::new("/a.elf")).unwrap(),
            address: None,
            processor: None,
            vectors: None,
            entry: None,
        };
        let all = [&once[..], &again].concat().into_iter().map(str::to_owned);
        let all: Vec<String> = all.map(|command| format!(" {command} ")).collect();
        let joined = again.join("; ");
        assert_eq!(
            MonitorCommand::on_reset(&all, &load).as_str(),
            format!(r#"macro reset "{joined}; sysbus LoadELF @/a.elf""#)
        );
        let repeated = MonitorCommand::after_reset(&all).unwrap();
        assert_eq!(repeated.as_str(), format!("after_reset \"{joined}\""));
        assert_eq!(MonitorCommand::after_reset(&all[..once.len()]), None);
        assert!(any_loads(&all));
        assert!(!any_loads(&all[..once.len() + 3]));
    }

    #[test]
    fn bytes_are_written_in_words_where_they_are_aligned() {
        let write = MonitorCommand::write_memory(0x2000_0003, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(
            write.as_str(),
            "sysbus WriteByte 0x20000003 0x1; sysbus WriteDoubleWord 0x20000004 0x5040302; \
             sysbus WriteByte 0x20000008 0x6"
        );
    }

    #[test]
    fn spaces_are_escaped_as_renode_reads_them() {
        let path = PlainPath::new(Path::new("/tmp/a b/c.elf")).unwrap();
        let load = Load {
            command: LoadCommand::Binary,
            file: path.clone(),
            address: Some(0x0800_0000),
            processor: Some(Name::peripheral("sysbus.cpu0").unwrap()),
            vectors: Some(VectorTable::At(0x0800_0000)),
            entry: None,
        };
        assert_eq!(
            MonitorCommand::on_reset(&[], &load).as_str(),
            r#"macro reset "sysbus LoadBinary @/tmp/a\ b/c.elf 0x8000000; sysbus.cpu0 VectorTableOffset 0x8000000; sysbus.cpu0 IsHalted false""#
        );
        assert_eq!(
            MonitorCommand::load(&load).as_str(),
            r"sysbus LoadBinary @/tmp/a\ b/c.elf 0x8000000; sysbus.cpu0 VectorTableOffset 0x8000000"
        );
        assert_eq!(
            MonitorCommand::create_pty(1, &path).as_str(),
            r#"emulation CreateUartPtyTerminal "virtual-target-uart-1" "/tmp/a b/c.elf""#
        );
    }
}

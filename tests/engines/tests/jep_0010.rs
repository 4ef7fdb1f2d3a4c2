//! The test plan of JEP-0010, item by item, under its own names; `docs/jep-0010.md` maps one to the other.
//!
//! Tests of the driver's commands run on the stand-in, whose launcher records all that the
//! stand-in receives; tests of boards run on a real Renode.

#![cfg_attr(not(renode), allow(unused, reason = "some tests are ignored"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use engine_tests::leftovers::{assert_no_emulators, emulators};
use engine_tests::{alone, bare_on, on_renode, root, sample, shell_on};
use virtual_target::config::{
    BackendKind, ConfigError, Control, LoadCommand, Platform, TargetConfig,
};
use virtual_target::{
    EmulatorErrorKind, ErrorKind, PowerError, Result, TargetBuilder, VirtualTarget, secs,
};

const STM32F4: &str =
    "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n";

fn config(more: &str) -> std::result::Result<TargetConfig, ConfigError> {
    TargetConfig::from_yaml_str(&format!("{STM32F4}{more}"), root())
}

/// Returns a board without firmware, on Renode whatever `VTARGET_BACKEND` is.
fn board(more: &str) -> Result<TargetBuilder> {
    Ok(VirtualTarget::from_config(config(more)?).backend(BackendKind::Renode))
}

/// The input and output of the stand-in in the life of a board; `launch` precedes it in its launcher.
struct Conversation {
    commands: Vec<String>,
    outcome: std::result::Result<String, String>,
}

fn converse(launch: &str, more: &str) -> Conversation {
    let firmware = sample("shell.elf");
    converse_without_firmware(launch, &format!("firmware: {firmware:?}\n{more}"))
}

fn converse_without_firmware(launch: &str, more: &str) -> Conversation {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let fake = env!("CARGO_BIN_EXE_fake-renode");
    let heard = path("heard");
    let script = format!(
        "#!/bin/sh\n{launch}\ntee '{}' | '{fake}' \"$@\"\n",
        heard.display()
    );
    fs::write(path("renode"), script).unwrap();
    fs::set_permissions(path("renode"), fs::Permissions::from_mode(0o755)).unwrap();
    let target = format!("{STM32F4}backend: renode\nmachine_name: stm32f4\n{more}");
    fs::write(path("target.yaml"), target).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_boot_once"))
        .arg(path("target.yaml"))
        .env("VTARGET_RENODE", path("renode"))
        .env("FAKE_RENODE", "")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let sent = fs::read_to_string(&heard).unwrap_or_default();
    let command = |line: &str| {
        line.rsplit_once("; echo \"vt-")
            .map_or(line, |(it, _)| it)
            .to_owned()
    };
    Conversation {
        commands: sent.lines().map(command).collect(),
        outcome: match done.status.success() {
            true => Ok(text(done.stdout)),
            false => Err(text(done.stderr)),
        },
    }
}

/// Returns the positions of the commands with these beginnings, in the order they were sent.
fn positions(commands: &[String], starts: &[&str]) -> Vec<usize> {
    let position = |start: &&str| {
        let found = commands
            .iter()
            .position(|command| command.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start:?} among {commands:#?}"))
    };
    starts.iter().map(position).collect()
}

mod test_renode_monitor {
    use super::*;

    /// A pipe needs no retry: the boot waits for a late Renode.
    #[test]
    fn connection_waits_for_a_late_renode() {
        let conversation = converse("sleep 1", "");
        assert_eq!(
            conversation.outcome.as_deref(),
            Ok("Renode 1.16.1 (Mono) is fine\n")
        );
    }

    on_renode! {
    fn command_execution_and_exact_error_detection() -> Result<()> {
        let board = board("allow_raw_monitor: true")?.boot().wait()?;
        // The driver's markers match texts that are no errors ...
        for text in [
            "Error: x",
            "Could not find",
            "Invalid",
            "Failed",
            "Unknown",
            "(monitor) ",
            "(machine-0) ",
        ] {
            assert_eq!(
                board.monitor(format!("echo \"{text}\"")).wait()?,
                text.trim()
            );
        }
        // ... and miss texts that are errors.
        for (command, reason) in [
            ("nosuchcommand", "No such command or device: nosuchcommand"),
            ("logLevel 99", "Bad parameters for command logLevel 99"),
            (
                "sysbus Nope",
                "does not provide a field, method or property Nope",
            ),
        ] {
            let error = board.monitor(command).wait().unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Emulator(why) if matches!(why.kind(), EmulatorErrorKind::Refused { .. })),
                "{error}"
            );
            assert!(error.to_string().contains(reason), "{error}");
        }
        Ok(())
    }
    }

    on_renode! {
    fn disconnect_and_commands_afterwards() -> Result<()> {
        let board = board("allow_raw_monitor: true")?.boot().wait()?;
        board.power_off().wait()?;
        let error = board.monitor("version").wait().unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Power(PowerError::Off { .. })),
            "{error}"
        );
        Ok(())
    }
    }

    on_renode! {
    fn newline_rejection() -> Result<()> {
        let board = board("allow_raw_monitor: true")?.boot().wait()?;
        for command in ["version\nquit", "version\rquit", "version\r\nquit", "\n"] {
            let error = board.monitor(command).wait().unwrap_err().kind().to_string();
            assert!(error.starts_with(&format!("Renode cannot take {command:?} as a command, because ")), "{error}");
            assert!(error.ends_with("; newlines are refused: send each line as a command of its own"), "{error}");
        }
        assert!(board.is_on().wait()?);
        Ok(())
    }
    }

    on_renode! {
    fn stream_cleanup_on_a_failed_start() -> Result<()> {
        let target = || board("timeouts: {boot: 300ms}\nreuse: off").unwrap();
        let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
        let _ = target().boot().wait(); // the first boot creates the I/O thread and the helper process
        let before = descriptors();
        for _ in 0..5 {
            let error = target().boot().wait().unwrap_err();
            // Renode was started, and the boot gave up during the conversation.
            assert!(matches!(error.kind(), ErrorKind::Emulator(why) if matches!(why.kind(), EmulatorErrorKind::TooSlow { .. })), "{error}");
        }
        // The I/O thread may still be closing the descriptors of the last boot.
        assert!(
            descriptors() < before + 5,
            "{before} have become {}",
            descriptors()
        );
        assert_no_emulators("after the board");
        Ok(())
    }
    }
}

mod test_renode_power {
    use super::*;

    #[test]
    fn command_sequence() {
        let conversation = converse("", "");
        assert_eq!(
            conversation.outcome.as_deref(),
            Ok("Renode 1.16.1 (Mono) is fine\n")
        );
        let order = positions(
            &conversation.commands,
            &[
                "mach create \"stm32f4\"",
                "machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl",
                "emulation CreateUartPtyTerminal ",
                "connector Connect sysbus.usart2 ",
                "macro reset ",
                "sysbus LoadELF @",
                "start",
                "pause",
                "machine Reset",
            ],
        );
        assert!(order.is_sorted(), "{:#?}", conversation.commands);
    }

    #[test]
    fn extra_commands_run_in_order_between_uart_and_firmware() {
        let extra = "extra_commands: ['echo \"one\"', 'sysbus WriteDoubleWord 0x40090030 0x0301', 'echo \"three\"']";
        let conversation = converse("", extra);
        assert!(conversation.outcome.is_ok(), "{:?}", conversation.outcome);
        let order = positions(
            &conversation.commands,
            &[
                "connector Connect ",
                "echo \"one\"",
                "sysbus WriteDoubleWord 0x40090030 0x0301",
                "echo \"three\"",
                "sysbus LoadELF @",
                "start",
            ],
        );
        assert!(order.is_sorted(), "{:#?}", conversation.commands);
    }

    on_renode! {
    fn firmware_less_boot() -> Result<()> {
        let board = board("allow_raw_monitor: true")?.boot().wait()?;
        let began = Instant::now();
        let error = board.uart().expect("x").within(secs(1)).wait().unwrap_err().to_string();
        assert!(began.elapsed() < secs(10), "its own limit, and not twenty times that");
        assert!(error.contains("timed out after 1"), "{error}");
        assert!(error.contains("no firmware was named for the board"), "{error}");
        assert_eq!(board.monitor("emulation IsStarted").wait()?, "True");
        board.reset().wait()?;
        assert_eq!(board.monitor("emulation IsStarted").wait()?, "True");
        board.flash(sample("shell.elf")).wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
        Ok(())
    }

    fn firmware_loaded_by_extra_commands_restarts_at_every_reset() -> Result<()> {
        let directory = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        let image = directory.path().join("shell.elf");
        fs::copy(sample("shell.elf"), &image).unwrap();
        let image = image.display().to_string().replace(' ', "\\ ");
        let poke = "sysbus WriteDoubleWord 0x4000002C 0x1063"; // TIM2_ARR
        let board = board(&format!(
            "allow_raw_monitor: true\nextra_commands: ['sysbus LoadELF @{image}', '{poke}']"
        ))?;
        let board = board.boot().wait()?;
        let arr = || board.monitor("sysbus ReadDoubleWord 0x4000002C").wait();
        let uart = board.uart();
        for reset in ["power-on", "reset()", "the guest's"] {
            match reset {
                "reset()" => board.reset().wait()?,
                "the guest's" => uart.send_line("reset").wait()?,
                _ => {}
            }
            uart.expect_line("Hello from shell").wait()?;
            uart.expect("> ").wait()?;
            assert_eq!(arr()?, "0x00001063", "after {reset}");
        }
        // Once firmware is flashed, that of the commands is no longer loaded after it.
        board.flash(sample("hello.elf")).wait()?;
        uart.expect_line("Hello from hello").wait()?;
        board.reset().wait()?;
        uart.expect_line("Hello from hello").wait()?;
        assert_eq!(arr()?, "0x00001063");
        Ok(())
    }
    }

    #[test]
    fn power_on_without_firmware_starts_the_emulation() {
        let extra =
            "extra_commands: ['sysbus LoadELF @/fw.elf', 'sysbus WriteByte 0x1 0x2', version]";
        let conversation = converse_without_firmware("", extra);
        assert_eq!(
            conversation.outcome.as_deref(),
            Ok("Renode 1.16.1 (Mono) is fine\n")
        );
        let order = positions(
            &conversation.commands,
            &[
                "connector Connect sysbus.usart2 ",
                "sysbus LoadELF @/fw.elf",
                "sysbus WriteByte 0x1 0x2",
                "after_reset \"sysbus LoadELF @/fw.elf; sysbus WriteByte 0x1 0x2\"",
                "start",
                "pause",
                "machine Reset",
            ],
        );
        assert!(order.is_sorted(), "{:#?}", conversation.commands);
    }

    on_renode! {
    fn on_and_off_are_idempotent_and_off_ends_the_process() -> Result<()> {
        let board = shell_on(BackendKind::Renode).build()?;
        board.power_off().wait()?;
        board.power_on().wait()?;
        let running = emulators();
        assert!(!running.is_empty());
        board.power_on().wait()?;
        assert_eq!(emulators(), running, "a second on starts nothing");
        board.power_off().wait()?;
        board.power_off().wait()?;
        assert_no_emulators("after the board");
        Ok(())
    }
    }
}

mod test_renode_flasher {
    use super::*;

    on_renode! {
    fn flash_stores_when_off_and_hot_loads_with_a_reset_when_on() -> Result<()> {
        let board = bare_on(BackendKind::Renode).build()?;
        board.flash(sample("hello.elf")).wait()?;
        assert_no_emulators("stored, not started");
        board.power_on().wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        board.flash(sample("shell.elf")).wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
        Ok(())
    }
    }

    #[test]
    fn custom_load_command_from_the_allow_list_only() {
        for (text, command) in [
            ("sysbus LoadELF", LoadCommand::Elf),
            ("sysbus LoadSymbolsFrom", LoadCommand::SymbolsFrom),
            ("sysbus LoadHEX", LoadCommand::Hex),
            ("sysbus LoadSRecord", LoadCommand::SRecord),
        ] {
            let config = config(&format!("load_command: {text}")).unwrap();
            assert_eq!(config.load_command(), Some(command));
        }
        let binary = config("load_command: sysbus LoadBinary\nload_address: 0x08000000").unwrap();
        assert_eq!(binary.load_command(), Some(LoadCommand::Binary));
        for bad in ["sysbus LoadELF; quit", "include", "sysbus  LoadELF", "''"] {
            let error = config(&format!("load_command: {bad}")).unwrap_err();
            assert!(
                error.to_string().contains("load_command: unknown value"),
                "{error}"
            );
        }
    }

    on_renode! {
    fn flash_with_loads_only_images_of_the_commands_format() -> Result<()> {
        let board = board("load_command: sysbus LoadBinary\nload_address: 0x08000000")?.build()?;
        let images = [
            ("shell.elf", LoadCommand::Elf),
            ("shell.hex", LoadCommand::Hex),
            ("shell.srec", LoadCommand::SRecord),
            ("shell.bin", LoadCommand::Binary),
        ];
        board.flash_with(sample("hello.elf"), LoadCommand::Elf).wait()?;
        board.power_on().wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        for (image, command) in images {
            board.flash_with(sample(image), command).wait()?;
            board.uart().expect_line("Hello from shell").wait()?;
            for (_, other) in images.into_iter().filter(|(_, other)| *other != command) {
                let error = board.flash_with(sample(image), other).wait().unwrap_err().to_string();
                assert!(error.contains(&format!("{image}\" by `{}`", other.as_str())), "{error}");
            }
            // Refused before anything changed.
            board.uart().send_line("ping").wait()?;
            board.uart().expect_line("re:^pong$").wait()?;
        }
        let error = board.flash(sample("hello.elf")).wait().unwrap_err().to_string();
        assert!(error.contains("hello.elf\" by `sysbus LoadBinary`; leave `load_command` out"), "{error}");
        board.flash(sample("hello.bin")).wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn elf_is_recognized_by_its_magic() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        for (name, address) in [("shell.elf", ""), ("shell.bin", "load_address: 0x08000000")] {
            let firmware = directory.path().join("firmware");
            fs::copy(sample(name), &firmware).unwrap();
            let board = board(address)?.firmware(&firmware).boot().wait()?;
            board.uart().expect_line("Hello from shell").wait()?;
        }
        Ok(())
    }
    }
}

mod test_renode_config {
    use super::*;

    #[test]
    fn default_values() {
        let config = config("").unwrap();
        assert_eq!(config.machine_name(), "machine-0");
        assert_eq!(config.control(), Control::Console, "no port");
        assert_eq!(config.timeouts().command(), secs(30));
        // The driver's default of `uart` applies where the file is the driver's.
        let driver = "export: {Renode: {platform: platforms/boards/b.repl}}";
        let driver = TargetConfig::from_yaml_str(driver, root()).unwrap();
        assert_eq!(driver.renode().unwrap().uarts()[0].path(), "sysbus.uart0");
        assert!(config.extra_commands().is_empty());
        assert!(!config.allow_raw_monitor());
        assert_eq!(config.firmware(), None);
        assert_eq!(config.load_command(), None);
    }

    #[test]
    fn custom_config() {
        let own = "machine_name: ecu 7\nextra_commands: [version]\nallow_raw_monitor: true\n\
                   control: telnet\nmonitor_port: 45671\ntimeouts: {command: 5s}";
        let config = config(own).unwrap();
        let renode = config.renode().unwrap();
        let platform = "platforms/boards/stm32f4_discovery-kit.repl";
        assert_eq!(renode.platform(), &Platform::BuiltIn(platform.into()));
        assert_eq!(renode.uarts()[0].path(), "sysbus.usart2");
        assert_eq!(config.control(), Control::Telnet { port: Some(45671) });
        assert_eq!(config.timeouts().command(), secs(5));
        assert_eq!(config.machine_name(), "ecu 7");
        assert_eq!(config.extra_commands(), ["version"]);
        assert!(config.allow_raw_monitor());
    }

    #[test]
    fn machine_names_are_plain() {
        for good in ["stm32f4", "ecu 7", "a.b_c-d"] {
            let named = config(&format!("machine_name: {good}")).unwrap();
            assert_eq!(named.machine_name(), good);
        }
        for bad in ["ecu/1", "a(1)", "a\"b", "a;quit"] {
            let error = config(&format!("machine_name: '{bad}'"))
                .unwrap_err()
                .to_string();
            let why = "machine_name: character ";
            assert!(
                error.contains(why) && error.contains("only letters, digits, spaces"),
                "{error}"
            );
        }
    }

    #[test]
    fn pty_path_is_private_and_differs_for_each_boot() {
        let link = || {
            let conversation = converse("", "");
            let commands = conversation.commands;
            let [index] = positions(&commands, &["emulation CreateUartPtyTerminal "])[..] else {
                unreachable!("one position for one start")
            };
            let path = commands[index].split('"').nth(3).map(str::to_owned);
            path.unwrap_or_else(|| panic!("no path in {:?}", commands[index]))
        };
        let (first, second) = (link(), link());
        assert_ne!(first, second);
        for link in [first, second] {
            assert!(Path::new(&link).is_absolute(), "{link}");
            assert!(!Path::new(&link).exists(), "{link} was left behind");
        }
    }
}

mod test_renode_client {
    use super::*;

    on_renode! {
    fn properties() -> Result<()> {
        let target = board("machine_name: ecu")?.build()?;
        assert_eq!(
            target.platform(),
            Some(&Platform::BuiltIn("platforms/boards/stm32f4_discovery-kit.repl".into()))
        );
        assert_eq!(target.uart_name(), "sysbus.usart2");
        assert_eq!(target.machine_name(), "ecu");
        Ok(())
    }
    }

    on_renode! {
    fn monitor_cmd_is_disabled_by_default_and_needs_a_running_renode() -> Result<()> {
        let closed = board("")?.build()?;
        let error = closed.monitor("version").wait().unwrap_err().to_string();
        assert!(error.contains("allow_raw_monitor: true"), "{error}");
        let off = board("allow_raw_monitor: true")?.build()?;
        let error = off.monitor("version").wait().unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Power(PowerError::Off { .. })),
            "{error}"
        );
        Ok(())
    }
    }
}

on_renode! {
fn test_driver_renode_e2e() -> Result<()> {
    let board = VirtualTarget::from_yaml(root().join("fixtures/jumpstarter-exporter.yaml"))
        .backend(BackendKind::Renode)
        .build()?;
    board.flash(sample("shell.elf")).wait()?;
    for _ in 0..2 {
        board.power_on().wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
        board.uart().expect("> ").wait()?;
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("re:^pong$").wait()?;
        board.power_off().wait()?;
        assert_no_emulators("after the board");
    }
    board.shutdown().wait()
}
}

//! Monitor commands of the test: only if the description allows them, and only on Renode.

use std::fs;

use engine_tests::{control, on_each_engine, root, sample, tests_over_telnet};
use virtual_target::config::{BackendKind, ConfigErrorKind, TargetConfig};
use virtual_target::{EmulatorErrorKind, ErrorKind, TargetBuilder, VirtualTarget};

fn board(engine: BackendKind, allow_raw_monitor: bool) -> TargetBuilder {
    let yaml = fs::read_to_string(root().join("fixtures/stm32f4.yaml")).unwrap();
    let yaml = format!("{yaml}\nallow_raw_monitor: {allow_raw_monitor}\n");
    let config = TargetConfig::from_yaml_str(&yaml, root()).unwrap();
    let config = config.to_builder().field("control", control()).build();
    VirtualTarget::from_config(config.unwrap())
        .backend(engine)
        .firmware(sample("shell.elf"))
}

on_each_engine! {
    fn refused_by_default(engine) {
        let board = board(engine, false).boot().wait()?;
        let error = board.monitor("sysbus.cpu PC").wait().unwrap_err();
        if engine == BackendKind::Qemu {
            // QEMU has no such monitor: a permission would not help.
            assert!(matches!(error.kind(), ErrorKind::Emulator(why) if matches!(why.kind(), EmulatorErrorKind::Unsupported { .. })), "{error}");
            assert!(!error.to_string().contains("allow_raw_monitor"), "{error}");
            return Ok(());
        }
        assert!(matches!(error.kind(), ErrorKind::Config(config) if matches!(config.kind(), ConfigErrorKind::RawMonitor { .. })), "{error}");
        assert!(error.to_string().contains("allow_raw_monitor: true"), "{error}");
        Ok(())
    }

    fn runs_if_allowed(engine) {
        let board = board(engine, true).boot().wait()?;
        board.uart().expect("> ").wait()?;
        let answer = board.monitor("sysbus.cpu PC").wait();
        if engine == BackendKind::Qemu {
            let error = answer.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Emulator(why) if matches!(why.kind(), EmulatorErrorKind::Unsupported { .. })), "{error}");
            return Ok(());
        }
        let pc = answer?;
        assert!(pc.starts_with("0x8"), "{pc}");
        assert_eq!(board.monitor("echo \"Error: x\"").wait()?, "Error: x");
        // The format of a tree's lines depends on the runtime: `?` on Mono.
        let tree = board.monitor("peripherals").wait()?;
        let line = tree.lines().find(|line| line.contains("usart2 (")).unwrap_or_default();
        let (before, name) = line.trim().split_once(' ').unwrap_or_default();
        assert!(["???", "├──", "└──"].contains(&before), "{line:?}");
        assert!(name.starts_with("usart2 (STM32"), "{line:?}");
        let help = board.monitor("help mach").wait()?;
        assert!(help.contains("Current machine: stm32f4"), "{help}");
        assert!(!tree.contains('\u{fffd}') && !help.contains('\u{fffd}'), "{tree}{help}");
        let refused = board.monitor("sysbus Nope").wait().unwrap_err().to_string();
        assert!(refused.contains("does not provide a field, method or property Nope"), "{refused}");
        for (bad, advice) in [
            ("echo \"\u{e9}\"", "a command is one line of printable ASCII"),
            ("", "a command is one line of printable ASCII"),
            ("echo \"1\"\necho \"2\"", "newlines are refused: send each line as a command of its own"),
        ] {
            let error = board.monitor(bad).wait().unwrap_err().kind().to_string();
            assert!(error.ends_with(advice), "{error}");
        }
        board.power_off().wait()?;
        let off = board.monitor("sysbus.cpu PC").wait().unwrap_err();
        assert!(matches!(off.kind(), ErrorKind::Power(_)), "{off}");
        Ok(())
    }
}

tests_over_telnet! { refused_by_default::renode, runs_if_allowed::renode }

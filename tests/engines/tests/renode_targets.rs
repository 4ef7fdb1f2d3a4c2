//! The reference targets: each is a YAML file and nothing else, and passes on Renode
//! the same test as the STM32F4 of the other tests.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::fs;

use engine_tests::{on_renode, root, sample_for};
use virtual_target::config::TargetConfig;
use virtual_target::uart::Uart;
use virtual_target::{Result, VirtualTarget, millis, secs};

/// The output of a board, and the files that define it.
struct Reference {
    /// The YAML file in `fixtures`, and the directory of its firmware.
    files: &'static str,
    name: &'static str,
}

impl Reference {
    /// Boots the board and runs every operation once.
    fn works(&self) -> Result<()> {
        let shell = sample_for(self.files, "shell.elf");
        let hello = sample_for(self.files, "hello.elf");
        let yaml = root().join("fixtures").join(format!("{}.yaml", self.files));
        let board = VirtualTarget::from_yaml(yaml)
            .firmware(&shell)
            .boot()
            .wait()?;
        let uart = board.uart();
        self.greets_and_talks(uart)?;

        board.reset().wait()?;
        self.greets_and_talks(uart)?;

        uart.send_line("reset").wait()?;
        self.greets_and_talks(uart)?;

        board.flash(&hello).wait()?;
        uart.expect_line(format!("Hello from hello on {}", self.name))
            .wait()?;
        uart.send_line("one two").wait()?;
        uart.expect_line("echo: one two").wait()?;

        board.flash(&shell).wait()?;
        self.greets_and_talks(uart)?;

        board.power_cycle().wait()?;
        self.greets_and_talks(uart)?;

        uart.send_line("panic").wait()?;
        uart.expect_line(r"re:^(HardFault|Exception) at 0x[0-9a-f]{8}$")
            .wait()?;
        Ok(())
    }

    /// Reads the greeting, then talks to the shell; at the end the prompt has been read.
    fn greets_and_talks(&self, uart: &Uart) -> Result<()> {
        uart.expect_line(format!("Hello from shell on {}", self.name))
            .wait()?;
        uart.expect("> ").wait()?;
        for (command, answer) in [
            ("echo one two", r"re:^one two$"),
            ("sleep 20", r"re:^slept 20 ms$"),
            ("led on", "re:^led on$"),
            ("overruns", "re:^overruns 0$"),
        ] {
            uart.send_line(command).wait()?;
            uart.expect_line(answer).wait()?;
            uart.expect("> ").wait()?;
        }
        uart.send_line("uptime").wait()?;
        let uptime = uart.expect_line(r"re:^up (\d+) ms$").wait()?;
        let uptime: u64 = uptime.parse(1)?;
        assert!((20..10_000).contains(&uptime), "up {uptime} ms");
        uart.expect("> ").within(secs(2)).wait()?;
        Ok(())
    }
}

macro_rules! reference_targets {
    ($($test:ident: $files:literal, $name:literal;)+) => {
        on_renode! {$(
            fn $test() -> Result<()> {
                Reference { files: $files, name: $name }.works()
            }
        )+}
    };
}

reference_targets! {
    nucleo_h753zi_boots_talks_resets_and_is_flashed: "nucleo-h753zi", "nucleo_h753zi";
    s32k388_boots_talks_resets_and_is_flashed: "s32k388", "s32k388";
    s32k388_of_a_platform_of_our_own_boots_talks_resets_and_is_flashed: "s32k388-custom", "s32k388";
    sifive_fe310_boots_talks_resets_and_is_flashed: "sifive-fe310", "sifive_fe310";
}

on_renode! {
    /// A board that no other file here mentions. The firmware of the Nucleo-H753ZI runs on
    /// it, since its USART3 is the same.
    fn a_new_target_needs_a_yaml_file_and_no_code() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let yaml = directory.path().join("stm32f7-discovery.yaml");
        let firmware = directory.path().join("hello.elf");
        fs::copy(sample_for("nucleo-h753zi", "hello.elf"), firmware).unwrap();
        let text = "platform: platforms/boards/stm32f7_discovery-bb.repl\n\
                    uart: sysbus.usart3\n\
                    machine_name: stm32f7_discovery\n\
                    firmware: hello.elf\n";
        fs::write(&yaml, text).unwrap();
        let board = VirtualTarget::from_yaml(&yaml).boot().wait()?;
        let uart = board.uart();
        for _ in 0..2 {
            uart.expect_line("Hello from hello").wait()?;
            uart.send_line("a new board").wait()?;
            uart.expect_line("echo: a new board").wait()?;
            board.reset().wait()?;
        }
        Ok(())
    }

    /// The board of opensomeip's Zephyr port: its own description with a PL011, which a
    /// command turns on. Without that command it neither sends nor receives.
    fn a_pl011_that_extra_commands_turn_on_sends_and_receives() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let description = "nvic: IRQControllers.NVIC @ sysbus 0xE000E000\n    -> cpu@0\n\
            cpu: CPU.CortexM @ sysbus\n    cpuType: \"cortex-m7\"\n    nvic: nvic\n\
            flash: Memory.MappedMemory @ sysbus 0x00400000\n    size: 0x10000\n\
            uart0: UART.PL011 @ sysbus 0x40090000\n";
        fs::write(directory.path().join("s32k388_renode.repl"), description).unwrap();
        let exporter = |commands: &str| {
            let text = format!(
                "export:\n  ecu:\n    type: jumpstarter_driver_renode.driver.Renode\n    config:\n      \
                 platform: ./s32k388_renode.repl\n      uart: sysbus.uart0\n      allow_raw_monitor: yes\n      \
                 clock: virtual\n      extra_commands: [{commands}]\n"
            );
            let config = TargetConfig::from_yaml_str(&text, directory.path());
            VirtualTarget::from_config(config?).boot().wait()
        };
        let board = exporter("sysbus WriteDoubleWord 0x40090030 0x0301")?;
        for _ in 0..2 {
            assert_eq!(board.monitor("sysbus ReadDoubleWord 0x40090030").wait()?, "0x00000301");
            board.monitor("sysbus WriteDoubleWord 0x40090000 0x41").wait()?;
            board.uart().expect("A").wait()?;
            board.uart().send("z").wait()?;
            board.run_for(millis(10)).wait()?;
            assert_eq!(board.monitor("sysbus ReadDoubleWord 0x40090000").wait()?, "0x0000007A");
            board.reset().wait()?;
        }
        let off = exporter("")?;
        off.monitor("sysbus WriteDoubleWord 0x40090000 0x41").wait()?;
        off.uart().expect("A").within(millis(10)).wait().unwrap_err();
        Ok(())
    }

    /// openbsw's board, as the JEP's driver describes it: the H743 of Renode's own files.
    fn the_stm32h743_that_comes_with_renode_runs_the_h753s_firmware() -> Result<()> {
        let text = "platform: platforms/cpus/stm32h743.repl\nuart: sysbus.usart3\n";
        let board = VirtualTarget::from_config(TargetConfig::from_yaml_str(text, root())?);
        let board = board.firmware(sample_for("nucleo-h753zi", "shell.elf")).boot().wait()?;
        let uart = board.uart();
        for _ in 0..2 {
            uart.expect_line("Hello from shell").wait()?;
            uart.expect("> ").wait()?;
            uart.send_line("ping").wait()?;
            uart.expect_line("re:^pong$").wait()?;
            board.reset().wait()?;
        }
        Ok(())
    }

    /// A platform that Renode keeps outside `platforms`.
    fn a_renode_platform_may_be_anywhere_in_its_tree() -> Result<()> {
        let boot = |platform: &str| {
            let text = format!("platform: {platform}\nuart: sysbus.sci0\n");
            let config = TargetConfig::from_yaml_str(&text, "/nowhere");
            VirtualTarget::from_config(config?).boot().wait()
        };
        boot("tests/platforms/renesas-ck_ra6m5-sensors_example.repl")?;
        let error = boot("boards/none.repl").unwrap_err().to_string();
        let why = "platform: \"boards/none.repl\" is no file of the project's, and Renode has none of this name either: Renode refused";
        assert!(error.contains(why), "{error}");
        Ok(())
    }

    /// A hundred registers, as one line of the monitor; the test reads the last one.
    fn registers_set_by_extra_commands_are_set_again_at_every_reset() -> Result<()> {
        const TIM2_ARR: &str = "0x4000002C"; // 0xFFFFFFFF after a reset
        let set = |value: u32| format!("  - sysbus WriteDoubleWord {TIM2_ARR} {value:#X}\n");
        let all: String = (0x1000..=0x1063).map(set).collect();
        let text = format!(
            "platform: platforms/boards/stm32f4_discovery-kit.repl\n\
             uart: sysbus.usart2\nallow_raw_monitor: true\nextra_commands:\n{all}"
        );
        let config = TargetConfig::from_yaml_str(&text, "/")?;
        let shell = sample_for("stm32f4", "shell.elf");
        let board = VirtualTarget::from_config(config).firmware(&shell).boot().wait()?;
        let uart = board.uart();
        let is_set = || {
            uart.expect("> ").wait()?;
            let value = board.monitor(format!("sysbus ReadDoubleWord {TIM2_ARR}")).wait()?;
            assert_eq!(value, "0x00001063");
            board.monitor(format!("sysbus WriteDoubleWord {TIM2_ARR} 0")).wait()
        };
        is_set()?;
        board.reset().wait()?;
        is_set()?;
        uart.send_line("reset").wait()?;
        is_set()?;
        board.flash(&shell).wait()?;
        is_set()?;
        Ok(())
    }
}

//! Every image boots, or is refused by name: the place of its vectors, the format of its file,
//! and the contents of memory when it starts.

use std::fs;

use engine_tests::images::{self, FLASH};
use engine_tests::{bare_on, on_each_engine, on_renode, root, sample, tests_in_virtual_time};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, VirtualTarget};

/// Boots each of `files`, resets it, and flashes it while it runs.
fn assert_all_boot(engine: BackendKind, files: &[(&str, Vec<u8>)]) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let file = images::write(directory.path(), name, content);
        let board = bare_on(engine).firmware(&file).boot().wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
        board.reset().wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
        board.flash(&file).wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
    }
    Ok(())
}

fn text(name: &str) -> String {
    fs::read_to_string(sample(name)).unwrap()
}

/// Returns the shell sample as an S-record file that ends in `last`.
fn s_record_with(last: &str) -> Vec<u8> {
    let whole = text("shell.srec");
    let records = whole.lines().filter(|it| !it.starts_with("S7"));
    let records = records.chain([last]).map(|it| format!("{it}\r\n"));
    records.collect::<String>().into_bytes()
}

on_each_engine! {
    fn elf_files_without_symbols_or_sections_boot(engine) {
        assert_all_boot(engine, &[
            ("stripped.elf", fs::read(sample("shell.stripped")).unwrap()),
            ("segments.elf", images::elf(&images::shell())),
        ])
    }

    fn hex_files_with_unusual_lines_boot(engine) {
        let hex = text("shell.hex");
        let files = [
            format!("{hex}\r\nthis is the shell\r\n"),
            format!("{hex}\x1a"),
            hex.replace("\r\n", "  \r\n\r\n\t\n"),
            images::hex(&images::shell(), "\n").to_lowercase(),
        ];
        assert_all_boot(engine, &files.map(|text| ("shell.hex", text.into_bytes())))
    }

    /// `start N` of a counter in memory that no code clears.
    fn reset_keeps_memory_and_flash_or_power_cycle_clears_it(engine) {
        let board = bare_on(engine).firmware(sample("counter.elf")).boot().wait()?;
        let starts = |n: u32| board.uart().expect_line(format!("re:^start {n}$")).wait();
        starts(1)?;
        for n in 2..4 {
            board.reset().wait()?;
            starts(n)?;
        }
        board.flash(sample("counter.elf")).wait()?;
        starts(1)?;
        board.reset().wait()?;
        starts(2)?;
        board.power_cycle().wait()?;
        starts(1)?;
        board.flash(sample("counter.hex")).wait()?;
        starts(1)?;
        Ok(())
    }
}

on_renode! {
    fn s_record_files_boot_with_any_last_record() -> Result<()> {
        assert_all_boot(BackendKind::Renode, &[
            ("none.srec", s_record_with("S70500000000FA")),
            ("short.s3", s_record_with("S9030000FC")),
            ("entry.mot", s_record_with(text("shell.srec").lines().last().unwrap())),
        ])
    }

    fn vectors_are_found_at_other_places_than_the_start() -> Result<()> {
        let (late, _) = images::shell_with_late_vectors();
        assert_all_boot(BackendKind::Renode, &[
            ("nobits.elf", images::elf_with_nothing_at_0()),
            ("late.elf", images::elf(&late)),
            ("late.hex", images::hex(&late, "\r\n").into_bytes()),
        ])
    }

    fn two_vector_tables_are_an_error_that_names_both() -> Result<()> {
        let (mut late, first) = images::shell_with_late_vectors();
        let table = late[(first - FLASH) as usize..].to_vec();
        late.resize(late.len().next_multiple_of(512), 0);
        let second = FLASH + late.len() as u32;
        late.extend(table);
        let directory = tempfile::tempdir().unwrap();
        let file = images::write(directory.path(), "two.elf", images::elf(&late));
        let error = bare_on(BackendKind::Renode).firmware(&file).boot().wait().unwrap_err();
        let said = error.to_string();
        for part in ["two.elf", &format!("{first:#010x} or at {second:#010x}"), "VectorTableOffset"] {
            assert!(said.contains(part), "no {part} in: {said}");
        }
        // The user's value is used, and is set again at each reset.
        let yaml = fs::read_to_string(root().join("fixtures/stm32f4.yaml")).unwrap();
        let own = format!("{yaml}extra_commands: ['sysbus.cpu VectorTableOffset {second:#x}']\n");
        let config = TargetConfig::from_yaml_str(&own, root().join("fixtures"))?;
        let board = VirtualTarget::from_config(config).firmware(&file).backend(BackendKind::Renode);
        let board = board.boot().wait()?;
        for _ in 0..2 {
            board.uart().expect_line("Hello from shell").wait()?;
            board.reset().wait()?;
        }
        Ok(())
    }
}

/// Returns the configuration of the sample's board, with `lines` added.
fn board_with(lines: &str) -> TargetConfig {
    let base = "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n";
    TargetConfig::from_yaml_str(&format!("{base}{lines}"), root()).unwrap()
}

on_renode! {
    fn a_vector_table_field_without_vectors_is_named() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let file = images::write(directory.path(), "zeros.hex", images::hex(&[0; 64], "\n"));
        let board = bare_on(BackendKind::Renode).firmware(&file).boot().wait()?;
        let error = board.uart().expect("> ").wait().unwrap_err().to_string();
        assert!(error.contains("PC does not lay in memory"), "{error}");
        assert!(error.contains("`sysbus.cpu VectorTableOffset 0x08000000`"), "{error}");
        Ok(())
    }

    fn a_core_without_an_image_is_no_failure() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let second = "cpu1: CPU.CortexM @ sysbus\n    cpuType: \"cortex-m4f\"\n    nvic: nvic1\n\
                      nvic1: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpu1 }\n    \
                      -> cpu1@0\n";
        images::write(directory.path(), "second.repl", second);
        let text = "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\n\
                    platform_fragments: [second.repl]\n";
        let config = TargetConfig::from_yaml_str(text, directory.path())?;
        let board = VirtualTarget::from_config(config).firmware(sample("shell.hex")).boot().wait()?;
        for _ in 0..2 {
            board.uart().expect_line("Hello from shell").wait()?;
            board.uart().expect("> ").wait()?;
            board.reset().wait()?;
        }
        Ok(())
    }

    fn a_script_without_a_reset_macro_is_advised_to_define_one() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let script = "mach create\nmachine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl\n\
                      sysbus LoadELF $bin\n";
        images::write(directory.path(), "board.resc", script);
        let image = sample("shell.elf");
        let text = format!("script: board.resc\nuart: sysbus.usart2\nvariables: {{bin: '@{}'}}\n", image.display());
        let config = TargetConfig::from_yaml_str(&text, directory.path())?;
        let board = VirtualTarget::from_config(config).boot().wait()?;
        board.uart().expect_line("Hello from shell").wait()?;
        board.reset().wait()?;
        let error = board.uart().expect_line("Hello from shell").wait().unwrap_err().to_string();
        assert!(error.contains("define a `reset` macro in the script"), "{error}");
        Ok(())
    }

    fn an_extra_command_that_starts_the_board_is_named() -> Result<()> {
        let boot = |lines| VirtualTarget::from_config(board_with(lines)).firmware(sample("shell.elf")).boot().wait();
        let error = boot("extra_commands: ['echo \"a\"', start, version]\n").unwrap_err().to_string();
        for part in ["<yaml>:3:30: extra_commands[1]: ", "`start` lets the board run", "remove it"] {
            assert!(error.contains(part), "no {part} in: {error}");
        }
        Ok(())
    }
}

/// A test as [`on_each_engine!`] defines it, on QEMU alone.
#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_wrong_processor_for_qemu_is_reported() {
    let boot = |cpu: &str| {
        let text =
            format!("backend: qemu\nqemu: {{machine: netduinoplus2, cpu: {cpu}, serial: 1}}\n");
        let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
        VirtualTarget::from_config(config)
            .backend(BackendKind::Qemu)
            .firmware(sample("shell.elf"))
            .boot()
            .wait()
    };
    let error = boot("cortex-a15").unwrap_err().to_string();
    for part in [
        "<yaml>:2:32: qemu.cpu: ",
        "a cortex-a15: that board always has a cortex-m4",
        "remove `cpu`",
    ] {
        assert!(error.contains(part), "no {part} in: {error}");
    }
    boot("cortex-m4")
        .unwrap()
        .uart()
        .expect_line("Hello from shell")
        .wait()
        .unwrap();
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_qemu_only_board_runs_on_qemu_if_any_engine_is_allowed() -> Result<()> {
    let text = "backend: qemu\nqemu: {machine: netduinoplus2, serial: 1}\n";
    let config = TargetConfig::from_yaml_str(text, ".")?;
    let board = VirtualTarget::from_config(config).backend(BackendKind::Auto);
    let board = board.firmware(sample("shell.elf")).boot().wait()?;
    board
        .uart()
        .expect_line("Hello from shell")
        .wait()
        .map(drop)
}

tests_in_virtual_time! {
    reset_keeps_memory_and_flash_or_power_cycle_clears_it::renode,
}

//! Boards that a script creates, and fragments added to boards, on a real Renode.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::fs;
use std::path::Path;

use engine_tests::{on_renode, sample};
use tempfile::TempDir;
use virtual_target::config::TargetConfig;
use virtual_target::{Result, TargetBuilder, VirtualTarget, secs};

const STM32F4: &str = "platforms/boards/stm32f4_discovery-kit.repl";

/// A script in the style of those that come with Renode.
const BOARD: &str = r#"
:name: STM32F4 Discovery
using sysbus
$name?="STM32F4_Discovery"
mach create $name
machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl
include $ORIGIN/speed.resc
showAnalyzer sysbus.uart4
$bin?=@none.elf
macro reset
"""
    sysbus LoadELF $bin
"""
runMacro $reset
"#;

/// A user's project, in a directory that the monitor cannot write.
struct Project(TempDir);

impl Project {
    fn new(script: &str) -> Self {
        let project = Self(
            tempfile::Builder::new()
                .prefix("a; b 'é' $c")
                .tempdir()
                .unwrap(),
        );
        project.write("board.resc", script);
        project.write("speed.resc", "cpu PerformanceInMips 77\n");
        fs::copy(sample("shell.elf"), project.path().join("f w.elf")).unwrap();
        project
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn target(&self, more: &str) -> Result<TargetBuilder> {
        let text = format!("backend: renode\nuart: sysbus.usart2\nallow_raw_monitor: true\n{more}");
        Ok(VirtualTarget::from_config(TargetConfig::from_yaml_str(
            &text,
            self.path(),
        )?))
    }

    fn boot(&self, more: &str) -> Result<VirtualTarget> {
        self.target(more)?.boot().wait()
    }

    /// Returns the error of a boot by the script, which names it.
    fn error(&self, more: &str) -> String {
        let error = self
            .boot(&format!("script: board.resc\n{more}"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/board.resc\": "), "{error}");
        error
    }
}

fn answers(board: &VirtualTarget) -> Result<()> {
    let uart = board.uart();
    uart.expect_line("Hello from shell").wait()?;
    uart.expect("> ").wait()?;
    uart.send_line("ping").wait()?;
    uart.expect_line("re:^pong$").wait()?;
    Ok(())
}

on_renode! {
    fn a_script_creates_the_board_and_loads_its_firmware() -> Result<()> {
        let project = Project::new(BOARD);
        let board = project.boot("script: board.resc\nvariables: {bin: '@f w.elf', name: 'my-board', n: -5}")?;
        answers(&board)?;
        assert_eq!(board.monitor("sysbus.cpu PerformanceInMips").wait()?, "0x0000004D");
        assert_eq!(board.monitor("echo $global.n").wait()?, "-5");
        assert!(board.monitor("help mach").wait()?.contains("Current machine: my-board"));
        board.reset().wait()?;
        answers(&board)?;
        board.power_cycle().wait()?;
        answers(&board)?;
        // The firmware of the test replaces the script's.
        board.flash(sample("hello.elf")).wait()?;
        board.uart().expect_line("Hello from hello").wait()?;
        Ok(())
    }

    fn registers_set_by_extra_commands_are_set_again_after_the_reset_macro_of_a_script() -> Result<()> {
        let project = Project::new(BOARD);
        let poke = "sysbus WriteDoubleWord 0x4000002C 0x1063"; // TIM2_ARR
        let board = project.boot(&format!(
            "script: board.resc\nvariables: {{bin: '@f w.elf', name: 'my-board'}}\nextra_commands: ['{poke}']"
        ))?;
        let arr = || board.monitor("sysbus ReadDoubleWord 0x4000002C").wait();
        let uart = board.uart();
        for reset in ["power-on", "reset()", "the guest's"] {
            match reset {
                "reset()" => board.reset().wait()?,
                "the guest's" => uart.send_line("reset").wait()?,
                _ => {}
            }
            answers(&board)?;
            uart.expect("> ").wait()?;
            assert_eq!(arr()?, "0x00001063", "after {reset}");
        }
        // The selected machine stays selected.
        assert!(board.monitor("help mach").wait()?.contains("Current machine: my-board"));
        Ok(())
    }

    fn reset_restarts_a_halted_board_of_a_script() -> Result<()> {
        let project = Project::new(BOARD);
        let board = project.boot("script: board.resc\nvariables: {bin: '@f w.elf'}")?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        board.monitor("pause; sysbus.cpu PC 0xF0000000; start").wait()?;
        let error = uart.expect("never").within(secs(5)).wait().unwrap_err().to_string();
        assert!(error.contains("has halted: cpu: CPU abort"), "{error}");
        board.reset().wait()?;
        answers(&board)
    }

    fn firmware_of_the_test_is_loaded_into_a_board_of_a_script() -> Result<()> {
        let project = Project::new(
            "mach create \"first\"\nmachine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl\n\
             mach create \"second\"\n",
        );
        let board = project.target("script: board.resc\nmachine_name: first\nextra_commands: ['mach set \"second\"']")?;
        let board = board.firmware(sample("shell.elf")).boot().wait()?;
        answers(&board)?;
        board.reset().wait()?;
        answers(&board)
    }

    fn text_variables_are_passed_as_text() -> Result<()> {
        let project = Project::new("mach create\nmachine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl");
        let odd = "a;quit `quit` $name # b : 'c' @d";
        let board = project.boot(&format!("script: board.resc\nvariables: {{a: {odd:?}, b: '', c: true}}"))?;
        assert_eq!(board.monitor("echo $global.a").wait()?, odd);
        assert_eq!(board.monitor("echo $global.b").wait()?, "");
        assert_eq!(board.monitor("echo $global.c").wait()?, "True");
        Ok(())
    }

    fn a_script_that_comes_with_renode_is_found() -> Result<()> {
        let project = Project::new("");
        let script = "script: scripts/single-node/stm32f4_discovery.resc\nvariables: {bin: '@f w.elf'}";
        match project.boot(script) {
            Ok(board) => answers(&board)?,
            // Without a network: the script is found, and runs up to its default firmware.
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("Renode's script \"scripts/single-node/stm32f4_discovery.resc\": "), "{error}");
                assert!(error.contains("Failed to download https://dl.antmicro.com/projects/renode/stm32f4discovery.elf"), "{error}");
            }
        }
        let error = project.boot("script: scripts/none.resc").unwrap_err().to_string();
        assert!(error.contains("Renode's script \"scripts/none.resc\": "), "{error}");
        assert!(error.contains("File does not exist: scripts/none.resc"), "{error}");
        Ok(())
    }

    fn a_failing_script_is_named() -> Result<()> {
        let project = Project::new("mach create \"a\"\nsysbus Nope\n");
        let error = project.error("");
        for part in ["command 'sysbus Nope'", "sysbus does not provide a field, method or property Nope."] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        // Renode downloads a default even where it is not needed.
        project.write("board.resc", "mach create\n$bin?=@https://example.invalid/no.elf\n");
        let error = project.error("variables: {bin: '@f w.elf'}");
        assert!(error.contains("Failed to download https://example.invalid/no.elf"), "{error}");
        project.write("board.resc", "version\n");
        assert!(project.error("").contains("tell which machine is the board"));
        project.write("board.resc", "mach create \"a\"\n");
        assert!(project.error("machine_name: b").contains("Machine b not found."));
        Ok(())
    }

    fn a_script_must_not_start_the_board() -> Result<()> {
        for run in ["start", "emulation RunFor \"0.01\""] {
            let project = Project::new(&format!("{BOARD}\n{run}\n"));
            let error = project.error("variables: {bin: '@f w.elf'}");
            assert!(error.contains("before its UART is connected"), "{run}: {error}");
        }
        Ok(())
    }

    fn fragments_extend_a_platform() -> Result<()> {
        let project = Project::new(BOARD);
        project.write("part.repl", "part: Memory.MappedMemory @ sysbus 0x70000000\n    size: 0x1000\n");
        project.write("extra.repl", "using \"./part.repl\"\n");
        let fragments = "platform_fragments:\n  - extra.repl\n  - |\n    cpu:\n        PerformanceInMips: 55\n";
        let on_platform = format!("platform: {STM32F4}\n{fragments}");
        let board = project.target(&on_platform)?.firmware(sample("shell.elf")).boot().wait()?;
        answers(&board)?;
        assert_eq!(board.monitor("sysbus.part Size").wait()?, "0x0000000000001000");
        assert_eq!(board.monitor("sysbus.cpu PerformanceInMips").wait()?, "0x00000037");
        drop(board);
        let on_script = format!("script: board.resc\nvariables: {{bin: '@f w.elf'}}\n{fragments}");
        let board = project.boot(&on_script)?;
        answers(&board)?;
        assert_eq!(board.monitor("sysbus.part Size").wait()?, "0x0000000000001000");
        assert_eq!(board.monitor("sysbus.cpu PerformanceInMips").wait()?, "0x00000037");
        Ok(())
    }

    fn a_bad_fragment_is_named() -> Result<()> {
        let project = Project::new(BOARD);
        let bad = format!("platform: {STM32F4}\nplatform_fragments: ['cpu: {{ PerformanceInMips: 55 }}', 'x: No.Such @ sysbus 0']");
        let error = project.boot(&bad).unwrap_err().to_string();
        assert!(error.contains("platform_fragments[1]: Renode refused"), "{error}");
        assert!(error.contains("No.Such"), "{error}");
        Ok(())
    }
}

//! The tests whose coverage is recorded, each in a run of its own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use engine_tests::{bare_on, root, sample};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::coverage::CoverageReport;
use virtual_target::{Result, TargetBuilder, VirtualTarget, millis};

fn engine() -> BackendKind {
    match std::env::var("COVERED_ENGINE").unwrap().as_str() {
        "Renode" => BackendKind::Renode,
        _ => BackendKind::Qemu,
    }
}

fn image() -> PathBuf {
    std::env::var_os("COVERED_IMAGE").unwrap().into()
}

/// Memory where the boot loader is.
const LOW_MEMORY: &str = "low: Memory.MappedMemory @ sysbus 0\n    size: 0x10000\n";

/// Returns the board, with a command for Renode that makes it report each block.
fn board() -> TargetBuilder {
    let (engine, image) = (engine(), image());
    let file = match image.to_string_lossy().contains("sifive") {
        true => "fixtures/sifive-fe310.yaml",
        false => "fixtures/stm32f4.yaml",
    };
    let config = TargetConfig::from_file(root().join(file)).unwrap();
    let mut config = config.to_builder();
    if let Ok(hook) = std::env::var("COVERED_HOOK") {
        config = config.field("extra_commands", vec![hook]);
    }
    if engine == BackendKind::Renode {
        config = config.field("clock", "virtual");
    }
    match image.file_name().and_then(|it| it.to_str()) {
        Some("both.hex") => config = config.field("platform_fragments", vec![LOW_MEMORY]),
        Some("shell.bin") => config = config.field("load_address", "0x08000000"),
        _ => {}
    }
    let mut builder = VirtualTarget::from_config(config.build().unwrap()).backend(engine);
    if let Some(symbols) = std::env::var_os("COVERED_SYMBOLS") {
        for file in std::env::split_paths(&symbols) {
            builder = builder.symbols(file);
        }
    }
    builder
}

#[test]
#[ignore = "run by the tests of this program"]
fn talks() -> Result<()> {
    let image = image();
    let board = board().firmware(&image).boot().wait()?;
    let uart = board.uart();
    let name = image.file_name().unwrap().to_string_lossy();
    if name.starts_with("shell") {
        uart.expect("> ").wait()?;
        for command in [
            "ping",
            "echo some words",
            "no such command",
            "led on",
            "sleep 20",
            "source 100",
        ] {
            uart.send_line(command).wait()?;
            uart.expect("> ").wait()?;
        }
        return Ok(());
    }
    uart.expect_line("ready").wait()?;
    if name.starts_with("faults") {
        uart.send("x").wait()?;
        uart.expect_line("done").wait()?;
    } else if name == "both.hex" {
        uart.send("d").wait()?;
        uart.expect_line("1").wait()?;
    }
    // Renode stops at the end of the line, and QEMU goes on. With a hook a loop hardly advances.
    let hooked = std::env::var_os("COVERED_HOOK").is_some();
    match (hooked, name.starts_with("rust")) {
        (true, false) => Ok(()),
        (true, true) => uart.expect_none("more", millis(1)).wait(),
        (false, _) => uart.expect_none("more", millis(50)).wait(),
    }
}

/// A script that makes the board and loads its firmware.
#[test]
#[ignore = "run by the tests of this program"]
fn runs_a_script() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let script = "mach create\n\
         machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl\n\
         macro reset\n\"\"\"\n    sysbus LoadELF $bin\n\"\"\"\nrunMacro $reset\n";
    std::fs::write(directory.path().join("board.resc"), script).unwrap();
    let text = format!(
        "script: board.resc\nvariables: {{bin: {:?}}}\nuart: sysbus.usart2\nclock: virtual\n",
        sample("shell-debug.elf")
    );
    let config = TargetConfig::from_yaml_str(&text, directory.path()).unwrap();
    let mut builder = VirtualTarget::from_config(config);
    if let Some(symbols) = std::env::var_os("COVERED_SYMBOLS") {
        builder = builder.symbols(symbols);
    }
    let board = builder.boot().wait()?;
    for _ in 0..2 {
        pings_with(&board)?;
        board.power_cycle().wait()?;
    }
    Ok(())
}

#[test]
#[ignore = "run by the tests of this program"]
fn pings() -> Result<()> {
    let board = bare_on(engine())
        .firmware(sample("shell-debug.elf"))
        .boot()
        .wait()?;
    pings_with(&board)
}

/// On QEMU a guard of the log needs the log.
#[test]
#[ignore = "run by the tests of this program"]
fn guards_the_log() -> Result<()> {
    let board = bare_on(engine())
        .firmware(sample("shell-debug.elf"))
        .fail_on_log("boom")
        .boot()
        .wait()?;
    pings_with(&board)
}

fn pings_with(board: &VirtualTarget) -> Result<()> {
    board.uart().expect("> ").wait()?;
    board.uart().send_line("ping").wait()?;
    board.uart().expect_line("re:^pong").wait()?;
    Ok(())
}

#[test]
#[ignore = "run by the tests of this program"]
fn keeps_the_board_in_a_static() -> Result<()> {
    static BOARD: OnceLock<VirtualTarget> = OnceLock::new();
    let board = bare_on(engine())
        .firmware(sample("shell-debug.elf"))
        .boot()
        .wait()?;
    pings_with(BOARD.get_or_init(|| board))
}

#[test]
#[ignore = "run by the tests of this program"]
fn flashes() -> Result<()> {
    let board = bare_on(engine())
        .firmware(sample("compute-debug.elf"))
        .boot()
        .wait()?;
    flashes_the_shell(&board, "shell-debug.elf")
}

fn flashes_the_shell(board: &VirtualTarget, image: &str) -> Result<()> {
    board.uart().expect_line("Hello from compute").wait()?;
    board.flash(sample(image)).wait()?;
    board.uart().expect("> ").wait()?;
    board.uart().send_line("ping").wait()?;
    board.uart().expect("> ").wait()?;
    Ok(())
}

/// Binaries at the same address, with the ELF files of both in `symbols`.
#[test]
#[ignore = "run by the tests of this program"]
fn flashes_binaries() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let compute = directory.path().join("compute.hex");
    let made = Command::new("arm-none-eabi-objcopy")
        .args(["-O", "ihex"])
        .args([&sample("compute-debug.elf"), &compute])
        .status();
    assert!(made.expect("binutils").success());
    let board = bare_on(engine())
        .firmware(compute)
        .symbols(sample("shell-debug.elf"))
        .symbols(sample("compute-debug.elf"))
        .boot()
        .wait()?;
    flashes_the_shell(&board, "shell.hex")
}

#[test]
#[ignore = "run by the tests of this program"]
fn runs_two_machines() -> Result<()> {
    let machine = |image| {
        let image = sample(image);
        let platform = "platforms/boards/stm32f4_discovery-kit.repl";
        format!(
            "{{platform: {platform}, uart: sysbus.usart2, firmware: {}}}",
            image.display()
        )
    };
    let text = format!(
        "clock: virtual\nmachines: {{a: {}, b: {}}}\n",
        machine("compute-debug.elf"),
        machine("shell-debug.elf")
    );
    let config = TargetConfig::from_yaml_str(&text, "/").unwrap();
    let board = VirtualTarget::from_config(config).boot().wait()?;
    let (a, b) = (board.machine("a")?, board.machine("b")?);
    a.uart().expect_line("Hello from compute").wait()?;
    b.uart().expect("> ").wait()?;
    b.uart().send_line("ping").wait()?;
    b.uart().expect("> ").wait()?;
    Ok(())
}

#[test]
#[ignore = "run by the tests of this program"]
fn switches_the_led() -> Result<()> {
    let board = bare_on(engine())
        .firmware(sample("shell-debug.elf"))
        .boot()
        .wait()?;
    board.uart().expect("> ").wait()?;
    board.uart().send_line("led on").wait()?;
    board.uart().expect("> ").wait()?;
    // Power cycles and resets do not lose what has run.
    board.power_cycle().wait()?;
    board.uart().expect("> ").wait()?;
    board.reset().wait()?;
    board.uart().expect("> ").wait()?;
    board.shutdown().wait()
}

#[test]
#[ignore = "run by the tests of this program"]
fn reports() {
    match CoverageReport::of_last_run(".") {
        Ok(report) => println!("{report}"),
        Err(error) => println!("{error}"),
    }
}

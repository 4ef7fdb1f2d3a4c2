//! The coverage of firmware: which lines have run, compared with what an engine tells when it
//! reports each block that runs, not only those that it translates.
//!
//! The coverage is of a whole run of tests, so each test here runs one of [`on_purpose`] as a run of
//! its own, with a target directory of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine_tests::coverage::{Lcov, Lines, line_starts};
use engine_tests::emulator_variant::write_launcher;
use engine_tests::{bare_on, on_each_engine, on_renode, sample, sample_for};
use tempfile::TempDir;
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{ErrorKind, Result, VirtualTarget};

/// The tests whose coverage is recorded.
mod on_purpose {
    use std::path::PathBuf;

    use engine_tests::{bare_on, root, sample};
    use virtual_target::config::{BackendKind, TargetConfig};
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

    /// Returns the board, with a command for Renode that makes it report each block.
    fn board() -> TargetBuilder {
        let engine = engine();
        let file = match image().to_string_lossy().contains("sifive") {
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
        VirtualTarget::from_config(config.build().unwrap()).backend(engine)
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn talks() -> Result<()> {
        let board = board().firmware(image()).boot().wait()?;
        let uart = board.uart();
        if image().to_string_lossy().contains("faults") {
            uart.expect_line("ready").wait()?;
            uart.send("x").wait()?;
            uart.expect_line("done").wait()?;
            if std::env::var_os("COVERED_HOOK").is_some() {
                return Ok(()); // a loop that does not end hardly advances with a hook
            }
            // Renode stops at the end of the line, and QEMU goes on.
            return uart.expect_none("more", millis(50)).wait();
        }
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
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn pings() -> Result<()> {
        let board = bare_on(engine())
            .firmware(sample("shell-debug.elf"))
            .boot()
            .wait()?;
        board.uart().expect("> ").wait()?;
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("re:^pong").wait()?;
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn flashes() -> Result<()> {
        let board = bare_on(engine())
            .firmware(sample("compute-debug.elf"))
            .boot()
            .wait()?;
        board.uart().expect_line("Hello from compute").wait()?;
        board.flash(sample("shell-debug.elf")).wait()?;
        board.uart().expect("> ").wait()?;
        board.uart().send_line("ping").wait()?;
        board.uart().expect("> ").wait()?;
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
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
    #[ignore = "run by the tests below"]
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
}

/// A run of the tests of [`on_purpose`], and its target directory.
struct Run {
    target: TempDir,
    engine: BackendKind,
}

impl Run {
    fn on(engine: BackendKind) -> Self {
        let target = tempfile::tempdir().unwrap();
        Self { target, engine }
    }

    fn command(&self, test: &str, run: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(format!("on_purpose::{test}"))
            .env("CARGO_TARGET_DIR", self.target.path())
            .env("COVERED_ENGINE", self.engine.to_string())
            .env("NEXTEST_RUN_ID", run)
            .env("VTARGET_COVERAGE", "1");
        command
    }

    fn lcov(&self) -> Lcov {
        Lcov::read(self.target.path())
    }
}

/// Runs a test program, which must pass; returns what it prints.
fn pass(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text.into_owned()
}

/// Returns the coverage of a conversation with an image, and the instructions that have run, as the
/// engine reports them for each block that runs.
fn covered(engine: BackendKind, image: &Path) -> (Lcov, BTreeSet<u64>) {
    let run = Run::on(engine);
    let trace = run.target.path().join("trace");
    let mut command = run.command("talks", "one");
    command.env("COVERED_IMAGE", image);
    match engine {
        BackendKind::Renode => {
            let hook = format!(
                "sysbus.cpu SetHookAtBlockBegin \"import sys; import System; \
                 s = sys.__dict__.setdefault('blocks', set()); \
                 (pc, size) in s or (s.add((pc, size)), \
                 System.IO.File.AppendAllText('{}', '%x %x;' % (pc, size)))\"",
                trace.display()
            );
            command.env("COVERED_HOOK", hook);
        }
        _ => {
            // QEMU reports each block that runs in the log that this crate reads, too.
            let qemu = std::env::var("VTARGET_QEMU").unwrap_or("qemu-system-arm".to_owned());
            let script = format!(
                "for it; do shift; case $it in in_asm) it=in_asm,exec,nochain;; */blocks-*) ln \"$it\" {};; esac; \
                 set -- \"$@\" \"$it\"; done; exec {qemu} \"$@\"",
                trace.display()
            );
            command.env("VTARGET_QEMU", write_launcher(run.target.path(), &script));
        }
    }
    pass(command);
    let trace = fs::read_to_string(trace).unwrap();
    (
        run.lcov(),
        match engine {
            BackendKind::Renode => instructions_of_renode(&trace, image),
            _ => instructions_of_qemu(&trace),
        },
    )
}

/// Returns the instructions of the blocks that Renode has reported, by their starts and their numbers
/// of instructions.
fn instructions_of_renode(trace: &str, image: &Path) -> BTreeSet<u64> {
    let number = |text| u64::from_str_radix(text, 16).unwrap();
    let instructions = instructions(image);
    let mut all = BTreeSet::new();
    for block in trace.split_terminator(';') {
        let (start, count) = block.split_once(' ').unwrap();
        let ran = instructions.range(number(start)..);
        all.extend(ran.take(number(count) as usize));
    }
    all
}

/// Returns the addresses of all instructions of an image, as binutils reads them.
fn instructions(image: &Path) -> BTreeSet<u64> {
    let binutils = match image.to_string_lossy().contains("sifive") {
        true => "riscv64-unknown-elf-objdump",
        false => "arm-none-eabi-objdump",
    };
    let output = Command::new(binutils).arg("-d").arg(image).output();
    let text = String::from_utf8(output.expect(binutils).stdout).unwrap();
    let addresses = text.lines().filter_map(|line| {
        let (digits, _) = line.trim_start().split_once(":\t")?;
        u64::from_str_radix(digits, 16).ok()
    });
    addresses.collect()
}

/// Returns the instructions of the blocks that QEMU has reported as they ran.
fn instructions_of_qemu(trace: &str) -> BTreeSet<u64> {
    let number = |text| u64::from_str_radix(text, 16).unwrap();
    let mut ran = BTreeSet::new();
    // Trace 0: 0x7f… [00000000/08000212/00000110/ff020000] Reset_Handler
    for line in trace.lines().filter(|line| line.starts_with("Trace ")) {
        ran.insert(number(line.split('/').nth(1).unwrap()));
    }
    let mut all = BTreeSet::new();
    for block in trace.split("----------------\n").skip(1) {
        let addresses = block.lines().filter_map(|line| {
            let (digits, _) = line.strip_prefix("0x")?.split_once(':')?;
            Some(number(digits))
        });
        let addresses: Vec<u64> = addresses.collect();
        if addresses.first().is_some_and(|first| ran.contains(first)) {
            all.extend(addresses);
        }
    }
    all
}

/// Checks the lines that are hit against the instructions that have run.
fn assert_exact(engine: BackendKind, image: &Path) -> Lcov {
    let (lcov, ran) = covered(engine, image);
    let starts = line_starts(image);
    let lines: Lines = starts.values().flatten().cloned().collect();
    let hit: Lines = starts
        .iter()
        .filter(|(address, _)| ran.contains(address))
        .flat_map(|(_, lines)| lines.clone())
        .collect();
    let only = |a: &Lines, b: &Lines| Vec::from_iter(a.difference(b).cloned());
    assert_eq!(only(&lcov.lines, &lines), [], "these lines have no code");
    assert_eq!(only(&lines, &lcov.lines), [], "these lines have code");
    assert_eq!(
        only(&lcov.hit, &hit),
        [],
        "hit, but the engine did not report it"
    );
    assert_eq!(
        only(&hit, &lcov.hit),
        [],
        "not hit, but the engine reported it"
    );
    assert!(hit.len() * 5 > lines.len() && hit.len() < lines.len());
    lcov
}

/// Images with debug information, for the STM32F4.
fn images() -> [PathBuf; 3] {
    let faults = |name| sample_for("faults", name);
    [
        sample("shell-debug.elf"),
        faults("faults-O0.elf"),
        faults("faults-Os.elf"),
    ]
}

on_each_engine! {
    fn the_lines_that_are_hit_are_those_that_ran(engine) {
        for image in images() {
            assert_exact(engine, &image);
        }
        Ok(())
    }

    fn tests_of_a_run_are_merged_and_an_earlier_run_is_discarded(engine) {
        let run = Run::on(engine);
        let functions = |names: [&str; 3]| {
            let lcov = run.lcov();
            names.map(|name| lcov.functions[name])
        };
        let lines = |texts: [&str; 3]| {
            let lcov = run.lcov();
            texts.map(|text| lcov.has_run("shell/commands.c", text))
        };
        let names = ["ping", "led_on", "panic"];
        let texts = ["pong", "print(\"led on", "print(\"panic"];
        for (test, name, [ping, led_on]) in [
            ("pings", "one", [true, false]),
            ("switches_the_led", "one", [true, true]),
            ("switches_the_led", "two", [false, true]),
        ] {
            pass(run.command(test, name));
            // A function that is linked and does not run is there.
            assert_eq!(functions(names), [ping, led_on, false]);
            assert_eq!(lines(texts), [ping, led_on, false]);
        }
        Ok(())
    }
}

on_each_engine! {
    fn images_that_are_flashed_one_after_the_other_have_their_own_lines(engine) {
        let run = Run::on(engine);
        pass(run.command("flashes", "one"));
        assert_ping_and_no_sort(&run.lcov());
        Ok(())
    }

    fn an_image_whose_lines_are_not_known_is_an_error(engine) {
        let config = bare_on(engine).build()?.config().to_builder();
        let config = config.field("coverage", "lines").build()?;
        let boot = |image: &str| {
            let builder = VirtualTarget::from_config(config.clone()).backend(engine);
            builder.firmware(sample(image)).boot().wait()
        };
        for (image, why) in [
            ("shell.elf", "shell.elf\" has no debug information (DWARF), so its lines are not known"),
            ("shell.hex", "shell.hex\" is no ELF file but Intel HEX, which names no lines"),
        ] {
            let error = boot(image).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Coverage(_)), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
        let board = boot("shell-debug.elf")?;
        let error = board.flash(sample("shell.elf")).wait().unwrap_err();
        assert!(error.to_string().contains("has no debug information"), "{error}");
        // It is refused before anything is done to the board.
        board.uart().expect("> ").wait()?;
        Ok(())
    }
}

/// Checks the coverage of a run in which the shell has answered, and the other image has only greeted.
fn assert_ping_and_no_sort(lcov: &Lcov) {
    let compute = |text| lcov.has_run("compute/main.c", text);
    assert!(compute("Hello from compute") && !compute("uint32_t pivot"));
    let shell = |text| lcov.has_run("shell/commands.c", text);
    assert!(shell("pong") && !shell("print(\"panic"));
}

#[test]
fn a_physical_board_has_no_coverage() {
    let text = "backend: serial\nserial: {port: /dev/null}\ncoverage: lines\n";
    let config = TargetConfig::from_yaml_str(text, "/").unwrap();
    let error = VirtualTarget::from_config(config).build().unwrap_err();
    let why = "coverage: a physical board does not tell which code runs";
    assert!(error.to_string().starts_with(why), "{error}");
}

#[test]
fn qemu_has_one_log() {
    let board = "backend: qemu\ncoverage: lines\n";
    for (rest, field) in [
        (
            "qemu: {machine: netduino2}\nfail_on_log: [boom]\n",
            "fail_on_log",
        ),
        (
            "qemu: {machine: netduino2, args: [-d, int]}\n",
            "qemu.args: [-d]",
        ),
    ] {
        let config = TargetConfig::from_yaml_str(&format!("{board}{rest}"), "/").unwrap();
        let error = VirtualTarget::from_config(config).build().unwrap_err();
        let why = format!("coverage: QEMU has one log, which `{field}` uses already");
        assert!(error.to_string().starts_with(&why), "{error}");
    }
}

on_renode! {
    fn machines_of_one_board_are_covered() -> Result<()> {
        let run = Run::on(BackendKind::Renode);
        pass(run.command("runs_two_machines", "one"));
        assert_ping_and_no_sort(&run.lcov());
        Ok(())
    }

    fn risc_v_is_covered() -> Result<()> {
        assert_exact(BackendKind::Renode, &sample_for("sifive-fe310", "shell-debug.elf"));
        Ok(())
    }

    fn both_engines_have_the_same_coverage() -> Result<()> {
        for image in images() {
            let [renode, qemu] = [BackendKind::Renode, BackendKind::Qemu].map(|engine| {
                let run = Run::on(engine);
                let mut command = run.command("talks", "one");
                command.env("COVERED_IMAGE", &image);
                pass(command);
                run.lcov()
            });
            let only = |a: &Lines, b: &Lines| Vec::from_iter(a.difference(b).cloned());
            assert_eq!(only(&renode.hit, &qemu.hit), [], "on Renode only: {image:?}");
            assert_eq!(only(&qemu.hit, &renode.hit), [], "on QEMU only: {image:?}");
            assert!(renode == qemu, "{image:?}");
        }
        Ok(())
    }
}

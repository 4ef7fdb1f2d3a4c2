//! The coverage of firmware: what a run of tests leaves, and (`oracle`) whether the lines that are hit
//! are those that ran.
//!
//! The coverage is of a whole run of tests, so each test here runs one of [`on_purpose`] as a run of
//! its own, with a target directory of its own.

mod on_purpose;
mod oracle;

use std::fs;
use std::process::Command;

use engine_tests::coverage::Lcov;
use engine_tests::{on_each_engine, on_renode, sample};
use tempfile::TempDir;
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, VirtualTarget};

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

    /// Returns the report, or the reason for which there is none.
    fn report(&self) -> String {
        pass(self.command("reports", "report"))
    }
}

/// Runs a test program, which must pass; returns what it prints.
fn pass(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text.into_owned()
}

on_each_engine! {
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

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn coverage_is_found_where_the_configuration_of_cargo_has_put_it() {
    for field in ["target-dir", "build-dir"] {
        let project = tempfile::tempdir().unwrap();
        let at = |path: &str| project.path().join(path);
        let programs = at("out of the way/debug/deps");
        for directory in [&programs, &at(".cargo"), &at("tests/src")] {
            fs::create_dir_all(directory).unwrap();
        }
        let configuration = format!("[build]\n{field} = \"out of the way\"\n");
        fs::write(at(".cargo/config.toml"), configuration).unwrap();
        let manifest = "[package]\nname = \"tests\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(at("tests/Cargo.toml"), manifest).unwrap();
        fs::write(at("tests/src/lib.rs"), "").unwrap();
        // As cargo has it.
        fs::write(at("out of the way/CACHEDIR.TAG"), "").unwrap();
        let this = std::env::current_exe().unwrap();
        let program = programs.join(this.file_name().unwrap());
        fs::copy(&this, &program).unwrap();

        let run = Run::on(BackendKind::Qemu);
        let tests = run.command("pings", "one");
        let arguments: Vec<_> = tests.get_args().map(ToOwned::to_owned).collect();
        let variables = tests
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut moved = Command::new(program);
        moved
            .args(arguments)
            .envs(variables)
            .env_remove("CARGO_TARGET_DIR");
        pass(moved);
        let mut report = run.command("reports", "report");
        report
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(at("tests"));
        let report = pass(report);
        assert!(report.contains("shell/commands.c"), "{field}: {report}");
    }
}

on_each_engine! {
    fn images_that_are_flashed_one_after_the_other_have_their_own_lines(engine) {
        let run = Run::on(engine);
        pass(run.command("flashes", "one"));
        assert_ping_and_no_sort(&run.lcov());
        Ok(())
    }

    fn binaries_that_are_flashed_one_after_the_other_have_the_lines_of_their_files_in_symbols(engine) {
        let run = Run::on(engine);
        pass(run.command("flashes_binaries", "one"));
        assert_ping_and_no_sort(&run.lcov());
        Ok(())
    }

    fn a_board_in_a_static_is_covered_until_the_process_exits(engine) {
        let run = Run::on(engine);
        pass(run.command("keeps_the_board_in_a_static", "one"));
        assert!(run.lcov().has_run("shell/commands.c", "pong"));
        Ok(())
    }

    fn a_board_that_cannot_be_covered_fails_no_test_if_all_boards_are_to_be(engine) {
        let run = Run::on(engine);
        pass(run.command("guards_the_log", "one"));
        let report = run.report();
        let why = "not covered: stm32f4: QEMU has one log, which `fail_on_log` uses already";
        assert_eq!(report.contains(why), engine == BackendKind::Qemu, "{report}");
        assert_eq!(report.contains("total "), engine == BackendKind::Renode, "{report}");
        Ok(())
    }

    fn an_image_without_lines_fails_no_test_and_the_report_says_why(engine) {
        let run = Run::on(engine);
        let mut command = run.command("talks", "one");
        command.env("COVERED_IMAGE", sample("shell.hex"));
        let text = pass(command);
        let why = "shell.hex\" is no ELF file but Intel HEX, which names no lines; name the ELF file";
        for text in [text, run.report()] {
            assert!(text.contains("not covered: ") && text.contains(why), "{text}");
        }
        pass(run.command("pings", "one"));
        let report = run.report();
        assert!(report.contains("total ") && report.contains(why), "{report}");
        assert!(run.lcov().has_run("shell/commands.c", "pong"));
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

    fn a_board_that_a_script_makes_has_the_lines_of_symbols() -> Result<()> {
        let run = Run::on(BackendKind::Renode);
        let mut command = run.command("runs_a_script", "one");
        command.env("COVERED_SYMBOLS", sample("shell-debug.elf"));
        pass(command);
        let shell = |text| run.lcov().has_run("shell/commands.c", text);
        assert!(shell("pong") && !shell("print(\"panic"));
        // Without them the report says so.
        pass(run.command("runs_a_script", "two"));
        let error = run.report();
        assert!(error.contains("not covered: machine \""), "{error}");
        assert!(error.contains("name its ELF file in `symbols`"), "{error}");
        Ok(())
    }
}

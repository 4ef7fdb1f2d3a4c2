//! The files that a failed test leaves, as its user finds them. Each test here runs one
//! of [`on_purpose`] as a separate program, with its own target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine_tests::on_each_board;
use engine_tests::test_program::command;
use virtual_target::config::BackendKind;

/// Tests that fail, pass or hang on purpose.
mod on_purpose {
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

    use engine_tests::{sample, shell_on};
    use virtual_target::config::{BackendKind, TargetConfig};
    use virtual_target::{Result, VirtualTarget, millis, secs};

    /// Returns the engine that the calling test has chosen.
    fn engine() -> BackendKind {
        match std::env::var("VTARGET_BACKEND").as_deref() {
            Ok("renode") => BackendKind::Renode,
            Ok("serial") => BackendKind::Serial,
            _ => BackendKind::Qemu,
        }
    }

    fn boot_and_greet() -> Result<VirtualTarget> {
        let board = shell_on(engine()).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        Ok(board)
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails() -> Result<()> {
        let board = boot_and_greet()?;
        if engine() == BackendKind::Renode {
            board.metrics().wait()?;
        }
        board.uart().send_line("ping").wait()?;
        let never = board.uart().expect("never said");
        never.within(millis(100)).wait()?;
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails_on_the_selected_engine() -> Result<()> {
        let config =
            TargetConfig::from_yaml_str("backend: qemu\nqemu: {machine: netduino2}\n", "/")?;
        let board = VirtualTarget::from_config(config).backend(BackendKind::Auto);
        let board = board.boot().wait()?;
        board
            .uart()
            .expect("never said")
            .within(millis(100))
            .wait()?;
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn panics() {
        let _board = boot_and_greet().unwrap();
        panic!("on purpose");
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn passes() {
        let _board = boot_and_greet().unwrap();
    }

    fn boots_with_a_notice() {
        let text = "qemu: {machine: netduinoplus2, serial: 1}\nplatform: platforms/boards/x.repl\n\
                    uart: sysbus.usart2\nextra_commands: [version]\n";
        let config = TargetConfig::from_yaml_str(text, "/").unwrap();
        let board = VirtualTarget::from_config(config).firmware(sample("hello.elf"));
        let _board = board.boot().wait().unwrap();
        panic!("on purpose");
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn notices_once() {
        boots_with_a_notice();
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn notices_again() {
        boots_with_a_notice();
    }

    /// Passes once its artifacts have been written.
    #[test]
    #[ignore = "run by the tests below"]
    fn passes_later() {
        let _board = boot_and_greet().unwrap();
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap();
        let directory = super::directory(target.as_ref(), "passes_later");
        super::wait_until(|| directory.join("uart.log").is_file());
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn two_boards() {
        let _boards = (boot_and_greet().unwrap(), boot_and_greet().unwrap());
        panic!("on purpose");
    }

    /// The second board has no failure, and is dropped first.
    #[test]
    #[ignore = "run by the tests below"]
    fn the_first_of_two_boards_fails() -> Result<()> {
        let board = boot_and_greet()?;
        let _other = boot_and_greet()?;
        let never = board.uart().expect("never said");
        never.within(millis(100)).wait()?;
        Ok(())
    }

    /// Two UARTs, each with output.
    #[test]
    #[ignore = "run by the tests below"]
    fn two_uarts() {
        let text = "platform: platforms/boards/stm32f4_discovery-kit.repl\n\
                    uarts: {console: sysbus.usart2, modem: sysbus.usart3}\n";
        let config = TargetConfig::from_yaml_str(text, "/").unwrap();
        let board = VirtualTarget::from_config(config).firmware(sample("bridge.elf"));
        let board = board.boot().wait().unwrap();
        board.uart().expect_line("Hello from").wait().unwrap();
        board.uart().send_line("AT").wait().unwrap();
        let modem = board.uart_named("modem").unwrap();
        modem.expect_line("AT").wait().unwrap();
        panic!("on purpose");
    }

    /// Two machines that print a greeting.
    #[test]
    #[ignore = "run by the tests below"]
    fn two_machines() {
        let node = format!(
            "{{platform: platforms/boards/stm32f4_discovery-kit.repl, uart: sysbus.usart2, firmware: {:?}}}",
            sample("hello.elf")
        );
        let text = format!("machines:\n  node-a: {node}\n  node-b: {node}\n");
        let config = TargetConfig::from_yaml_str(&text, "/").unwrap();
        let board = VirtualTarget::from_config(config).boot().wait().unwrap();
        for name in ["node-a", "node-b"] {
            let uart = board.machine(name).unwrap().uart();
            uart.expect_line("Hello from").wait().unwrap();
        }
        panic!("on purpose");
    }

    /// The board is never dropped, as a fixture with `#[once]` is not.
    #[test]
    #[ignore = "run by the tests below"]
    fn fails_in_a_static() -> Result<()> {
        static BOARD: OnceLock<VirtualTarget> = OnceLock::new();
        let board = BOARD.get_or_init(|| boot_and_greet().unwrap());
        let never = board.uart().expect("never said");
        never.within(millis(100)).wait()?;
        Ok(())
    }

    /// A board of several tests, as a fixture with `#[once]` makes it.
    static SHARED: OnceLock<Mutex<VirtualTarget>> = OnceLock::new();

    /// Set once the first test uses the shared board.
    static IS_USED: OnceLock<()> = OnceLock::new();

    /// Returns the shared board after its first test.
    fn shared() -> MutexGuard<'static, VirtualTarget> {
        super::wait_until(|| IS_USED.get().is_some());
        let board = SHARED.get().unwrap();
        board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn shared_1_passes() {
        drop(boot_and_greet().unwrap());
        let board = SHARED.get_or_init(|| Mutex::new(boot_and_greet().unwrap()));
        let board = board.lock().unwrap();
        IS_USED.get_or_init(|| ());
        board.uart().send_line("ping").wait().unwrap();
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap();
        let directory = super::directory(target.as_ref(), "shared_1_passes");
        super::wait_until(|| directory.join("uart.log").is_file());
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn shared_2_fails() -> Result<()> {
        let board = shared();
        let pattern = std::env::var("EXPECTED").unwrap_or("never said".to_owned());
        board.reset().wait()?;
        board.uart().expect(pattern).within(secs(1)).wait()?;
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn shared_3_panics() {
        let board = shared();
        board.uart().send_line("ping").wait().unwrap();
        assert_eq!(1, 2, "on purpose");
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails_in_a_named_thread() {
        let board = boot_and_greet().unwrap();
        let uart = board.uart().clone();
        let reader = std::thread::Builder::new().name("reader".to_owned());
        let reader = reader.spawn(move || {
            let never = uart.expect("never said").within(millis(100)).wait();
            assert!(never.is_err());
        });
        reader.unwrap().join().unwrap();
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails_and_panics() {
        let board = boot_and_greet().unwrap();
        let never = board.uart().expect("never said").within(millis(100));
        never.wait().unwrap();
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails_by_an_error_of_its_own() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let _board = boot_and_greet()?;
        drop(boot_and_greet()?);
        "no number".parse::<u32>()?;
        Ok(())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails_in_an_unnamed_thread() {
        std::thread::spawn(|| fails().unwrap_err()).join().unwrap();
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn does_not_boot() {
        shell_on(engine()).boot().within(millis(1)).wait().unwrap();
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn hangs() {
        let board = boot_and_greet().unwrap();
        let never = board.uart().expect("never said");
        let _ = never.within(secs(600)).wait();
    }
}

/// The engine for tests whose result does not depend on the engine.
const QEMU: BackendKind = BackendKind::Qemu;

/// A run of one of the tests above.
struct Run {
    text: String,
    target: tempfile::TempDir,
}

impl Run {
    fn of(engine: BackendKind, test: &str, adapt: impl FnOnce(&mut Command, &Path)) -> Self {
        let target = tempfile::tempdir().unwrap();
        let mut command = command(engine, test, target.path());
        adapt(&mut command, target.path());
        let output = command.output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("running 1 test"), "{text}");
        Self { text, target }
    }

    /// Returns the artifact directory of the test.
    fn directory(&self, test: &str) -> PathBuf {
        directory(self.target.path(), test)
    }

    /// Returns the directory of all tests.
    fn root(&self) -> PathBuf {
        self.target.path().join("virtual-target")
    }

    /// Returns the page of all failed tests.
    fn page(&self) -> String {
        read(&self.root(), "index.html")
    }

    /// Returns true if any artifacts were left.
    fn left(&self) -> bool {
        fs::read_dir(self.root()).is_ok_and(|mut entries| entries.next().is_some())
    }
}

fn directory(target: &Path, test: &str) -> PathBuf {
    let name = format!("engine-tests.artifacts.on_purpose.{test}");
    target.join("virtual-target").join(name)
}

fn read(directory: &Path, name: &str) -> String {
    let path = directory.join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_notice_is_in_the_output_of_the_booting_test() {
    let target = tempfile::tempdir().unwrap();
    let mut command = command(BackendKind::Qemu, "notices_once", target.path());
    command.arg("on_purpose::notices_again");
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    for test in ["notices_once", "notices_again"] {
        let notice = format!(
            "---- on_purpose::{test} stdout ----\nvirtual-target: machine-0 runs on QEMU: its `extra_commands`"
        );
        assert!(text.contains(&notice), "{text}");
    }
}

/// A process that is killed when its handle is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the condition is true.
fn wait_until(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it never happens"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the operations of the timeline, each with its outcome.
fn timeline(directory: &Path) -> Vec<(String, String)> {
    let timeline: serde_json::Value =
        serde_json::from_str(&read(directory, "timeline.json")).unwrap();
    let field = |event: &serde_json::Value, name: &str| event[name].as_str().unwrap().to_owned();
    let events = timeline["events"].as_array().unwrap().iter();
    events
        .map(|event| (field(event, "what"), field(event, "outcome")))
        .collect()
}

on_each_board! {
    fn a_failure_leaves_all_artifacts_and_prints_their_path(engine) {
        let run = Run::of(engine, "fails", |_, _| {});
        let directory = run.directory("fails");
        let path = directory.display();
        assert!(run.text.contains(&format!("\n  artifacts: {path}\n")), "{}", run.text);
        assert!(run.text.contains("\n  | "), "the message is not shown as it is:\n{}", run.text);
        assert!(run.text.contains(&format!("artifacts of stm32f4: {path}\n")), "{}", run.text);
        assert!(read(&directory, "uart.log").contains("Hello from"));
        let text = read(&directory, "uart.txt");
        let greeting = text.lines().find(|line| line.contains("Hello from")).unwrap();
        let time: f64 = greeting.split_whitespace().next().unwrap().parse().unwrap();
        assert!(time > 0.0, "{greeting}");
        let configuration = read(&directory, "configuration.txt");
        assert!(configuration.contains("shell.elf"));
        let named = match engine {
            BackendKind::Renode => "engine: Renode 1.",
            BackendKind::Serial => "engine: the physical board",
            _ => "engine: QEMU ",
        };
        assert!(configuration.starts_with(named), "{configuration}");
        match engine {
            BackendKind::Serial => {
                let commands = read(&directory, "commands.log");
                assert!(commands.contains("shell.elf: done\n(done)\n"), "{commands}");
            }
            _ => drop(read(&directory, "emulator.log")),
        }
        if engine == BackendKind::Renode {
            let dialogue = read(&directory, "monitor.log");
            let metrics = read(&directory, "metrics.txt");
            assert!(metrics.contains("load (virtual by host time): "), "{metrics}");
            assert!(dialogue.contains("mach create"), "{dialogue}");
            let log = read(&directory, "renode.log");
            assert!(log.contains("Machine started"), "{log}");
        }
        let events = timeline(&directory);
        // The UART has the name of a physical board's port, and QEMU's number.
        let uart = match engine {
            BackendKind::Qemu => "serial 1: ",
            BackendKind::Serial => "/port: ",
            _ => "sysbus.usart2: ",
        };
        let what = events.iter().map(|(what, _)| match what.split_once(uart) {
            Some((_, what)) => what,
            None => what,
        });
        let what: Vec<&str> = what.collect();
        assert_eq!(
            what,
            [
                "boot",
                "expect_line(\"Hello from\")",
                "send_line(\"ping\\n\")",
                "expect(\"never said\")",
            ]
        );
        assert!(events[..3].iter().all(|(_, outcome)| outcome == "ok"), "{events:?}");
        assert!(events[3].1.contains("timed out after"), "{events:?}");
        let text = read(&directory, "timeline.json");
        assert_eq!(text.matches("\"at\": \"tests/engines/tests/artifacts.rs:").count(), 4, "{text}");
        let message = read(&directory, "failure.txt");
        assert!(message.contains("expect(\"never said\") timed out after"), "{message}");
        assert!(run.text.contains(message.lines().next().unwrap()), "{message}");
        let page = run.page();
        let notice = format!("all failed tests in a browser: {}/index.html\n", run.root().display());
        assert!(run.text.contains(&notice), "{}", run.text);
        for part in [
            "<title>1 failed test</title>",
            "expect(&quot;never said&quot;) timed out after",
            "</i>Hello from shell",
            "<div class=\"failed\"><span>",
            "href=\"./engine-tests.artifacts.on_purpose.fails/timeline.json\"",
            "<summary>configuration.txt</summary>",
        ] {
            assert!(page.contains(part), "no {part}:\n{page}");
        }
        Ok(())
    }

    fn a_panic_leaves_artifacts(engine) {
        let run = Run::of(engine, "panics", |_, _| {});
        let directory = run.directory("panics");
        assert!(read(&directory, "uart.log").contains("Hello from"));
        assert!(run.text.contains(&directory.display().to_string()), "{}", run.text);
        let text = "The test panicked at tests/engines/tests/artifacts.rs:";
        assert!(run.page().contains(text), "{}", run.page());
        assert!(run.page().contains(":9:\non purpose</pre>"), "{}", run.page());
        if engine == BackendKind::Renode {
            // Renode and its directory no longer exist when the log is copied.
            let log = read(&directory, "renode.log");
            assert!(log.contains("Machine started"), "{log}");
        }
        Ok(())
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_success_leaves_nothing() {
    assert!(!Run::of(QEMU, "passes", |_, _| {}).left());
    let later = Run::of(QEMU, "passes_later", |_, _| {});
    assert!(later.text.contains("1 passed"), "{}", later.text);
    assert!(!later.left());
    let always = |command: &mut Command, _: &Path| {
        command.env("VTARGET_ARTIFACTS", "always");
    };
    assert!(Run::of(QEMU, "passes", always).left());
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn an_error_of_the_tests_own_is_told_how_to_keep_artifacts() {
    const HINT: &str = "virtual-target: no artifacts: nothing had failed when the board was \
         released; VTARGET_ARTIFACTS=always keeps them\n";
    const TEST: &str = "fails_by_an_error_of_its_own";
    let run = Run::of(QEMU, TEST, |_, _| {});
    assert!(run.text.contains("InvalidDigit"), "{}", run.text);
    assert_eq!(run.text.matches(HINT).count(), 1, "{}", run.text);
    assert!(!run.left());
    let failed = Run::of(QEMU, "fails", |_, _| {});
    assert!(!failed.text.contains(HINT), "{}", failed.text);

    let always = |command: &mut Command, _: &Path| {
        command.env("VTARGET_ARTIFACTS", "always");
    };
    let run = Run::of(QEMU, TEST, always);
    assert!(!run.text.contains(HINT), "{}", run.text);
    let output = read(&run.directory(TEST), "uart.txt");
    assert!(output.contains("Hello from"), "{output}");
    let listed = format!("<li>engine-tests.artifacts.on_purpose.{TEST}<br/>");
    assert!(run.page().contains(&listed), "{}", run.page());
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn the_name_of_artifacts_does_not_depend_on_the_number_of_threads() {
    for threads in ["1", "2"] {
        let run = Run::of(QEMU, "fails", |command, _| {
            command.env("RUST_TEST_THREADS", threads);
        });
        assert!(run.directory("fails").is_dir(), "{threads}: {}", run.text);
    }
    // Only the place is known there.
    let run = Run::of(QEMU, "fails_in_an_unnamed_thread", |_, _| {});
    let names: Vec<_> = fs::read_dir(run.root()).unwrap().flatten().collect();
    let is_place = |name: &str| name.starts_with("engine-tests.artifacts.artifacts.rs-");
    assert!(
        names
            .iter()
            .any(|it| is_place(&it.file_name().to_string_lossy())),
        "{names:?}"
    );
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn policy_never_leaves_nothing_after_a_failure() {
    let never = |command: &mut Command, _: &Path| {
        command.env("VTARGET_ARTIFACTS", "never");
    };
    let run = Run::of(QEMU, "fails_on_the_selected_engine", never);
    assert!(!run.left());
    assert!(!run.text.contains("artifacts:"), "{}", run.text);
    // The message says all that it says with artifacts.
    assert!(
        run.text.contains(", selected by backend auto"),
        "{}",
        run.text
    );
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_bad_policy_is_an_error() {
    let bad = |command: &mut Command, _: &Path| {
        command.env("VTARGET_ARTIFACTS", "yes");
    };
    let run = Run::of(QEMU, "passes", bad);
    let message = "VTARGET_ARTIFACTS is `yes`; it must be always, failure or never";
    assert!(run.text.contains(message), "{}", run.text);
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn boards_of_one_test_have_separate_artifacts() {
    let run = Run::of(QEMU, "two_boards", |_, _| {});
    let directory = run.directory("two_boards");
    for directory in [directory.clone(), directory.join("target-2")] {
        assert!(read(&directory, "uart.log").contains("Hello from"));
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_failed_test_leaves_the_artifacts_of_all_its_boards() {
    let run = Run::of(QEMU, "the_first_of_two_boards_fails", |_, _| {});
    let directory = run.directory("the_first_of_two_boards_fails");
    let page = run.page();
    assert!(page.contains("Nothing failed on this board"), "{page}");
    for directory in [directory.clone(), directory.join("target-2")] {
        assert!(read(&directory, "uart.log").contains("Hello from"));
        let path = directory.display();
        let notice = format!("artifacts of stm32f4: {path}\n");
        assert!(run.text.contains(&notice), "{}", run.text);
    }
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn each_uart_has_its_own_files() {
    let run = Run::of(BackendKind::Renode, "two_uarts", |_, _| {});
    let directory = run.directory("two_uarts");
    assert!(read(&directory, "uart-console.log").contains("Hello from bridge"));
    assert_eq!(read(&directory, "uart-modem.log"), "AT\n");
    assert!(read(&directory, "uart-modem.txt").ends_with(" AT\n"));
    assert!(!directory.join("uart.log").exists());
    let events = timeline(&directory);
    let last = &events.last().unwrap().0;
    assert_eq!(last, "modem (sysbus.usart3): expect_line(\"AT\")");
    let transcript = read(&directory, "transcript.txt");
    assert!(
        transcript.ends_with(" modem (sysbus.usart3) | AT\n"),
        "{transcript}"
    );
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn each_machine_has_its_own_files() {
    let run = Run::of(BackendKind::Renode, "two_machines", |_, _| {});
    let directory = run.directory("two_machines");
    let transcript = read(&directory, "transcript.txt");
    for name in ["node-a", "node-b"] {
        assert!(read(&directory, &format!("uart-{name}.log")).contains("Hello from hello"));
        let line = format!(" {name}.sysbus.usart2 | Hello from hello on stm32f4\n");
        assert!(transcript.contains(&line), "{transcript}");
    }
    assert!(run.text.contains("artifacts of node-a: "), "{}", run.text);
    // After the banner follows a list of each machine's peripherals.
    let said = read(&directory, "emulator.log");
    assert!(said.contains("Renode, version 1."), "{said}");
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_failed_boot_is_reported() {
    let run = Run::of(QEMU, "does_not_boot", |_, _| {});
    let directory = run.directory("does_not_boot");
    assert!(
        run.text.contains(&directory.display().to_string()),
        "{}",
        run.text
    );
    let events = timeline(&directory);
    assert!(events[0].1.contains("took longer than 1ms"), "{events:?}");
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn the_page_has_the_failure_of_a_board_that_is_never_dropped() {
    let run = Run::of(QEMU, "fails_in_a_static", |_, _| {});
    assert!(run.page().contains("timed out after"), "{}", run.page());
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_shared_board_has_artifacts_of_each_test_that_fails() {
    const TESTS: [&str; 3] = ["shared_1_passes", "shared_2_fails", "shared_3_panics"];
    let target = tempfile::tempdir().unwrap();
    let run = |expected: &str| {
        let mut command = command(QEMU, TESTS[0], target.path());
        command.args(TESTS[1..].iter().map(|test| format!("on_purpose::{test}")));
        let output = command.env("EXPECTED", expected).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text + &String::from_utf8(output.stderr).unwrap()
    };
    let failures = || -> Vec<String> {
        let left = fs::read_dir(target.path().join("virtual-target")).unwrap();
        let names = left.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|it| it != "index.html").collect();
        names.sort();
        let test = |name: &String| name.rsplit('.').next().unwrap().to_owned();
        names.iter().map(test).collect()
    };
    let text = run("never said");
    assert!(text.contains("2 failed"), "{text}");
    assert_eq!(failures(), TESTS[1..]);
    let page = read(&target.path().join("virtual-target"), "index.html");
    assert!(page.contains("<title>2 failed tests</title>"), "{page}");
    let (second, third) = (
        directory(target.path(), TESTS[1]),
        directory(target.path(), TESTS[2]),
    );
    assert!(
        text.contains(&format!("\n  artifacts: {}\n", second.display())),
        "{text}"
    );
    let notice = format!(
        "artifacts of engine-tests.artifacts.on_purpose.{}: {}\n",
        TESTS[2],
        third.display()
    );
    assert!(text.contains(&notice), "{text}");
    assert!(read(&second, "failure.txt").contains("expect(\"never said\") timed out after"));
    let message = read(&third, "failure.txt");
    assert!(
        message.starts_with("The test panicked at tests/"),
        "{message}"
    );
    assert!(
        message.contains(":\nassertion `left == right` failed: on purpose\n  left: 1"),
        "{message}"
    );
    for directory in [&second, &third] {
        assert!(read(directory, "uart.log").starts_with("Hello from"));
        assert!(read(directory, "uart.txt").contains(" Hello from"));
    }

    // A test that passes removes its failure, though it makes no board.
    let text = run("Hello from");
    assert!(text.contains("1 failed"), "{text}");
    assert_eq!(failures(), TESTS[2..]);
    let page = read(&target.path().join("virtual-target"), "index.html");
    assert!(page.contains("<title>1 failed test</title>"), "{page}");
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_thread_of_a_test_does_not_name_its_artifacts() {
    let run = Run::of(QEMU, "fails_in_a_named_thread", |_, _| {});
    let message = read(&run.directory("fails_in_a_named_thread"), "failure.txt");
    assert!(message.contains("timed out after"), "{message}");
    // The directory and the page.
    assert_eq!(fs::read_dir(run.root()).unwrap().count(), 2);
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn an_unwrapped_error_is_shown_once() {
    let run = Run::of(QEMU, "fails_and_panics", |_, _| {});
    let message = read(&run.directory("fails_and_panics"), "failure.txt");
    assert_eq!(message.matches("timed out after").count(), 1, "{message}");
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn the_page_has_the_failures_of_all_attempts_until_they_are_repaired() {
    let target = tempfile::tempdir().unwrap();
    let run = |test, attempt| {
        let mut command = command(QEMU, test, target.path());
        command.env("NEXTEST_ATTEMPT", attempt);
        command.env("NEXTEST_TEST_NAME", "t").output().unwrap()
    };
    let page = target.path().join("virtual-target/index.html");
    let count = |text| fs::read_to_string(&page).unwrap().matches(text).count();
    run("fails", "1");
    run("fails", "2");
    assert_eq!(count("<article>"), 2);
    assert_eq!(count("<h3>attempt 2</h3>"), 1);
    run("two_boards", "1");
    assert_eq!(count("<h3>target 2</h3>"), 1);
    assert_eq!(count("<article>"), 2);
    run("passes", "1");
    assert!(!page.exists());
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn an_unwritable_directory_fails_no_test() {
    let file = |_: &mut Command, target: &Path| {
        fs::write(target.join("virtual-target"), "in the way").unwrap();
    };
    let run = Run::of(QEMU, "fails", file);
    assert!(run.text.contains("timed out after"), "{}", run.text);
    assert!(
        run.text.contains("no artifacts: cannot write to"),
        "{}",
        run.text
    );
    let passes = Run::of(QEMU, "passes", file);
    assert!(passes.text.contains("1 passed"), "{}", passes.text);
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_killed_test_leaves_its_artifacts_so_far_and_is_on_the_page() {
    let target = tempfile::tempdir().unwrap();
    let mut command = command(QEMU, "hangs", target.path());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = Killed(child.unwrap());
    let directory = directory(target.path(), "hangs");
    let log = directory.join("uart.log");
    wait_until(|| fs::read_to_string(&log).is_ok_and(|text| text.contains("Hello from")));
    let root = target.path().join("virtual-target");
    let page = || fs::read_to_string(root.join("index.html")).unwrap_or_default();
    wait_until(|| page().contains("<title>1 test without a result</title>"));
    assert!(
        page().contains("it still runs, or was killed since."),
        "{}",
        page()
    );
    let under_way = "Under way: serial 1: expect(&quot;never said&quot;), called at tests/";
    assert!(page().contains(under_way), "{}", page());
    drop(child); // by kill -9
    let last = timeline(&directory).pop().unwrap();
    assert_eq!(
        last,
        (
            "serial 1: expect(\"never said\")".to_owned(),
            "under way".to_owned()
        )
    );
    // The next failure knows more.
    let mut fails = self::command(QEMU, "fails", target.path());
    assert!(!fails.output().unwrap().status.success());
    assert!(
        page().contains("<title>1 failed test, 1 without a result</title>"),
        "{}",
        page()
    );
    assert!(page().contains("This test was killed, or "), "{}", page());
    let mut passes = self::command(QEMU, "passes", target.path());
    passes.env("NEXTEST_TEST_NAME", "on_purpose::hangs");
    assert!(passes.output().unwrap().status.success());
    assert!(
        page().contains("<title>1 failed test</title>"),
        "{}",
        page()
    );
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn cargo_test_and_nextest_leave_a_tests_artifacts_in_one_place() {
    for id in [None, Some("artifacts::artifacts")] {
        let run = Run::of(QEMU, "fails", |command, _| {
            command.env("CARGO_PKG_NAME", "artifacts");
            if let Some(id) = id {
                command.env("NEXTEST_BINARY_ID", id);
                command.env("NEXTEST_TEST_NAME", "on_purpose::fails");
            }
        });
        let root = run.target.path().join("virtual-target");
        let of_the_test = root.join("artifacts.on_purpose.fails");
        assert!(
            of_the_test.is_dir(),
            "{id:?}: {:?}",
            fs::read_dir(root).map(Vec::from_iter)
        );
    }
}

//! What a board tells of itself while a test runs and when it has failed: its last output, its output as
//! it comes (`VTARGET_LIVE`), and a wait that takes long. Each test here runs one of [`on_purpose`]
//! as a separate program.

use std::process::Output;

use engine_tests::on_each_engine;
use engine_tests::test_program::command;
use virtual_target::config::BackendKind;

/// Tests that fail, pass or take long on purpose.
mod on_purpose {
    use engine_tests::shell_on;
    use virtual_target::config::BackendKind;
    use virtual_target::{Result, VirtualTarget, secs};

    fn boot_and_greet() -> Result<VirtualTarget> {
        let engine = match std::env::var("VTARGET_BACKEND").as_deref() {
            Ok("renode") => BackendKind::Renode,
            _ => BackendKind::Qemu,
        };
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        Ok(board)
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn fails_by_an_error_of_its_own() -> std::result::Result<(), String> {
        let board = boot_and_greet().unwrap();
        board.uart().send_line("echo last words").wait().unwrap();
        board.uart().expect_line("re:^last words").wait().unwrap();
        Err("the test's own".to_owned())
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn passes() {
        boot_and_greet().unwrap();
    }

    #[test]
    #[ignore = "run by the tests below"]
    fn waits_for_long() {
        let board = boot_and_greet().unwrap();
        let waited = board.uart().expect("never said").within(secs(13)).wait();
        waited.unwrap_err();
    }
}

/// Runs a test, as `cargo test` does.
fn run(engine: BackendKind, test: &str, more: &[(&str, &str)]) -> (String, String) {
    let target = tempfile::tempdir().unwrap();
    let Output { stdout, stderr, .. } = command(engine, test, target.path())
        .envs(more.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert!(stdout.contains("running 1 test"), "{stdout}{stderr}");
    (stdout, stderr)
}

on_each_engine! {
    /// Nothing but the test itself knows that it fails.
    fn an_own_error_is_shown_with_the_last_output(engine) {
        let (stdout, stderr) = run(engine, "fails_by_an_error_of_its_own", &[]);
        let uart = match engine {
            BackendKind::Renode => "sysbus.usart2",
            _ => "serial 1",
        };
        let words = format!("virtual-target: stm32f4: the last output of {uart}:\n");
        let (_, shown) = stdout.split_once(&words).unwrap_or_else(|| panic!("{stdout}"));
        assert!(shown.contains("\n  | last words\\r\\n"), "{stdout}");
        assert!(!stderr.contains("last words"), "{stderr}");
        Ok(())
    }

    fn a_test_that_passes_shows_nothing(engine) {
        let (stdout, stderr) = run(engine, "passes", &[]);
        assert!(stdout.contains("1 passed"), "{stdout}");
        assert!(!stdout.contains("virtual-target:") && stderr.is_empty(), "{stdout}{stderr}");
        Ok(())
    }

    fn the_output_is_shown_live(engine) {
        let (stdout, stderr) = run(engine, "passes", &[("VTARGET_LIVE", "1")]);
        assert!(stdout.contains("1 passed"), "{stdout}");
        let uart = match engine {
            BackendKind::Renode => "sysbus.usart2",
            _ => "serial 1",
        };
        let line = stderr.lines().find(|line| line.contains("Hello from"));
        let line = line.unwrap_or_else(|| panic!("{stderr}"));
        let (time, text) = line.trim_start().split_once(' ').unwrap();
        assert!(time.parse::<f64>().is_ok_and(|time| time < 600.0), "{line}");
        assert!(text.starts_with(&format!("{uart} | Hello from")), "{line}");
        Ok(())
    }

    /// A runner that ends the test says nothing more.
    fn a_long_wait_says_what_it_waits_for(engine) {
        let (stdout, stderr) = run(engine, "waits_for_long", &[]);
        assert!(stdout.contains("1 passed"), "{stdout}");
        let said: Vec<&str> = stderr.lines().filter(|line| line.contains("expect(")).collect();
        let [line] = said.as_slice() else {
            panic!("{stderr}");
        };
        assert!(line.contains("expect(\"never said\"), called at "), "{line}");
        assert!(line.contains("last_words.rs:") && line.ends_with(" has taken 12s so far"), "{line}");
        Ok(())
    }
}

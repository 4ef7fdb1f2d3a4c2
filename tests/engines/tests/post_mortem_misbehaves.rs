//! A Renode that misbehaves while a failed wait asks for the state of the board, simulated by the
//! stand-in: the failure has its own message, soon. Each test here runs one of [`on_purpose`] as a
//! separate program.

use std::time::Duration;

use engine_tests::emulator_variant::{fake_renode, write_launcher};
use engine_tests::test_program::command;
use virtual_target::config::BackendKind;

/// Tests that fail on purpose.
mod on_purpose {
    use std::time::Instant;

    use engine_tests::shell_on;
    use virtual_target::config::BackendKind;
    use virtual_target::{Result, millis, secs};

    #[test]
    #[ignore = "run by the tests below"]
    fn waits_in_vain() -> Result<()> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect("> ").wait()?;
        board.engine().wait()?; // until Renode has answered all commands of the boot
        let since = Instant::now();
        let error = board
            .uart()
            .expect("never")
            .within(millis(300))
            .wait()
            .unwrap_err();
        println!("took {} ms: {error}", since.elapsed().as_millis());
        // The board goes on, if Renode does.
        let pong = board.uart().send_line("ping").wait();
        let pong = pong.and_then(|()| board.uart().expect_line("pong").within(secs(5)).wait());
        println!("then: {}", if pong.is_ok() { "pong" } else { "nothing" });
        Ok(())
    }
}

/// A step, a fault, and what is said of the firmware.
const CASES: &[(&str, &str, &str)] = &[
    ("started", "hang", HANGS),
    ("pause", "hang", HANGS),
    ("registers", "hang", HANGS),
    ("halted", "hang", HANGS),
    ("pause", "stop", HANGS),
    ("registers", "stop", HANGS),
    ("pause", "late", HANGS),
    ("registers", "late", HANGS),
    ("pause", "garbage", HANGS),
    ("registers", "garbage", HANGS),
    ("started", "wrong", ANOTHER),
    ("registers", "wrong", ANOTHER),
    ("halted", "wrong", ANOTHER),
    ("pause", "die", EXITED),
    ("registers", "kill", EXITED),
    ("registers", "exit", EXITED),
    ("pause", "close", HANGS),
    ("registers", "cut50", HANGS),
];

const HANGS: &str = "firmware: what it does is not known: the emulator does not answer";
const ANOTHER: &str =
    "firmware: what it does is not known: the emulator has answered with something else";
const EXITED: &str =
    "firmware: what it does is not known: the emulator has exited when it was asked";

/// The longest time from the start of the wait, whose limit is 300 ms, to its failure. What an
/// emulator needs on a busy host has no limit here: all that is asked hangs or ends at once.
const SOON: Duration = Duration::from_millis(2500);

#[test]
fn a_failure_is_reported_soon_whatever_renode_does_then() {
    let mut failed = String::new();
    for (step, fault, expected) in CASES {
        let directory = tempfile::tempdir().unwrap();
        let launcher = write_launcher(directory.path(), &fake_renode(&format!("{fault}@{step}")));
        let output = command(BackendKind::Renode, "waits_in_vain", directory.path())
            .arg("--nocapture")
            .env("VTARGET_RENODE", launcher)
            // The fault is to come in the failure, not when the board is compared with a new one.
            .env("VTARGET_REUSE", "off")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let took = text
            .split_once("took ")
            .and_then(|it| it.1.split_once(" ms: "));
        let (took, text) = took.unwrap_or(("999999", &text));
        let is_soon = took
            .parse()
            .is_ok_and(|ms| Duration::from_millis(ms) < SOON);
        let is_told = text.contains("expect(\"never\") timed out after") && text.contains(expected);
        let then = match *fault {
            "stop" | "die" | "kill" | "exit" => "then: nothing",
            _ => "then: pong",
        };
        println!("{fault}@{step}: {took} ms");
        if !is_soon || !is_told || !text.contains(then) {
            failed += &format!("{fault}@{step}: after {took} ms, {expected:?}, {then}: {text}\n");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

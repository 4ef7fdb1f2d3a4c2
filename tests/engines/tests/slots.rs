//! `VTARGET_MAX_PARALLEL`. A process reads it once, so that each test here runs
//! one of [`on_purpose`] as a separate program.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// The tests that run with a value of the variable.
mod on_purpose {
    use std::time::Duration;

    use engine_tests::shell_on;
    use futures::FutureExt;
    use virtual_target::config::BackendKind::Qemu;
    use virtual_target::{Result, secs};

    #[test]
    #[ignore = "run by the tests below"]
    fn boots() {
        shell_on(Qemu).boot().wait().unwrap();
    }

    #[tokio::test]
    #[ignore = "run by the tests below"]
    async fn waits_for_a_board_that_is_on() -> Result<()> {
        const LIMIT: Duration = secs(3);
        let first = shell_on(Qemu).boot().await?;
        let mut second = shell_on(Qemu).boot().within(LIMIT);
        let longer = LIMIT + LIMIT / 10;
        let waiting = tokio::time::timeout(longer, &mut second).await;
        assert!(
            waiting.is_err(),
            "two are on at once, or it gave up: {waiting:?}"
        );
        drop(first);
        second.await?.uart().expect_line("Hello from").await?;
        Ok(())
    }

    #[tokio::test]
    #[ignore = "run by the tests below"]
    async fn a_dropped_wait_takes_no_slot() -> Result<()> {
        let first = shell_on(Qemu).boot().await?;
        let mut second = shell_on(Qemu).boot();
        assert!((&mut second).now_or_never().is_none());
        drop(second);
        first.power_off().await?;
        let third = shell_on(Qemu).boot().await?;
        third.shutdown().await?;
        first.power_on().await?;
        first.uart().expect_line("Hello from").await?;
        Ok(())
    }

    /// Drops the first board when a line arrives on standard input.
    #[test]
    #[ignore = "run by the tests below"]
    fn waits_for_a_line() -> Result<()> {
        let first = shell_on(Qemu).boot().wait()?;
        let second = std::thread::spawn(|| shell_on(Qemu).boot().wait().map(drop));
        std::io::stdin().read_line(&mut String::new()).unwrap();
        drop(first);
        second.join().unwrap()
    }
}

fn run(test: &str, slots: &str) -> String {
    let output = command(test, slots).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn command(test: &str, slots: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--test-threads=2"])
        .arg(format!("on_purpose::{test}"))
        .env("VTARGET_MAX_PARALLEL", slots)
        .env("VTARGET_ARTIFACTS", "never");
    command
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn waiting_for_a_slot_does_not_count_as_boot_time() {
    let text = run("waits_for_a_board_that_is_on", "1");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_powered_off_or_dropped_board_takes_no_slot() {
    let text = run("a_dropped_wait_takes_no_slot", "1");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn waiting_for_a_slot_prints_a_notice() {
    let mut child = command("waits_for_a_line", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let notice = lines.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("waits for a turn"))
    });
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
    assert_eq!(
        notice.unwrap().unwrap(),
        "virtual-target: stm32f4 waits for a turn: VTARGET_MAX_PARALLEL=1, and as many boards \
         of this process are on; it boots when one of them is powered off or dropped"
    );
}

#[test]
fn a_bad_value_is_an_error() {
    for value in ["0", "-1", "two", "1.5"] {
        let text = run("boots", value);
        let message = format!(
            "VTARGET_MAX_PARALLEL is `{value}`; it must be a whole number from 1 on: \
             how many emulators may run at once, or not set"
        );
        assert!(text.contains(&message), "{text}");
    }
}

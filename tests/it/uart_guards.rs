//! `forbid`: a match fails the test, even if no operation reached it; `lift` ends that.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::OnceLock;

use crate::common::{uart, uart_error};
use virtual_target::uart::{Uart, UartErrorKind};
use virtual_target::{Result, millis, secs};

/// Returns the message that dropping `held` panics with, if it panics.
fn drop_message<T>(held: T) -> Option<String> {
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(held))).err()?;
    Some(panicked.downcast_ref::<String>().unwrap().clone())
}

/// Returns a UART on which the forbidden pattern has appeared and been read.
fn uart_with_fault() -> Uart {
    let (uart, mut board) = uart();
    uart.forbid("HardFault").unwrap();
    board
        .write_all(b"start\n!!! HardFault pc=0x080005da\nlr=0x1\n")
        .unwrap();
    // The stream ends here, so the fault is reported in full.
    drop(board);
    let everything = uart.clone();
    while !everything.transcript_text().unwrap().contains("lr=") {
        std::thread::yield_now();
    }
    uart
}

#[test]
fn an_unreported_match_fails_the_drop_of_the_last_handle() {
    let uart = uart_with_fault();
    let (clone, start) = (uart.clone(), uart.from_start());
    start.expect_line("start").wait().unwrap();
    assert_eq!(drop_message(uart), None, "there are other handles");
    assert_eq!(drop_message(start), None, "there is another handle");
    let message = drop_message(clone).unwrap();
    assert!(
        message.contains(
            "the forbidden pattern \"HardFault\" appeared, which no error of the test has reported before its end; the output around \
             it:\n  | start\\n\n  | !!! HardFault pc=0x080005da\\n\n  | lr=0x1\\n"
        ),
        "{message}"
    );
}

#[test]
fn a_swallowed_error_fails_the_drop() {
    let swallow: [fn(&Uart); 4] = [
        |uart| {
            let _ = uart.expect("never").wait();
        },
        |uart| assert!(uart.expect("never").within(millis(300)).wait().is_err()),
        |uart| uart.send("x").wait().map_or((), |()| panic!()),
        |uart| {
            let lines: Vec<String> = uart.lines().into_iter().flatten().collect();
            assert_eq!(lines, ["start"]);
        },
    ];
    for swallow in swallow {
        let uart = uart_with_fault();
        swallow(&uart);
        assert!(drop_message(uart).unwrap().contains("HardFault"));
    }
}

#[test]
fn an_error_or_clone_that_is_kept_counts_as_reported() {
    let uart = uart_with_fault();
    let error = uart.expect("never").wait().unwrap_err();
    assert_eq!(drop_message(uart), None);
    drop(error);

    let uart = uart_with_fault();
    let error = uart_error(uart.expect("never").wait().unwrap_err());
    let clone = error.clone();
    drop(error);
    assert_eq!(drop_message(uart), None);
    assert!(matches!(clone.kind(), UartErrorKind::Forbidden { .. }));

    fn test() -> Result<()> {
        let uart = uart_with_fault();
        let _ = uart.expect("never").wait();
        uart.expect("never").wait()?;
        Ok(())
    }
    let returned = catch_unwind(test).unwrap();
    assert!(returned.is_err());
}

#[test]
fn drop_in_a_panicking_test_does_not_panic_again() {
    let panicked = catch_unwind(|| {
        let uart = uart_with_fault();
        uart.expect("never").wait().unwrap();
    });
    let message = panicked.unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(
        message.contains("noticed by expect(\"never\")"),
        "{message}"
    );
}

#[test]
fn a_lifted_guard_forbids_nothing() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("HardFault").unwrap();
    uart.forbid("Oops").unwrap();
    guard.lift();
    board.write_all(b"HardFault\nOops\nend\n").unwrap();
    uart.expect_line("HardFault").wait().unwrap();
    assert!(
        uart.expect_line("end").wait().is_err(),
        "the other guard still holds"
    );
    assert!(drop_message(uart).unwrap().contains("\"Oops\""));
}

#[test]
fn lift_forgets_only_the_matches_of_its_own_guard() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("first").unwrap();
    let second = uart.forbid("second").unwrap();
    board.write_all(b"first second third end\n").unwrap();
    assert!(uart.expect("end").wait().is_err());
    let third = uart.forbid("third").unwrap();
    guard.lift();
    let message = uart.expect("end").wait().unwrap_err().to_string();
    assert!(message.contains("\"second\""), "{message}");
    second.lift();
    let message = uart.expect("end").wait().unwrap_err().to_string();
    assert!(message.contains("\"third\""), "{message}");
    third.lift();
    uart.expect("end").wait().unwrap();
    assert_eq!(drop_message(uart), None);
}

#[test]
fn a_guard_does_not_wait_long_for_the_rest_of_the_line() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("HardFault").unwrap();
    board.write_all(b"!!! HardFault").unwrap();
    let error = uart.expect("never").within(secs(600)).wait().unwrap_err();
    assert!(
        error.to_string().contains("\n  | !!! HardFault\n  at "),
        "{error}"
    );
    guard.lift();
}

/// The variable that makes a test leave a UART with a fault in a `static`, in a process of its own.
const IN_A_STATIC: &str = "VTARGET_TEST_FAULT_IN_A_STATIC";

#[test]
fn the_end_of_the_process_reports_a_match_in_a_static() {
    static UART: OnceLock<Uart> = OnceLock::new();
    match std::env::var(IN_A_STATIC).as_deref() {
        Ok("swallowed") => {
            let uart = UART.get_or_init(uart_with_fault);
            let _ = uart.expect("never").wait();
        }
        Ok("fine") => {
            let (uart, _board) = uart();
            uart.forbid("HardFault").unwrap();
            UART.get_or_init(|| uart);
        }
        _ => {
            let run = |how| {
                Command::new(std::env::current_exe().unwrap())
                    .args([
                        "--exact",
                        "uart_guards::the_end_of_the_process_reports_a_match_in_a_static",
                    ])
                    .env(IN_A_STATIC, how)
                    .output()
                    .unwrap()
            };
            assert!(run("fine").status.success());
            let output = run("swallowed");
            assert!(!output.status.success());
            let stderr = String::from_utf8_lossy(&output.stderr);
            let expected = "the forbidden pattern \"HardFault\" appeared, which no error of the test has reported before its end; ";
            assert!(stderr.contains(expected), "{stderr}");
        }
    }
}

#[test]
fn a_guard_message_of_run_has_no_stray_comma() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("HardFault").unwrap();
    uart.set_prompt("> ").unwrap();
    board.write_all(b"> ").unwrap();
    let crash = std::thread::spawn(move || {
        board.read_exact(&mut [0; 5]).unwrap();
        board.write_all(b"ping\r\nHardFault\r\n").unwrap();
        board
    });
    let error = uart.run("ping").wait().unwrap_err().to_string();
    crash.join().unwrap();
    let noticed = "noticed by run(\"ping\"), waiting for the prompt \"> \"";
    assert!(error.contains(noticed), "{error}");
    assert!(!error.contains(",;"), "{error}");
    guard.lift();
}

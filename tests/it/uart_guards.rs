//! What is forbidden fails the test, whoever was looking; and who wants it to happen.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::OnceLock;

use crate::common::{expect_error, uart};
use virtual_target::uart::{ExpectError, Uart};
use virtual_target::{Result, millis, secs};

/// The message that dropping `held` panics with, if it does.
fn dropped<T>(held: T) -> Option<String> {
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(held))).err()?;
    Some(panicked.downcast_ref::<String>().unwrap().clone())
}

/// A UART on which the forbidden pattern has appeared and been read.
fn faulty() -> Uart {
    let (uart, mut board) = uart();
    uart.forbid("HardFault").unwrap();
    board
        .write_all(b"start\n!!! HardFault pc=0x080005da\nlr=0x1\n")
        .unwrap();
    // Nothing comes behind this: the fault is told in full.
    drop(board);
    let everything = uart.clone();
    while !everything.transcript_text().unwrap().contains("lr=") {
        std::thread::yield_now();
    }
    uart
}

#[test]
fn what_no_operation_came_to_fails_the_drop_of_the_last_handle() {
    let uart = faulty();
    let (clone, start) = (uart.clone(), uart.from_start());
    start.expect_line("start").wait().unwrap();
    assert_eq!(dropped(uart), None, "there are other handles");
    assert_eq!(dropped(start), None, "there is another handle");
    let message = dropped(clone).unwrap();
    assert!(
        message.contains(
            "the forbidden pattern \"HardFault\" appeared, noticed by the end of the test; the output around \
             it:\n  | start\\n\n  | !!! HardFault pc=0x080005da\\n\n  | lr=0x1\\n"
        ),
        "{message}"
    );
}

#[test]
fn an_error_that_was_swallowed_fails_the_drop() {
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
        let uart = faulty();
        swallow(&uart);
        assert!(dropped(uart).unwrap().contains("HardFault"));
    }
}

#[test]
fn an_error_that_lives_is_told_and_so_is_its_clone() {
    let uart = faulty();
    let error = uart.expect("never").wait().unwrap_err();
    assert_eq!(dropped(uart), None);
    drop(error);

    let uart = faulty();
    let error = expect_error(uart.expect("never").wait().unwrap_err());
    let clone = error.clone();
    drop(error);
    assert_eq!(dropped(uart), None);
    assert!(matches!(clone, ExpectError::Forbidden { .. }));

    fn test() -> Result<()> {
        let uart = faulty();
        let _ = uart.expect("never").wait();
        uart.expect("never").wait()?;
        Ok(())
    }
    let returned = catch_unwind(test).unwrap();
    assert!(returned.is_err());
}

#[test]
fn a_test_that_panics_has_failed_already() {
    let panicked = catch_unwind(|| {
        let uart = faulty();
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
fn a_guard_that_is_lifted_lets_pass_what_it_forbade() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("HardFault").unwrap();
    uart.forbid("Oops").unwrap();
    guard.lift();
    board.write_all(b"HardFault\nOops\nend\n").unwrap();
    uart.expect_line("HardFault").wait().unwrap();
    assert!(
        uart.expect_line("end").wait().is_err(),
        "the other one stands"
    );
    assert!(dropped(uart).unwrap().contains("\"Oops\""));
}

#[test]
fn what_a_lifted_guard_has_found_is_forgotten_but_not_what_others_have() {
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
    assert_eq!(dropped(uart), None);
}

#[test]
fn a_board_that_says_no_more_is_not_waited_for_for_long() {
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

/// Has a test of its own process leave a UART with a fault in a `static`.
const IN_A_STATIC: &str = "VTARGET_TEST_FAULT_IN_A_STATIC";

#[test]
fn the_end_of_the_process_tells_what_is_in_a_static() {
    static UART: OnceLock<Uart> = OnceLock::new();
    match std::env::var(IN_A_STATIC).as_deref() {
        Ok("swallowed") => {
            let uart = UART.get_or_init(faulty);
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
                        "uart_guards::the_end_of_the_process_tells_what_is_in_a_static",
                    ])
                    .env(IN_A_STATIC, how)
                    .output()
                    .unwrap()
            };
            assert!(run("fine").status.success());
            let output = run("swallowed");
            assert!(!output.status.success());
            let said = String::from_utf8_lossy(&output.stderr);
            let expected =
                "the forbidden pattern \"HardFault\" appeared, noticed by the end of the process; ";
            assert!(said.contains(expected), "{said}");
        }
    }
}

#[test]
fn a_guard_that_run_notices_is_told_without_a_stray_comma() {
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

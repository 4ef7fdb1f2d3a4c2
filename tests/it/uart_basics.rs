//! A UART over a socket pair: expecting, reading lines, sending, timing out.

use std::io::{Read, Write};
use std::time::Duration;

use virtual_target::uart::{Uart, UartErrorKind};
use virtual_target::{Operation, millis, secs};

use crate::common::{uart, uart_error};

#[test]
fn expect_moves_the_cursor_behind_the_match() {
    let (uart, mut board) = uart();
    board.write_all(b"one two three").unwrap();
    assert_eq!(uart.expect("one").wait().unwrap().range(), 0..3);
    let m = uart.expect("three").wait().unwrap();
    assert_eq!(m.before().unwrap(), " two ");
    assert_eq!(m.range(), 8..13);
}

#[test]
fn expect_takes_groups_from_the_shortest_match() {
    let (uart, mut board) = uart();
    board.write_all(b"up 1234 ms").unwrap();
    let m = uart.expect(r"re:up (\d+)").wait().unwrap();
    assert_eq!(m.parse::<u32>(1).unwrap(), 1);
    let m = uart.expect(r"re:(?<n>\d+) ms").wait().unwrap();
    assert_eq!(m.parse::<u32>("n").unwrap(), 234);
}

#[test]
fn expect_line_matches_greedily() {
    let (uart, mut board) = uart();
    board
        .write_all(b"boot\r\n\x1b[32mup 1234 ms\x1b[0m\r\nrest\n")
        .unwrap();
    let m = uart.expect_line(r"re:up (\d+)").wait().unwrap();
    assert_eq!(m.line(), "up 1234 ms");
    assert_eq!(m.parse::<u32>(1).unwrap(), 1234);
    assert_eq!(m.range(), 11..18);
    assert_eq!(uart.read_line().wait().unwrap(), "rest");
}

#[test]
fn expect_accepts_every_kind_of_pattern() {
    let (uart, mut board) = uart();
    board
        .write_all("text bytes Größe 12 needle! fn\n".as_bytes())
        .unwrap();
    uart.expect(String::from("text")).wait().unwrap();
    uart.expect(b"bytes").wait().unwrap();
    let m = uart
        .expect(regex::Regex::new(r"(\w+) (\d+) ").unwrap())
        .wait()
        .unwrap();
    assert_eq!(m.get(1).unwrap(), "Größe");
    uart.expect(expectrl::Any(["neddle", "needle"]))
        .wait()
        .unwrap();
    uart.expect('!').wait().unwrap();
    uart.expect(|text: &[u8]| {
        text.windows(2)
            .position(|w| w == b"fn")
            .map(|at| at..at + 2)
    })
    .wait()
    .unwrap();
}

#[test]
fn send_and_send_line_reach_the_board() {
    let (uart, mut board) = uart();
    uart.send("abc").wait().unwrap();
    uart.send_line("ping").wait().unwrap();
    let mut bytes = [0; 8];
    board.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"abcping\n");
}

#[test]
fn a_timeout_shows_the_output_that_arrived() {
    let (uart, mut board) = uart();
    board.write_all(b"hello\r\nwor").unwrap();
    uart.expect("hello").wait().unwrap();
    uart.expect("wor").wait().unwrap();
    let error = uart.expect("bye").within(millis(1)).wait().unwrap_err();
    assert!(
        matches!(uart_error(error).kind(), UartErrorKind::Timeout { waited, .. } if *waited < Duration::from_secs(5))
    );
    board.write_all(b"ld\r\n").unwrap();
    let error = uart
        .expect_line("bye")
        .within(millis(200))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(r#"UART uart: expect_line("bye") timed out after "#),
        "{error}"
    );
    assert!(
        error.contains("; 4 unread bytes:\n  | ld\\r\\n\n  at "),
        "{error}"
    );
}

#[test]
fn the_end_of_the_stream_fails_a_wait_at_once() {
    let (uart, mut board) = uart();
    board.write_all(b"last words\n").unwrap();
    drop(board);
    uart.expect("words").wait().unwrap();
    let (error, line) = (uart.expect("more").wait().unwrap_err(), line!());
    assert_eq!(
        error.to_string(),
        format!(
            "UART uart: expect(\"more\") cannot succeed: the other end closed the stream; 1 unread byte:\
             \n  | \\n\n  at tests/it/uart_basics.rs:{line}"
        )
    );
}

#[test]
fn an_error_names_the_line_of_the_call() {
    let (uart, mut board) = uart();
    board.write_all(b"x").unwrap();
    uart.set_prompt("> ").unwrap();
    let line = line!();
    let operations = [
        uart.expect_line("y").failing(line + 2),
        uart.expect_any(["y"]).failing(line + 3),
        uart.read_exact(2).failing(line + 4),
        uart.expect_silence(secs(9)).failing(line + 5),
        uart.run("reset").failing(line + 6),
    ];
    for (error, line) in operations {
        let place = format!("\n  at tests/it/uart_basics.rs:{line}");
        assert!(error.ends_with(&place), "{place} in {error}");
        assert_eq!(error.matches("\n  at ").count(), 1, "{error}");
    }
    uart.set_timeout(millis(5));
    let (mut lines, line) = (uart.lines().into_iter(), line!());
    let error = lines.next().unwrap().unwrap_err().to_string();
    let place = format!("\n  at tests/it/uart_basics.rs:{line}");
    assert!(error.ends_with(&place), "{error}");
}

/// An operation that fails, with the line of its call.
trait Failing {
    fn failing(self, line: u32) -> (String, u32);
}

impl<T: std::fmt::Debug> Failing for Operation<T> {
    fn failing(self, line: u32) -> (String, u32) {
        let error = self.within(millis(5)).wait().unwrap_err();
        (error.to_string(), line)
    }
}

#[test]
fn a_timeout_without_any_output_suggests_another_uart() {
    let (uart, mut board) = uart();
    let silence = |uart: &Uart| {
        let error = uart.read_line().within(millis(5)).wait().unwrap_err();
        error.to_string()
    };
    let hint = "; nothing has arrived at all: is this the UART that the firmware writes to (";
    assert!(silence(&uart).contains(hint), "{}", silence(&uart));
    board.write_all(b"x").unwrap();
    uart.expect("x").wait().unwrap();
    assert!(!silence(&uart).contains("is this the UART"));
}

/// Returns the message of an `expect` or `expect_line` of `pattern` that times out.
fn timeout(output: &str, after: &str, pattern: &str, line: bool) -> String {
    let (uart, mut board) = uart();
    board.write_all(output.as_bytes()).unwrap();
    uart.expect(after).wait().unwrap();
    let operation = match line {
        true => uart.expect_line(pattern),
        false => uart.expect(pattern),
    };
    operation.within(millis(5)).wait().unwrap_err().to_string()
}

#[test]
fn a_timeout_suggests_the_likely_mistake() {
    let consumed = "; it had appeared before, in what was read already: each operation goes on where the last one stopped; ";
    let unfinished = "; it is in the last line, which is not finished: no end-of-line yet; ";
    let case = r#"; there is "READY", which differs only in case; "#;
    let regex = r#"; "re:up \\d+" would have matched: a regular expression starts with "re:""#;
    let start = "; `^` is where the search began, not where a line starts: ";
    for (output, after, pattern, line, hint) in [
        ("boot\nup 12 ms\n", "boot", r"up \d+", true, regex),
        ("boot\nup 12 ms", "boot", r"up \d+", false, regex),
        ("boot\nup 12 ms\n", "boot", r"RE:up \d+", true, regex),
        ("boot\nup 12 ms\n", "boot", r"re: up \d+", true, regex),
        ("boot\nup 12 ms\n", "boot", r"re:^up \d+", false, start),
        ("boot ready done ", "done", "ready", false, consumed),
        ("boot 12 done ", "done", r"re:\d+", false, consumed),
        ("boot\nready> ", "boot", "ready", true, unfinished),
        ("boot\nup 12 ms", "boot", r"re:up (\d+)", true, unfinished),
        ("boot READY ", "boot", "ready", false, case),
        ("boot\nREADY\n", "boot", "ready", true, case),
    ] {
        let error = timeout(output, after, pattern, line);
        assert!(error.contains(hint), "{pattern}: {error}");
    }
    for pattern in ["*", "x*", "(", "a|b", "[PASS up]"] {
        let error = timeout("boot up 12 ms", "boot", pattern, false);
        assert!(!error.contains("would have matched"), "{error}");
    }
    // After a line was sent another prompt is expected, so the hint is left out.
    let (uart, mut board) = uart();
    board.write_all(b"> ").unwrap();
    uart.expect("> ").wait().unwrap();
    uart.send_line("crash").wait().unwrap();
    board.write_all(b"HardFault").unwrap();
    let error = uart.expect("> ").within(millis(5)).wait().unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("ms; last sent: \"crash\\n\"; 9 unread bytes:"),
        "{error}"
    );
    // What the board shows that it has taken is said as well, also after it was read.
    board.write_all(b"\r\ncrash\r\n> ").unwrap();
    uart.expect("> ").wait().unwrap();
    let error = uart.expect("never").within(millis(5)).wait().unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("ms; last sent: \"crash\\n\"; no unread"),
        "{error}"
    );
    uart.send("echo rea").wait().unwrap();
    board.write_all(b"echo rea").unwrap();
    let error = uart.expect("ready").within(millis(5)).wait().unwrap_err();
    let hint = "the output ends with the echo of \"echo rea\", which was sent without a line end";
    assert!(error.to_string().contains(hint), "{error}");
    let error = timeout("boot steady ", "boot", "ready", false);
    assert!(error.contains("ms; 8 unread bytes:"), "{error}");
}

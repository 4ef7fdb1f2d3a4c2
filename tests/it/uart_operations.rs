//! The operations besides `expect` and `read_line`: `run`, `expect_any`, `expect_silence`, others.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Waker};

use crate::common::{uart, uart_error};
use virtual_target::config::Echo;
use virtual_target::uart::{Pattern, PatternError, Uart, UartErrorKind};
use virtual_target::{millis, secs};

#[test]
fn expect_any_returns_the_match_that_ends_first() {
    let (uart, mut board) = uart();
    board.write_all(b"abcdef").unwrap();
    let (which, found) = uart
        .expect_any(["re:a.*e", "bcd", "re:c?d"])
        .wait()
        .unwrap();
    assert_eq!((which, found.text().as_ref()), (1, "bcd"));
    let mixed = [Pattern::new('z').unwrap(), Pattern::new(b"f").unwrap()];
    assert_eq!(uart.expect_any(mixed).wait().unwrap().0, 1);
    let none: [&str; 0] = [];
    let error = uart_error(uart.expect_any(none).wait().unwrap_err());
    assert!(matches!(
        error.kind(),
        UartErrorKind::Pattern(PatternError::NoPatterns)
    ));
}

#[test]
fn expect_all_matches_in_any_order() {
    let (uart, mut board) = uart();
    board.write_all(b"b ready, a ready, rest").unwrap();
    let found = uart.expect_all(["re:a ready", "b ready"]).wait().unwrap();
    assert_eq!((found[0].range(), found[1].range()), (9..16, 0..7));
    assert_eq!(uart.expect("rest").wait().unwrap().before().unwrap(), ", ");
    board.write_all(b"a ready").unwrap();
    let error = uart
        .expect_all(["a ready", "b ready"])
        .within(millis(50))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(r#"expect_all("a ready", "b ready"), still without"#),
        "{error}"
    );
}

#[test]
fn expect_bytes_sees_escape_sequences() {
    let (uart, mut board) = uart();
    board.write_all(b"\x1b[1mA\x1b[0mB\x00\xff").unwrap();
    assert_eq!(uart.clone().expect("AB").wait().unwrap().range(), 4..10);
    assert_eq!(uart.expect_bytes(b"\x1b[0m").wait().unwrap().range(), 5..9);
    assert_eq!(uart.read_exact(3).wait().unwrap(), b"B\x00\xff");
    assert_eq!(uart.transcript().unwrap(), b"\x1b[1mA\x1b[0mB\x00\xff");
    assert_eq!(uart.transcript_text().unwrap(), "AB\0\u{fffd}");
}

#[test]
fn any_output_fails_expect_silence_and_a_match_fails_expect_none() {
    let (uart, mut board) = uart();
    uart.expect_silence(millis(5)).wait().unwrap();
    board.write_all(b"noise").unwrap();
    let error = uart
        .expect_silence(secs(60))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("UART uart: expect_silence(60s) failed: "),
        "{error}"
    );
    uart.expect_none("panic", millis(5)).wait().unwrap();
    board.write_all(b" panic").unwrap();
    let error = uart
        .expect_none("panic", secs(60))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "UART uart: expect_none(\"panic\", 60s) failed: \"panic\" appeared; the output up to there:\
             \n  | noise panic\n  at tests/it/uart_operations.rs:"
        ),
        "{error}"
    );
    assert_eq!(uart.expect("noise").wait().unwrap().range(), 0..5);
    uart.clear();
    uart.expect_silence(millis(5)).wait().unwrap();
}

#[test]
fn a_match_ends_before_the_next_escape_sequence() {
    let (uart, mut board) = uart();
    board.write_all(b"ab\x1b[0mc\n\xc3\x1b[0m\xc3\xa9").unwrap();
    assert_eq!(uart.expect_line("ab").wait().unwrap().range(), 0..2);
    // An invalid byte is recognised only by the byte after it.
    let replaced = regex::Regex::new("\u{fffd}").unwrap();
    assert_eq!(uart.expect(replaced).wait().unwrap().range(), 8..9);
    assert_eq!(uart.read_exact(1).wait().unwrap(), b"\x1b");
}

#[test]
fn a_late_newline_is_neither_a_line_nor_noise() {
    let (uart, mut board) = uart();
    board.write_all(b"one\r").unwrap();
    assert_eq!(uart.read_line().wait().unwrap(), "one");
    board.write_all(b"\ntwo\r").unwrap();
    assert_eq!(uart.read_line().wait().unwrap(), "two");
    board.write_all(b"\n").unwrap();
    uart.expect_silence(millis(20)).wait().unwrap();
    board.write_all(b"three").unwrap();
    assert_eq!(uart.expect("three").wait().unwrap().before().unwrap(), "");
}

#[test]
fn a_guard_fails_every_operation_that_reaches_its_match() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("re:Hard[A-Z]ault").unwrap();
    board.write_all(b"fine\nHardF").unwrap();
    uart.expect_line("fine").wait().unwrap();
    let waiting = uart.expect("never").within(secs(60));
    board.write_all(b"ault at 0x8000\nready\n").unwrap();
    assert!(matches!(
        uart_error(waiting.wait().unwrap_err()).kind(),
        UartErrorKind::Forbidden { .. }
    ));
    let error = uart.expect("ready").wait().unwrap_err().to_string();
    assert!(
        error.starts_with(
            "UART uart: the forbidden pattern \"re:Hard[A-Z]ault\" appeared, noticed by expect(\"ready\"); \
             the output around it:\n  | fine\\n\n  | HardFault at 0x8000\\n\n  | ready\\n\n  at tests/it/uart_operations.rs:"
        ),
        "{error}"
    );
    assert!(matches!(
        uart_error(uart.send("x").wait().unwrap_err()).kind(),
        UartErrorKind::Forbidden { .. }
    ));
    // The output before the match can still be read later.
    let late = uart.clone();
    late.expect("Hard").wait().unwrap();
    guard.lift();
    late.expect("ready").wait().unwrap();
}

#[test]
fn forbid_checks_earlier_output_too() {
    let (uart, mut board) = uart();
    board.write_all(b"panic!\n").unwrap();
    uart.clone().expect("!").wait().unwrap();
    let guard = uart.forbid("panic").unwrap();
    assert!(uart.expect("!").wait().is_err());
    guard.lift();
    let error = uart.forbid(|_: &[u8]| None).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a closure cannot stand guard"),
        "{error}"
    );
}

#[test]
fn run_returns_the_output_of_the_command() {
    let (uart, mut board) = uart();
    let error = uart_error(uart.run("x").wait().unwrap_err());
    assert!(matches!(
        error.kind(),
        UartErrorKind::Pattern(PatternError::NoPrompt)
    ));
    uart.set_prompt("re:(?m)^[$] ").unwrap();
    let shell = std::thread::spawn(move || {
        board.write_all(b"old\r\n$ ").unwrap();
        let list = "ls\r\n\x1b[1ma\x1b[0m\r\nb\r\n$ ";
        answer(board, [list, "true\r\n$ ", "echo hi\r\nhi\r\n"])
    });
    uart.expect("$ ").wait().unwrap();
    assert_eq!(uart.run("ls").wait().unwrap(), "a\r\nb");
    assert_eq!(uart.run("true").wait().unwrap(), "");
    uart.send_line_echoed("echo hi").wait().unwrap();
    assert_eq!(uart.read_line().wait().unwrap(), "hi");
    drop(shell.join().unwrap());
}

/// The prompt is one only with the byte after it, which the closure needs to see.
#[test]
fn a_prompt_may_be_a_closure_that_looks_ahead() {
    let (uart, mut board) = uart();
    let prompt = |bytes: &[u8]| -> Option<std::ops::Range<usize>> {
        let at = bytes.windows(3).position(|it| it == b"$ \0")?;
        Some(at..at + 2)
    };
    uart.set_prompt(prompt).unwrap();
    let shell = std::thread::spawn(move || {
        board.write_all(b"hello\r\n$ \0").unwrap();
        let (one, two) = ("one\r\nvalue $ 1\r\n$ \0", "two\r\nvalue $ 2\r\n$ \0");
        for (number, reply) in [one, two].into_iter().cycle().take(20).enumerate() {
            let mut byte = [0];
            while byte != *b"\n" {
                board.read_exact(&mut byte).unwrap();
            }
            let (first, rest) = reply.split_at(number % reply.len());
            board.write_all(first.as_bytes()).unwrap();
            std::thread::sleep(millis(1));
            board.write_all(rest.as_bytes()).unwrap();
        }
        board
    });
    for _ in 0..10 {
        assert_eq!(uart.run("one").wait().unwrap(), "value $ 1");
        assert_eq!(uart.run("two").wait().unwrap(), "value $ 2");
    }
    drop(shell.join().unwrap());
}

#[test]
fn paced_bytes_arrive_one_by_one() {
    // Datagrams: a read returns the bytes of one write, however late it arrives.
    let (ours, board) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let uart = Uart::over_fd(ours).unwrap();
    let mut board = std::fs::File::from(std::os::fd::OwnedFd::from(board));
    let sending = std::thread::spawn(move || uart.send_paced("abc", millis(2)).wait());
    for expected in b"abc" {
        let mut byte = [0; 8];
        assert_eq!(board.read(&mut byte).unwrap(), 1);
        assert_eq!(byte[0], *expected);
    }
    sending.join().unwrap().unwrap();
}

#[test]
fn parse_converts_a_group_or_says_why_not() {
    let (uart, mut board) = uart();
    board.write_all(b"temp=21.5 unit=\n").unwrap();
    let found = uart
        .expect_line(r"re:temp=(?<t>[0-9.]+) unit=(?<u>\w+)?")
        .wait()
        .unwrap();
    assert_eq!(found.parse::<f32>("t").unwrap(), 21.5);
    let error = found.parse::<u8>("t").unwrap_err().to_string();
    let expected = r#"group "t" of "re:temp=(?<t>[0-9.]+) unit=(?<u>\\w+)?" is "21.5", which is not a u8: invalid digit found in string"#;
    assert!(
        error.starts_with(&format!("{expected}\n  at tests/it/uart_operations.rs:")),
        "{error}"
    );
    let error = found.parse::<u8>("u").unwrap_err().to_string();
    assert!(
        error.contains("has no group \"u\": it took no part in the match\n  at tests/"),
        "{error}"
    );
    let error = found.parse::<u8>(3).unwrap_err().to_string();
    assert!(
        error.contains("has no group 3: the pattern does not define it\n  at tests/"),
        "{error}"
    );
}

#[test]
fn a_uart_over_a_pty_ends_when_the_pty_closes() {
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut raw = nix::sys::termios::tcgetattr(&pty.slave).unwrap();
    nix::sys::termios::cfmakeraw(&mut raw);
    nix::sys::termios::tcsetattr(&pty.slave, nix::sys::termios::SetArg::TCSANOW, &raw).unwrap();
    let uart = Uart::over_fd(pty.master).unwrap();
    let mut board = std::fs::File::from(pty.slave);
    uart.send("in").wait().unwrap();
    let mut bytes = [0; 2];
    board.read_exact(&mut bytes).unwrap();
    board.write_all(b"out").unwrap();
    drop(board);
    uart.expect("out").wait().unwrap();
    let error = uart_error(uart.expect("more").wait().unwrap_err());
    assert!(matches!(error.kind(), UartErrorKind::Ended { .. }));
}

#[test]
fn over_fd_refuses_a_regular_file() {
    let file: OwnedFd = std::fs::File::open("Cargo.toml").unwrap().into();
    let error = Uart::over_fd(file).unwrap_err().to_string();
    assert!(
        error.contains(
            "; it takes a socket, a pipe or a terminal\n  at tests/it/uart_operations.rs:"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn over_accepts_any_async_stream() {
    let (ours, board) = tokio::io::duplex(64);
    let uart = Uart::over(ours).unwrap();
    let (mut read, mut write) = tokio::io::split(board);
    tokio::io::AsyncWriteExt::write_all(&mut write, b"hello\n")
        .await
        .unwrap();
    uart.expect_line("hello").await.unwrap();
    uart.send("x").await.unwrap();
    assert_eq!(
        tokio::io::AsyncReadExt::read_u8(&mut read).await.unwrap(),
        b'x'
    );
}

#[test]
fn an_expectrl_session_runs_on_into_stream() {
    use expectrl::{Expect, Regex, Session};

    let (uart, mut board) = uart();
    board.write_all(b"boot\r\nlogin: ").unwrap();
    uart.expect_line("boot").wait().unwrap();
    let mut session = Session::new((), uart.into_stream()).unwrap();
    session.expect(Regex("log[a-z]+: ")).unwrap();
    session.send_line("root").unwrap();
    let mut bytes = [0; 5];
    board.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"root\n");
    drop(board);
    assert!(matches!(session.expect("more"), Err(expectrl::Error::Eof)));
}

#[test]
fn expect_accepts_expectrl_eof() {
    let (uart, mut board) = uart();
    board.write_all(b"all there is").unwrap();
    drop(board);
    assert_eq!(
        uart.expect(expectrl::Eof).wait().unwrap().text(),
        "all there is"
    );
}

#[test]
fn a_match_across_a_slid_window_has_the_right_range() {
    let (uart, mut board) = uart();
    let writer = std::thread::spawn(move || {
        let mut output = vec![b'.'; (64 << 10) * 3 - 3];
        output.extend_from_slice(b"needle x");
        board.write_all(&output).unwrap();
        board
    });
    let from = (64 << 10) * 3 - 3;
    for pattern in [
        Pattern::new(regex::Regex::new("need(le)").unwrap()),
        Pattern::new(regex::bytes::Regex::new("need(le)").unwrap()),
        Pattern::new(expectrl::Any(["needle"])),
    ] {
        let found = uart.clone().expect(pattern.unwrap()).wait().unwrap();
        assert_eq!(found.range(), from..from + 6);
    }
    let anchored = uart
        .expect(regex::Regex::new("^needle|^[.]x").unwrap())
        .within(millis(50));
    assert!(anchored.wait().is_err());
    drop(writer.join().unwrap());
}

/// Reads a line as a shell does.
fn line(board: &mut UnixStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        board.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Answers each line with the next of `answers`.
fn answer<const N: usize>(mut board: UnixStream, answers: [&str; N]) -> UnixStream {
    for answer in answers {
        line(&mut board);
        board.write_all(answer.as_bytes()).unwrap();
    }
    board
}

#[test]
fn run_waits_for_the_prompt_of_the_last_command() {
    let (uart, mut board) = uart();
    uart.set_prompt("> ").unwrap();
    board.write_all(b"> ").unwrap();
    assert!(uart.run("sleep").within(millis(50)).wait().is_err());
    assert_eq!(line(&mut board), "sleep\n");
    let late = uart_error(uart.run("ping").within(millis(50)).wait().unwrap_err());
    assert!(
        late.to_string()
            .contains("run(\"ping\"), waiting for the prompt \"> \" before it sends, timed out"),
        "{late}"
    );
    let mut run = uart.run("ping");
    let waker = &mut Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut run).poll(waker).is_pending());
    board.set_nonblocking(true).unwrap();
    let nothing = board.read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    board.set_nonblocking(false).unwrap();
    let shell = std::thread::spawn(move || {
        board.write_all(b"slept\r\n> ").unwrap();
        answer(
            board,
            [
                "ping\r\npong\r\n> ",
                "say > \r\nok\r\n> ",
                "echo\r\necho\r\n> ",
            ],
        )
    });
    assert_eq!(run.wait().unwrap(), "pong");
    uart.send_line("say > ").wait().unwrap();
    uart.expect_line("ok").wait().unwrap();
    assert_eq!(uart.run("echo").wait().unwrap(), "echo");
    drop(shell.join().unwrap());
}

/// Returns a UART and its shell, which has printed its prompt and answers each line with the next
/// of `answers`.
fn scripted(answers: &[&str]) -> (Uart, std::thread::JoinHandle<UnixStream>) {
    let (uart, mut board) = uart();
    uart.set_prompt("> ").unwrap();
    let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    board.write_all(b"> ").unwrap();
    let shell = std::thread::spawn(move || {
        for answer in answers {
            line(&mut board);
            board.write_all(answer.as_bytes()).unwrap();
        }
        board
    });
    (uart, shell)
}

#[test]
fn run_removes_only_the_echo_of_the_command() {
    for (command, reply, expected) in [
        ("abc", "got: abc\r\n> ", "got: abc"),
        ("abc", " abc\r\nyes\r\n> ", "yes"),
        ("", "one\r\n> ", "one"),
        ("", "\r\ntwo\r\n> ", "two"),
    ] {
        let (uart, shell) = scripted(&[reply]);
        assert_eq!(uart.run(command).wait().unwrap(), expected, "{reply:?}");
        drop(shell.join().unwrap());
    }
}

#[test]
fn run_recognises_an_echo_as_the_screen_shows_it() {
    for (command, reply, expected) in [
        ("ab", "\r> a\r> ab\r\nyes\r\n> ", "yes"),
        ("ping", "log\r\n> ping\r\npong\r\n> ", "pong"),
        ("id", "id\r\n\ruid=0\r\n> ", "uid=0"),
        ("id", "id\r\n\x1b[?2004l\ruid=0\r\n\x1b[?2004h> ", "uid=0"),
        ("abcdef", "abc \rdef\r\nyes\r\n> ", "yes"),
        ("abcdef", "abc\r\ndef\r\nyes\r\n> ", "yes"),
        ("id", "link down\r\nid\r\nuid=0\r\n> ", "uid=0"),
        ("ping", "ping\n\rpong\n\r> ", "pong"),
    ] {
        // At the second run `Echo::Auto` knows that the board echoes.
        let (uart, shell) = scripted(&[reply, reply]);
        for _ in 0..2 {
            assert_eq!(uart.run(command).wait().unwrap(), expected, "{reply:?}");
        }
        drop(shell.join().unwrap());
    }
}

#[test]
fn run_fails_when_the_answer_is_ambiguous() {
    let twice = "pong\r\n> \r\n> ";
    let (uart, shell) = scripted(&[twice, twice]);
    for echo in [Echo::Off, Echo::Auto] {
        uart.set_echo(echo);
        let error = uart.run("ping").wait().unwrap_err().to_string();
        assert!(error.contains("use `line_ending: cr`"), "{error}");
    }
    drop(shell.join().unwrap());

    let (uart, shell) = scripted(&["one\r\n> ", "two\r\ntwo\r\n> "]);
    assert_eq!(uart.run("get").wait().unwrap(), "one");
    let error = uart_error(uart.run("two").wait().unwrap_err());
    assert!(
        matches!(error.kind(), UartErrorKind::Ambiguous { .. }),
        "{error}"
    );
    drop(shell.join().unwrap());
}

#[test]
fn run_fails_when_the_echo_is_incomplete() {
    let full = "abc\r\x1b[Klog: full\r\n> abc";
    for (reply, hint) in [
        (full, "has echoed 3 of the command's 6 bytes"),
        ("abcdef", "`line_ending: cr`"),
        ("other\r\nno\r\n> ", "`echo: off`"),
    ] {
        let (uart, shell) = scripted(&[reply]);
        uart.set_echo(Echo::On);
        let error = uart
            .run("abcdef")
            .within(millis(100))
            .wait()
            .unwrap_err()
            .to_string();
        assert!(error.contains(hint), "{error}");
        drop(shell.join().unwrap());
    }
    // `Echo::Auto` on a new board: the rest of one answer is not the answer of the next command.
    let (uart, shell) = scripted(&[full, "x\r\n> "]);
    assert!(uart.run("abcdef").within(millis(100)).wait().is_err());
    assert!(uart.run("x").within(millis(100)).wait().is_err());
    drop(uart);
    drop(shell.join());
}

#[test]
fn run_leaves_out_ignored_lines() {
    let (uart, shell) = scripted(&[
        "get\r\n[1] log\r\na\r\n[2] a > b\r\nb\r\n> ",
        "ge[3] log\r\nt\r\na\r\n> ",
        "get\r\n[4] log\r\n> get\r\na\r\n> ",
        "get\r\n[5] log\r\n> ",
    ]);
    uart.set_ignore_lines([r"re:\[\d+\] "]).unwrap();
    for expected in ["a\r\nb", "a", "a", ""] {
        assert_eq!(uart.run("get").wait().unwrap(), expected);
    }
    assert!(uart.set_ignore_lines(["log\n"]).is_err());
    drop(shell.join().unwrap());
}

#[test]
fn run_and_send_line_echoed_refuse_a_line_end() {
    let (uart, _board) = uart();
    uart.set_prompt("> ").unwrap();
    for line in ["a\nb", "a\rb", "a\n"] {
        for error in [
            uart.run(line).wait().unwrap_err(),
            uart.send_line_echoed(line).wait().unwrap_err(),
        ] {
            let error = uart_error(error);
            assert!(
                matches!(error.kind(), UartErrorKind::NotSent { .. }),
                "{error}"
            );
            assert!(
                error.to_string().contains("there is a line end in it"),
                "{error}"
            );
        }
    }
}

#[test]
fn send_line_echoed_accepts_a_wrapped_echo() {
    // The prompt may arrive before or after the line is sent.
    for echo in [
        "> abc \rdef\r\n",
        "> abc\r\ndef\r\n",
        "abc \rdef\r\n",
        "abc\r\ndef\r\n",
    ] {
        let (uart, shell) = scripted(&[&format!("{echo}next\r\n")]);
        uart.send_line_echoed("abcdef").wait().unwrap();
        assert_eq!(uart.read_line().wait().unwrap(), "next");
        drop(shell.join().unwrap());
    }
}

#[test]
fn a_late_carriage_return_after_a_newline_is_not_noise() {
    let (uart, mut board) = uart();
    board.write_all(b"a\n\rb\n").unwrap();
    uart.expect_line("a").wait().unwrap();
    assert!(uart.clone().expect_silence(millis(5)).wait().is_err());
    uart.expect_line("b").wait().unwrap();
    board.write_all(b"\r").unwrap();
    uart.expect_silence(millis(20)).wait().unwrap();
    board.write_all(b"c").unwrap();
    assert!(uart.expect_silence(secs(60)).wait().is_err());
}

#[test]
fn a_prompt_within_the_echo_does_not_end_run() {
    let (uart, mut board) = uart();
    uart.set_prompt("> ").unwrap();
    board.write_all(b"> ").unwrap();
    let shell = std::thread::spawn(move || {
        board.read_exact(&mut [0; 10]).unwrap();
        for part in ["say a ", "> b\r", "\nok\r\n> "] {
            board.write_all(part.as_bytes()).unwrap();
        }
        board
    });
    assert_eq!(uart.run("say a > b").wait().unwrap(), "ok");
    shell.join().unwrap();
}

#[test]
fn an_unfit_pattern_is_refused_with_the_line_of_the_call() {
    let (uart, mut board) = uart();
    board.write_all(b"data ok\r\n").unwrap();
    let errors = [
        (uart.expect("re:data (ok"), line!()),
        (uart.expect("re:ok$"), line!()),
        (uart.expect(""), line!()),
        (uart.expect_line("data ok\r\n"), line!()),
        (uart.expect_line(b"\rdata ok"), line!()),
    ];
    for (operation, line) in errors {
        let error = operation.wait().unwrap_err().to_string();
        assert!(error.starts_with("the pattern \""), "{error}");
        let place = format!("\n  at tests/it/uart_operations.rs:{line}");
        assert!(error.ends_with(&place), "{error}");
    }
    let error = uart.expect_line("ok\n").wait().unwrap_err().to_string();
    let reason = r#"the pattern "ok\n" contains an end-of-line, and expect_line looks at lines"#;
    assert!(error.starts_with(reason), "{error}");
    let (error, line) = (uart.run("x").wait().unwrap_err().to_string(), line!());
    assert!(error.starts_with("UART uart: run needs to know"), "{error}");
    let place = format!("\n  at tests/it/uart_operations.rs:{line}");
    assert!(error.ends_with(&place), "{error}");
    uart.expect_line("data ok").wait().unwrap();
}

/// The variable that makes a test use up its descriptors, in a process of its own.
const NO_DESCRIPTORS: &str = "VTARGET_TEST_NO_DESCRIPTORS";

#[test]
fn over_without_free_descriptors_is_a_host_error() {
    const NAME: &str = "uart_operations::over_without_free_descriptors_is_a_host_error";
    if std::env::var_os(NO_DESCRIPTORS).is_some() {
        let all: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        let error = Uart::over(tokio::io::duplex(64).0).unwrap_err();
        drop(all);
        assert!(
            matches!(error.kind(), virtual_target::ErrorKind::Host(_)),
            "{error}"
        );
        return;
    }
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 32 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(NAME)
        .env(NO_DESCRIPTORS, "1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
}

#[test]
fn an_error_escapes_bytes_that_are_not_text() {
    let (uart, mut board) = uart();
    board.write_all(b"boot\n\x01\x80").unwrap();
    board.write_all(&[0; 4095]).unwrap();
    board.write_all(b"end").unwrap();
    let error = uart.expect("never").within(millis(200)).wait().unwrap_err();
    let shown = "\n  | boot\\n\n  | \\x01\\x80\\x00 (×4095)end\n";
    assert!(error.to_string().contains(shown), "{error}");
    let error = uart.expect_silence(millis(1)).wait().unwrap_err();
    assert!(error.to_string().contains("\\x80\\x00 (×"), "{error}");
}

#[test]
fn a_parse_error_names_the_line_of_the_call() {
    let (uart, mut board) = uart();
    board.write_all(b"temp 22.O\n").unwrap();
    let found = uart.expect_line(r"re:temp (\S+)").wait().unwrap();
    let errors = [
        (found.parse::<f32>(1).unwrap_err(), line!()),
        (found.parse::<f32>(2).unwrap_err(), line!()),
        (found.parse::<f32>("x").unwrap_err(), line!()),
    ];
    for (error, line) in errors {
        let place = format!("\n  at tests/it/uart_operations.rs:{line}");
        assert!(error.to_string().ends_with(&place), "{error}");
    }
}

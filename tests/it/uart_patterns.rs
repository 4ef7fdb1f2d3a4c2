//! Patterns on text, bytes, invalid bytes, escape sequences and lines; and patterns that can
//! never match.

use std::io::Write;
use std::os::unix::net::UnixStream;

use crate::common::{uart, uart_error};
use regex::{Regex, RegexBuilder};
use virtual_target::uart::{IntoPattern, Pattern, PatternError, Uart, UartErrorKind};
use virtual_target::{millis, secs};

/// Writes `output` in two parts, cut at every byte, each time to a new UART.
fn at_every_cut(output: &[u8], check: impl Fn(&Uart, UnixStream)) {
    for cut in 0..output.len() {
        let (uart, mut board) = uart();
        board.write_all(&output[..cut]).unwrap();
        if cut > 0 {
            uart.clone().read_exact(cut).wait().unwrap();
        }
        board.write_all(&output[cut..]).unwrap();
        check(&uart, board);
    }
}

fn matched(uart: &Uart, pattern: impl IntoPattern) -> String {
    let found = uart.expect(pattern).within(secs(5)).wait();
    found.unwrap().text().into_owned()
}

#[test]
fn an_invalid_byte_is_one_character() {
    let output = b"temp 21\xb0C ok\r\n";
    at_every_cut(output, |uart, _board| {
        for (pattern, text) in [
            ("re:temp.*ok", "temp 21\u{fffd}C ok"),
            (r"re:21\SC", "21\u{fffd}C"),
            (r"re:21[^a-z]C", "21\u{fffd}C"),
            (r"re:t[^\n]*k", "temp 21\u{fffd}C ok"),
            (r"re:21\x{fffd}C", "21\u{fffd}C"),
            (r"re:(?-u)21\xb0C", "21\u{fffd}C"),
            (r"re:21(?-u:\xb0).", "21\u{fffd}C"),
            (r"re:(?-u:1).C(?-u:[^a])ok", "1\u{fffd}C ok"),
        ] {
            assert_eq!(matched(&uart.clone(), pattern), text, "{pattern}");
            let line = uart.clone().expect_line(pattern).wait().unwrap();
            assert_eq!(
                (line.text().as_ref(), line.line().as_ref()),
                (text, "temp 21\u{fffd}C ok")
            );
        }
        let foreign = Regex::new(r"t[^\n]*k").unwrap();
        assert_eq!(matched(&uart.clone(), foreign), "temp 21\u{fffd}C ok");
        let found = uart.expect(r"re:1(.)C").wait().unwrap();
        assert_eq!(
            (found.range(), found.get_bytes(1)),
            (6..9, Some(&b"\xb0"[..]))
        );
        uart.expect("\n").wait().unwrap();
        assert_eq!(uart.transcript_text().unwrap(), "temp 21\u{fffd}C ok\r\n");
    });
}

#[test]
fn each_byte_of_an_incomplete_character_is_one_character() {
    at_every_cut(b"a\xe2\x82b\xc3\xbcc", |uart, board| {
        for (pattern, text, range) in [
            ("re:a.", "a\u{fffd}", 0..2),
            ("re:a..", "a\u{fffd}\u{fffd}", 0..3),
            ("re:a..b", "a\u{fffd}\u{fffd}b", 0..4),
            ("re:b.", "bü", 3..6),
            ("re:b.c", "büc", 3..7),
        ] {
            for pattern in [
                Pattern::new(pattern).unwrap(),
                Pattern::new(Regex::new(&pattern[3..]).unwrap()).unwrap(),
            ] {
                let found = uart.clone().expect(&pattern).wait().unwrap();
                assert_eq!(found.text(), text);
                assert_eq!(found.range(), range);
            }
        }
        let (which, _) = uart.clone().expect_any(["b", "re:a.."]).wait().unwrap();
        assert_eq!(which, 1, "it ends before the byte by which it is known");
        let rest = uart.clone();
        rest.expect("re:a.").wait().unwrap();
        assert_eq!(rest.read_exact(2).wait().unwrap(), b"\x82b");
        drop(board);
    });
}

#[test]
fn an_incomplete_character_is_invalid_once_the_stream_ends() {
    for pattern in [
        Pattern::new("re:gr..").unwrap(),
        Pattern::new(Regex::new("gr..").unwrap()).unwrap(),
    ] {
        let (uart, mut board) = uart();
        board.write_all(b"gr\xe2\x82").unwrap();
        let error = uart.expect(&pattern).within(millis(50)).wait().unwrap_err();
        assert!(matches!(
            uart_error(error).kind(),
            UartErrorKind::Timeout { .. }
        ));
        drop(board);
        assert_eq!(matched(&uart, pattern), "gr\u{fffd}\u{fffd}");
    }
}

#[test]
fn every_kind_of_regex_sees_the_same_line() {
    for (pattern, matches) in [("^gr$", false), ("^gr.$", true), (r"^gr\W$", true)] {
        let (uart, mut board) = uart();
        board.write_all(b"gr\xc3\nend\n").unwrap();
        let ours = format!("re:{pattern}|end");
        let found = uart.clone().expect_line(ours).wait().unwrap();
        assert_eq!(found.line() == "gr\u{fffd}", matches, "{pattern}");
        let foreign = Regex::new(&format!("{pattern}|end")).unwrap();
        let found = uart.expect_line(foreign).wait().unwrap();
        assert_eq!(found.line() == "gr\u{fffd}", matches, "{pattern}");
    }
}

#[test]
fn a_guard_sees_the_same_text_as_expect() {
    for pattern in [
        "re:ASSERT.*failed",
        r"re:(?-u)[\x80-\xff]",
        r"re:T (?-u:\xff)\W+x",
    ] {
        at_every_cut(b"ASSERT \xff x > 0 failed\r\ndone\r\n", |uart, board| {
            // At the end of the stream the guard does not wait for the rest of the line.
            drop(board);
            let guard = uart.forbid(pattern).unwrap();
            let error = uart.expect_line("done").wait().unwrap_err();
            assert!(error.to_string().contains("forbidden pattern"), "{error}");
            guard.lift();
        });
    }
}

#[test]
fn a_pattern_with_an_escape_sequence_is_refused() {
    let (uart, mut board) = uart();
    board.write_all(b"\x1b[31mError\x1b[m\r\n").unwrap();
    let foreign = || Regex::new(r"\x1b\[31mE").unwrap();
    let refused = [
        uart.expect("\x1b[31mE").wait(),
        uart.expect(r"re:\x1b\[3[0-9]mE").wait(),
        uart.expect(r"re:(?:\x1b|\x1b\[)+E").wait(),
        uart.expect(foreign()).wait(),
        uart.expect_line(foreign()).wait(),
        uart.expect_line("\x1b[31mE").wait(),
        uart.expect_any(["x", "\x1b[31mE"])
            .wait()
            .map(|(_, found)| found),
        uart.expect_all(["\x1b[31mE"])
            .wait()
            .map(|mut all| all.remove(0)),
    ];
    let none = uart.expect_none("\x1b[31mE", millis(1)).wait();
    let errors = refused.into_iter().map(Result::unwrap_err);
    let errors = errors.chain([
        none.unwrap_err(),
        uart.forbid("\x1b[31mE").map(drop).unwrap_err(),
        uart.set_prompt("\x1b[1;32muart:~$ \x1b[m").unwrap_err(),
    ]);
    for error in errors {
        let message = error.to_string();
        assert!(
            message.contains("expect_bytes") && message.contains("`strip_ansi: false`"),
            "{message}"
        );
        let error = uart_error(error);
        let UartErrorKind::Pattern(error) = error.kind() else {
            panic!("{error}");
        };
        assert!(
            matches!(error, PatternError::EscapeSequence { .. }),
            "{error}"
        );
    }
    uart.clone().expect(r"re:(?:\x1b\[31m)?E").wait().unwrap();
    uart.expect_bytes("\x1b[31mE").wait().unwrap();
}

#[test]
fn regex_flags_do_not_hide_an_unfit_pattern() {
    let (uart, mut board) = uart();
    board.write_all(b"foo bar # the end").unwrap();
    let spaced = |text| RegexBuilder::new(text).ignore_whitespace(true).build();
    let bytes = |text| {
        regex::bytes::RegexBuilder::new(text)
            .ignore_whitespace(true)
            .build()
    };
    for text in [
        "foo $ # the end",
        r"foo \b # the end",
        "z* # any",
        "(?: z ) ? # any",
    ] {
        for pattern in [
            Pattern::new(spaced(text).unwrap()),
            Pattern::new(bytes(text).unwrap()),
        ] {
            let error = uart.expect(pattern.unwrap()).wait().unwrap_err();
            assert!(
                matches!(uart_error(error).kind(), UartErrorKind::Pattern(_)),
                "{text}"
            );
        }
    }
    // Similar text that is correct is accepted.
    uart.clone()
        .expect(spaced("foo # not $").unwrap())
        .wait()
        .unwrap();
    for text in [r"bar\b # the", " ", r"foo\b ", " # "] {
        let plain = uart.clone().expect(Regex::new(text).unwrap());
        assert!(plain.wait().is_ok(), "{text:?}");
    }
}

#[test]
fn the_line_limit_does_not_depend_on_how_reads_are_cut() {
    const LONGEST: usize = 8 << 20;
    for length in [LONGEST, LONGEST + 1] {
        for cut in [0, 1, LONGEST, length] {
            let (uart, mut board) = uart();
            let writer = std::thread::spawn(move || {
                let line = [vec![b'x'; length], b"\n".to_vec()].concat();
                board.write_all(&line[..cut]).unwrap();
                board.write_all(&line[cut..]).unwrap();
                board
            });
            let found = uart.expect_line("re:x$").within(secs(60)).wait();
            assert_eq!(found.is_ok(), length == LONGEST, "{length} at {cut}");
            drop(writer.join().unwrap());
        }
    }
}

#[test]
fn expect_all_accepts_a_pattern_for_the_end() {
    let (uart, mut board) = uart();
    board.write_all(b"all there is").unwrap();
    drop(board);
    let end = || Pattern::new(expectrl::Eof).unwrap();
    let there = || Pattern::new("there").unwrap();
    assert_eq!(uart.clone().expect_all([end()]).wait().unwrap().len(), 1);
    let both = uart.clone().expect_all([end(), there()]).wait().unwrap();
    assert_eq!(both[1].text(), "there");
    let missing = [end(), Pattern::new("not there").unwrap()];
    let error = uart.expect_all(missing).wait().unwrap_err();
    assert!(matches!(
        uart_error(error).kind(),
        UartErrorKind::Ended { .. }
    ));
}

#[test]
fn noise_like_an_escape_sequence_hides_little_and_is_shown() {
    let (uart, mut board) = uart();
    board.write_all(b"\x1b_login: ").unwrap();
    let error = uart
        .expect("login: ")
        .within(millis(50))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the bytes that would match are taken for a part of an escape sequence"),
        "{error}"
    );
    let shown = r#"the 9 bytes after that are taken for an escape sequence that has not ended: "\x1b_login: ""#;
    assert!(error.contains(shown), "{error}");
    board.write_all(&[b'.'; 256]).unwrap();
    board.write_all(b"login: ").unwrap();
    uart.expect("login: ").wait().unwrap();
}

#[test]
fn lines_end_after_an_error_that_would_repeat() {
    let (uart, mut board) = uart();
    let guard = uart.forbid("HardFault").unwrap();
    board.write_all(b"one\nHardFault\n").unwrap();
    let lines: Vec<_> = uart.lines().into_iter().take(5).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].is_err());
    guard.lift();
    drop(board);
}

#[test]
fn lines_stay_at_their_end_but_continue_after_a_timeout() {
    let (uart, mut board) = uart();
    uart.set_timeout(millis(20));
    let mut lines = uart.lines().into_iter();
    assert!(lines.next().unwrap().is_err());
    board.write_all(b"one\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    drop(board);
    assert!(lines.next().is_none());
    assert!(lines.next().is_none());
}

//! Errors as data: the kind, the place in the test, the artifacts.

use std::error::Error as _;
use std::io::Write;
use std::panic::Location;

use virtual_target::config::{BackendKind, ConfigErrorKind, TargetConfig};
use virtual_target::uart::{Uart, UartErrorKind};
use virtual_target::{Error, ErrorKind, VirtualTarget, millis};

use crate::common::{uart, uart_error};

#[track_caller]
fn here() -> u32 {
    Location::caller().line()
}

fn line(error: &Error) -> Option<u32> {
    let at = error.at()?;
    assert!(at.file().ends_with("errors.rs"), "{at}");
    Some(at.line())
}

#[test]
fn an_error_of_a_file_has_the_place_that_names_the_file() {
    let (builder, named) = (VirtualTarget::from_yaml("no/such.yaml"), here());
    let error = builder.boot().wait().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Config(it) if matches!(it.kind(), ConfigErrorKind::NotFound)),
        "{error}"
    );
    assert_eq!(line(&error), Some(named));
    assert_eq!(error.artifacts(), None);
    let (builder, named) = (VirtualTarget::from_yaml("no/such.yaml"), here());
    assert_eq!(line(&builder.build().unwrap_err()), Some(named));
}

#[test]
fn an_error_of_a_call_that_takes_no_time_has_its_place() {
    let (uart, _board) = uart();
    let mut calls = Vec::new();
    calls.push((uart.set_prompt("").unwrap_err(), here()));
    calls.push((uart.forbid("").map(drop).unwrap_err(), here()));
    calls.push((uart.set_ignore_lines(["a\n"]).unwrap_err(), here()));
    let file = std::fs::File::open("Cargo.toml").unwrap();
    calls.push((Uart::over_fd(file).unwrap_err(), here()));
    for (error, called) in calls {
        assert_eq!(line(&error), Some(called), "{error}");
    }
}

#[test]
fn an_error_of_a_target_has_the_artifacts_that_its_message_names() {
    let yaml = "backend: qemu\nqemu: {machine: m}\n";
    let config = TargetConfig::from_yaml_str(yaml, ".").unwrap();
    let target = VirtualTarget::from_config(config).backend(BackendKind::Qemu);
    let Ok(target) = target.build() else {
        return; // without QEMU
    };
    let (missing, called) = (target.uart_named("modem").unwrap_err(), here());
    assert_eq!(line(&missing), Some(called));
    let (off, called) = (target.metrics(), here());
    let off = off.wait().unwrap_err();
    assert_eq!(line(&off), Some(called));
    for error in [missing, off] {
        let artifacts = error.artifacts().unwrap();
        assert!(artifacts.join("timeline.json").exists());
        let end = format!("\n  artifacts: {}", artifacts.display());
        assert!(error.to_string().ends_with(&end), "{error}");
    }
}

#[test]
fn the_source_of_an_error_is_its_kind() {
    let (uart, board) = uart();
    drop(board);
    let error = uart.expect("ready").wait().unwrap_err();
    let source = error.source().unwrap();
    assert!(matches!(source.downcast_ref(), Some(ErrorKind::Uart(_))));
    let message = error.to_string();
    let (kind, place) = message.rsplit_once("\n  at ").unwrap();
    assert_eq!(kind, source.to_string());
    assert!(place.contains("errors.rs:"), "{place}");
}

#[test]
fn a_uart_error_has_the_parts_of_its_message() {
    let (uart, mut board) = uart();
    board.write_all(b"Ready\n").unwrap();
    let operation = uart.expect("ready").within(millis(50));
    let error = operation.wait().unwrap_err();
    let ErrorKind::Uart(error) = error.kind() else {
        panic!("{error}");
    };
    let &UartErrorKind::Timeout { waited, .. } = error.kind() else {
        panic!("{error}");
    };
    assert!(waited >= millis(50));
    assert_eq!(error.uart(), Some("uart"));
    assert_eq!(error.operation(), Some("expect(\"ready\")"));
    let hint = error.hint().unwrap();
    assert_eq!(hint, "there is \"Ready\", which differs only in case");
    let excerpt = error.excerpt().unwrap();
    assert_eq!(excerpt, "6 unread bytes:\n  | Ready\\n");
    assert_eq!(
        error.to_string(),
        format!("UART uart: expect(\"ready\") timed out after {waited:?}; {hint}; {excerpt}")
    );
}

#[test]
fn the_operation_of_a_uart_error_has_no_comma_at_its_end() {
    let (uart, _board) = uart();
    uart.set_prompt("> ").unwrap();
    let error = uart.run("ping").within(millis(50)).wait().unwrap_err();
    let error = uart_error(error);
    let operation = "run(\"ping\"), waiting for the prompt \"> \" before it sends";
    assert_eq!(error.operation(), Some(operation));
    assert_eq!(error.excerpt(), Some("nothing has arrived at all"));
    assert!(error.hint().unwrap().starts_with("is this the UART"));
}

#[test]
fn an_error_of_a_uart_stream_has_the_place_that_made_the_stream() {
    let (uart, board) = uart();
    drop(board);
    uart.expect("ready").wait().unwrap_err();
    let (mut stream, made) = (uart.into_stream(), here());
    let error = stream.write(b"x").unwrap_err();
    let error = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(line(error), Some(made));
}

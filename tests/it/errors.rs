//! Errors as data: the kind, the place in the test, the artifacts.

use std::error::Error as _;
use std::panic::Location;

use virtual_target::config::{BackendKind, ConfigError, TargetConfig};
use virtual_target::uart::{ExpectError, Uart};
use virtual_target::{Error, ErrorKind, VirtualTarget};

use crate::common::uart;

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
        matches!(
            error.kind(),
            ErrorKind::Config(ConfigError::NotFound { .. })
        ),
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
    assert!(matches!(
        source.downcast_ref(),
        Some(ErrorKind::Uart(ExpectError::Ended { .. }))
    ));
    let message = error.to_string();
    let (kind, place) = message.rsplit_once("\n  at ").unwrap();
    assert_eq!(kind, source.to_string());
    assert!(place.contains("errors.rs:"), "{place}");
}

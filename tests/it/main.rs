//! Tests of the crate that need no emulator; those that need one are in `tests/engines`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

#[path = "../common/mod.rs"]
mod common;

mod config;
mod errors;
mod exporter;
mod failures;
mod firmware;
mod messages;
mod names;
#[cfg(feature = "schema")]
mod schema;
mod script;
mod uart_basics;
mod uart_guards;
mod uart_operations;
mod uart_patterns;
mod uart_pty;
mod uart_waiting;

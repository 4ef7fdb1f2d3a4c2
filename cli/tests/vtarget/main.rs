//! Tests of the program: what a user types, sees and gets back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod boards;
mod check;
mod coverage;
mod doctor;
mod init;
mod install;
mod run;
mod schema;
#[cfg(target_os = "linux")]
mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the program, in the repository's root.
fn vtarget() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtarget"));
    command.current_dir(root());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run<const N: usize>(arguments: [&str; N]) -> Output {
    vtarget().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

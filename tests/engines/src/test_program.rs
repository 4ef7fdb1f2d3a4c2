//! A test program that its own tests run: the tests in its module `on_purpose`, whose output they read.

use std::path::Path;
use std::process::Command;

use virtual_target::config::BackendKind;

/// Returns a command that runs such a test of this program, as `cargo test` does; its artifacts go
/// to `target`.
pub fn command(engine: BackendKind, test: &str, target: &Path) -> Command {
    let program = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NEXTEST") {
            command.env_remove(name);
        }
    }
    let engine = match engine {
        BackendKind::Renode => "renode",
        BackendKind::Serial => "serial",
        _ => "qemu",
    };
    command
        .args(["--ignored", "--exact"])
        .arg(format!("on_purpose::{test}"))
        .env("RUST_TEST_THREADS", "2")
        .env("VTARGET_BACKEND", engine)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("VTARGET_ARTIFACTS");
    command
}

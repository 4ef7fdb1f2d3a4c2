//! Builds the firmware before the tests.
//!
//! Cargo runs this once, before all tests and with any test runner; a build that fails stops the run and is shown.

use std::process::Command;

/// The command that builds the firmware, such as `&["make", "all"]`; empty if something else builds it.
const BUILD: &[&str] = &[];

/// The directory in which it runs, relative to this project.
const DIRECTORY: &str = "..";

fn main() {
    let [program, arguments @ ..] = BUILD else {
        println!("cargo::rerun-if-changed=build.rs");
        return;
    };
    // This file does not exist, so the command runs each time: it knows itself what has changed.
    println!("cargo::rerun-if-changed=always");
    let mut build = Command::new(program);
    let status = build.args(arguments).current_dir(DIRECTORY).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the firmware was not built: {program} ended with {status}"),
        Err(error) => panic!("the firmware was not built: cannot run {program}: {error}"),
    }
}

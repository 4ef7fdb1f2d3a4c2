//! Builds the firmware before the tests.
//!
//! Cargo runs this before all tests, with any test runner, and again after a change in the firmware's directory; a build
//! that fails stops the run and is shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command that builds the firmware, such as `&["make", "all"]`; empty if something else builds it.
const BUILD: &[&str] = &[];

/// The directory in which it runs, relative to this project.
const DIRECTORY: &str = "..";

/// The image that it writes, relative to this project.
const IMAGE: &str = "../build/firmware.elf";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let [program, arguments @ ..] = BUILD else {
        return;
    };
    let mut build = Command::new(program);
    let status = build.args(arguments).current_dir(DIRECTORY).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the firmware was not built: {program} ended with {status}"),
        Err(error) => panic!("the firmware was not built: cannot run {program}: {error}"),
    }
    // What the build has just written is a change, too: the next run asks the build again, which has nothing to do.
    watch(Path::new(DIRECTORY));
    println!("cargo::rerun-if-changed={IMAGE}");
}

/// Has Cargo run this again after a change in a directory, except in what [`is_left_out`].
fn watch(directory: &Path) {
    if !has_left_out(directory) {
        println!("cargo::rerun-if-changed={}", directory.display());
        return;
    }
    for path in entries(directory) {
        match path.is_dir() && !path.is_symlink() {
            true if is_left_out(&path) => {}
            true => watch(&path),
            false => println!("cargo::rerun-if-changed={}", path.display()),
        }
    }
}

/// Returns true if there is a directory in `directory` that is left out.
fn has_left_out(directory: &Path) -> bool {
    let mut inner = entries(directory).filter(|path| path.is_dir() && !path.is_symlink());
    inner.any(|path| is_left_out(&path) || has_left_out(&path))
}

/// Returns true for these tests, for hidden directories, and for those that CMake and Cargo build in, which write there
/// even if there is nothing to do.
fn is_left_out(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default();
    let is_hidden = name.to_string_lossy().starts_with('.');
    let is_these_tests = || directory.canonicalize().ok() == Path::new(".").canonicalize().ok();
    let has = |file: &str| directory.join(file).exists();
    is_hidden || is_these_tests() || has("CMakeCache.txt") || has("CACHEDIR.TAG")
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.flatten().map(|entry| entry.path())
}

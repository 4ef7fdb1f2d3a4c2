//! Cargo's target directory: [`target_directory`] of a program of tests, which cargo does not tell it,
//! and [`target_directories`] of a project, which cargo tells.
//!
//! Both must agree: what the tests write is found later, wherever `CARGO_TARGET_DIR` or a
//! `.cargo/config.toml` has put the directory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Returns the target directory of this program: `CARGO_TARGET_DIR`, else the directory into which
/// this program was built, else `target` in the current directory.
pub(crate) fn target_directory() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // A relative path refers to the directory in which cargo was called, which is unknown here.
    if let Some(named) = named.filter(|named| named.is_absolute()) {
        return named;
    }
    let program = env::current_exe().unwrap_or_default();
    let built_into = program
        .ancestors()
        .skip(1)
        .find(|directory| directory.join("CACHEDIR.TAG").is_file());
    match built_into {
        Some(directory) => directory.to_owned(),
        None => env::current_dir().unwrap_or_default().join("target"),
    }
}

/// Returns the target directories that the tests of the project around `directory` may have: those
/// that cargo tells, then `target`, or what `CARGO_TARGET_DIR` names, in `directory` and in those
/// above it.
pub(crate) fn target_directories(directory: &Path) -> Vec<PathBuf> {
    let named = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let above = directory.ancestors().map(|it| it.join(&named));
    let told = Metadata::of(directory).into_iter();
    let told = told.flat_map(|it| [Some(it.target_directory), it.build_directory]);
    told.flatten().chain(above).collect()
}

/// What cargo tells of a project.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
    /// The directory of the tests' programs, if `build.build-dir` separates it.
    build_directory: Option<PathBuf>,
}

impl Metadata {
    /// Asks cargo; returns none if there is no project, or no cargo.
    fn of(directory: &Path) -> Option<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut cargo = Command::new(cargo);
        cargo.args(["metadata", "--no-deps", "--format-version=1"]);
        let told = cargo
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        serde_json::from_slice(&told.ok()?.stdout).ok()
    }
}

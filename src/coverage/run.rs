//! The name of a run of tests, by which the coverage of an earlier run is recognised.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Pid, getppid};

use crate::process::began;

/// Returns the name of the run that this process belongs to.
///
/// Nextest gives one to all processes of a run. `cargo test` gives none, but starts the test programs,
/// and rustdoc, which starts those of the documentation. A program that was started by hand is a run
/// of its own.
pub(super) fn current() -> String {
    let variable = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    match (variable("NEXTEST_RUN_ID"), variable("CARGO_MANIFEST_DIR")) {
        (Some(id), _) => format!("nextest {id}"),
        (None, Some(_)) => process(cargo()),
        (None, None) => process(Pid::this()),
    }
}

/// The number of ancestors among which cargo is looked for.
const MOST_ANCESTORS: usize = 8;

/// Returns the closest ancestor that is cargo; without one the parent.
fn cargo() -> Pid {
    let mut process = getppid();
    for _ in 0..MOST_ANCESTORS {
        match parent_and_program(process) {
            Some((_, program)) if program == "cargo" => return process,
            Some((parent, _)) => process = parent,
            None => break,
        }
    }
    getppid()
}

/// Returns the parent of a process, and the name of its program.
fn parent_and_program(process: Pid) -> Option<(Pid, String)> {
    // `7 (program) S 6 …`
    let (parent, program) = match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => {
            let (before, after) = stat.rsplit_once(')')?;
            let parent = after.split_whitespace().nth(1)?;
            (parent.to_owned(), before.split_once('(')?.1.to_owned())
        }
        Err(_) => {
            let text = ps("ppid=,comm=", process)?;
            let (parent, program) = text.split_once(' ')?;
            (parent.to_owned(), program.trim().to_owned())
        }
    };
    // Some systems have the whole path.
    let program = Path::new(&program).file_name()?.to_string_lossy();
    Some((Pid::from_raw(parent.parse().ok()?), program.into_owned()))
}

/// Returns a name of a process that no later process has: its number and its start.
fn process(process: Pid) -> String {
    let start = began(process.as_raw()).map(|ticks| ticks.to_string());
    // For systems without `/proc`.
    let start = start.or_else(|| ps("lstart=", process));
    let start = start.unwrap_or_default();
    format!("process {process} {start}")
}

/// Returns fields of a process, as `ps` shows them.
fn ps(fields: &str, process: Pid) -> Option<String> {
    let mut ps = Command::new("ps");
    let output = ps.args(["-o", fields, "-p", &process.to_string()]).output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    const ALONE: &str = "VTARGET_TEST_RUN_ALONE";

    #[test]
    fn the_programs_that_one_cargo_starts_are_of_one_run() {
        if env::var_os(ALONE).is_some() {
            println!("run: {}", current());
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["cargo", "rustdoc"] {
            std::os::unix::fs::symlink("/bin/sh", at(name)).unwrap();
        }
        let test = "$EXE --exact --nocapture coverage::run::tests::the_programs_that_one_cargo_starts_are_of_one_run";
        let script = format!(
            "{test}; {} -c '{test}; true'; true",
            at("rustdoc").display()
        );
        let run = || {
            let mut cargo = Command::new(at("cargo"));
            cargo
                .env_remove("NEXTEST_RUN_ID")
                .env("CARGO_MANIFEST_DIR", "/")
                .env("EXE", env::current_exe().unwrap())
                .env(ALONE, "1");
            let output = cargo.args(["-c", &script]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let names = text.lines().filter_map(|it| it.split_once("run: "));
            Vec::from_iter(names.map(|(_, name)| name.to_owned()))
        };
        let (first, second) = (run(), run());
        assert_eq!(first.len(), 2, "{first:?}");
        assert_eq!(first[0], first[1]);
        assert_ne!(first[0], second[0]);
    }

    #[test]
    fn a_process_has_one_name() {
        let this = process(Pid::this());
        assert_eq!(this, process(Pid::this()));
        assert!(this.split(' ').count() > 2, "{this}");
        assert_ne!(this, process(getppid()));
    }
}

//! The name of a run of tests, by which the coverage of an earlier run is recognised.

use std::process::Command;

use nix::unistd::{Pid, getppid};

use crate::process::began;

/// Returns the name of the run that this process belongs to.
///
/// Nextest gives one to all processes of a run. `cargo test` gives none, but is the parent of its
/// test programs. A program that was started by hand is a run of its own.
pub(super) fn current() -> String {
    let variable = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    match (variable("NEXTEST_RUN_ID"), variable("CARGO_MANIFEST_DIR")) {
        (Some(id), _) => format!("nextest {id}"),
        (None, Some(_)) => process(getppid()),
        (None, None) => process(Pid::this()),
    }
}

/// Returns a name of a process that no later process has: its number and its start.
fn process(process: Pid) -> String {
    let start = began(process.as_raw()).map(|ticks| ticks.to_string());
    let start = start.or_else(|| start_from_ps(process)).unwrap_or_default();
    format!("process {process} {start}")
}

/// Asks `ps`, for systems without `/proc`.
fn start_from_ps(process: Pid) -> Option<String> {
    let mut ps = Command::new("ps");
    let output = ps
        .args(["-o", "lstart=", "-p", &process.to_string()])
        .output();
    Some(
        String::from_utf8_lossy(&output.ok()?.stdout)
            .trim()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_name() {
        let this = process(Pid::this());
        assert_eq!(this, process(Pid::this()));
        assert!(this.split(' ').count() > 2, "{this}");
        assert_ne!(this, process(getppid()));
    }
}

//! The name of a run of tests, by which the coverage of an earlier run is recognised.

use std::fs;
use std::process::Command;

/// Returns the name of the run that this process belongs to.
///
/// Nextest gives one to all processes of a run. `cargo test` gives none, but is the parent of its
/// test programs. A program that was started by hand is a run of its own.
pub(super) fn current() -> String {
    let variable = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    match (variable("NEXTEST_RUN_ID"), variable("CARGO_MANIFEST_DIR")) {
        (Some(id), _) => format!("nextest {id}"),
        (None, Some(_)) => process(std::os::unix::process::parent_id()),
        (None, None) => process(std::process::id()),
    }
}

/// Returns a name of a process that no later process has: its number and its start.
fn process(number: u32) -> String {
    let start = fs::read_to_string(format!("/proc/{number}/stat"))
        .ok()
        .and_then(|text| start_in_stat(&text))
        .or_else(|| start_from_ps(number))
        .unwrap_or_default();
    format!("process {number} {start}")
}

/// Returns the time of the start, in ticks since the host's: field 22. The second one, the
/// program's name in parentheses, may contain blanks.
fn start_in_stat(text: &str) -> Option<String> {
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// Asks `ps`, for systems without `/proc`.
fn start_from_ps(number: u32) -> Option<String> {
    let mut ps = Command::new("ps");
    let output = ps
        .args(["-o", "lstart=", "-p", &number.to_string()])
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
        let this = process(std::process::id());
        assert_eq!(this, process(std::process::id()));
        assert!(this.split(' ').count() > 2, "{this}");
        assert_ne!(this, process(std::os::unix::process::parent_id()));
    }

    #[test]
    fn the_start_is_found_after_any_name() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(start_in_stat(stat).unwrap(), "4711");
    }
}

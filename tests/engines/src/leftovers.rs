//! What a process leaves behind: its descendants, by number, and the files in its TMPDIR.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A process as `/proc` shows it.
struct Entry {
    pid: i32,
    parent: i32,
    zombie: bool,
}

fn entries() -> Vec<Entry> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut fields = stat.rsplit_once(") ")?.1.split(' ');
            let zombie = fields.next()? == "Z";
            let parent = fields.next()?.parse().ok()?;
            Some(Entry {
                pid,
                parent,
                zombie,
            })
        })
        .collect()
}

/// All descendants of `pid`, zombies too.
pub fn descendants(pid: u32) -> BTreeSet<i32> {
    let entries = entries();
    let mut found = BTreeSet::from([pid.cast_signed()]);
    loop {
        let children = entries.iter().filter(|entry| found.contains(&entry.parent));
        let more: BTreeSet<i32> = children.map(|entry| entry.pid).collect();
        if more.is_subset(&found) {
            found.remove(&pid.cast_signed());
            return found;
        }
        found.extend(more);
    }
}

/// Those of `pids` that still run. An orphan's zombie is its new parent's business.
pub fn running(pids: &BTreeSet<i32>) -> BTreeSet<i32> {
    let entries = entries().into_iter().filter(|entry| !entry.zombie);
    entries
        .map(|entry| entry.pid)
        .filter(|pid| pids.contains(pid))
        .collect()
}

/// Waits up to `limit` until none of `pids` runs and `tmp` is empty; says what is left.
pub fn gone_within(limit: Duration, pids: &BTreeSet<i32>, tmp: &Path) -> Result<Duration, String> {
    let since = Instant::now();
    loop {
        let processes = running(pids);
        let files: Vec<_> = fs::read_dir(tmp)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        if processes.is_empty() && files.is_empty() {
            return Ok(since.elapsed());
        }
        if since.elapsed() > limit {
            return Err(format!(
                "left after {limit:?}: processes {processes:?}, files {files:?}"
            ));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The children of this process that are an emulator: neither ended nor the cleanup helper.
pub fn emulators() -> BTreeSet<i32> {
    let children = descendants(std::process::id());
    children
        .into_iter()
        .filter(|pid| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            !command
                .windows(21)
                .any(|window| window == b"virtual-target-reaper")
        })
        .collect()
}

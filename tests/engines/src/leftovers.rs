//! The resources of a process and its leftovers: its descendants by process id, its
//! descriptors and sockets, and the files in its TMPDIR.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
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

/// Returns all descendants of `pid`, including zombies.
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

/// Returns the processes whose environment names `tmp`, which all processes started there
/// inherit.
pub fn processes_with_tmpdir(tmp: &Path) -> BTreeSet<i32> {
    let mark = tmp.to_string_lossy();
    let has_mark = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(mark.as_ref()))
    };
    entries()
        .into_iter()
        .map(|entry| entry.pid)
        .filter(has_mark)
        .collect()
}

/// Returns those of `pids` that still run. The zombie of an orphan is left to its new parent.
pub fn running(pids: &BTreeSet<i32>) -> BTreeSet<i32> {
    let entries = entries().into_iter().filter(|entry| !entry.zombie);
    entries
        .map(|entry| entry.pid)
        .filter(|pid| pids.contains(pid))
        .collect()
}

/// Waits up to `limit` until none of `pids` runs and no file of the process
/// `owner`, whose TMPDIR is `tmp`, exists; the error lists what is left.
pub fn gone_within(
    limit: Duration,
    pids: &BTreeSet<i32>,
    tmp: &Path,
    owner: i32,
) -> Result<Duration, String> {
    let since = Instant::now();
    loop {
        let processes = running(pids);
        let mut files = paths(tmp, "");
        // If the name of TMPDIR has special characters, there is a link as well.
        files.extend(paths(
            Path::new("/tmp"),
            &format!("virtual-target-{owner}-"),
        ));
        if processes.is_empty() && files.is_empty() {
            return Ok(since.elapsed());
        }
        if since.elapsed() > limit {
            return Err(format!(
                "left after {limit:?}: processes {processes:?}, files {files:?}"
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the entries of `directory` whose names begin with `prefix`.
pub fn paths(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.path()).collect()
}

/// Returns the number of sockets of `pids` that listen, on the network or locally.
pub fn listening_sockets(pids: &BTreeSet<i32>) -> Result<usize, String> {
    let mut listening = BTreeSet::new();
    for (table, state, listens, inode) in [
        ("tcp", 3, "0A", 9),
        ("tcp6", 3, "0A", 9),
        ("udp", 3, "07", 9),
        ("udp6", 3, "07", 9),
        ("unix", 3, "00010000", 6),
    ] {
        let path = format!("/proc/net/{table}");
        // A kernel without IPv6 has no tables for it.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.get(state) == Some(&listens) {
                listening.extend(fields.get(inode).map(|inode| format!("socket:[{inode}]")));
            }
        }
    }
    let held = pids.iter().flat_map(|pid| open_files(*pid));
    Ok(held
        .filter(|file| listening.contains(file))
        .collect::<BTreeSet<_>>()
        .len())
}

/// Returns the targets of the descriptors of `pid`, such as `pipe:[123]`.
pub fn open_files(pid: i32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    links
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}

/// Returns the processes that have a file in `directory` open, other than this one.
pub fn processes_with_files_in(directory: &Path) -> BTreeSet<i32> {
    let inside = |file: &String| Path::new(file).starts_with(directory);
    let pids = entries().into_iter().map(|entry| entry.pid);
    pids.filter(|pid| pid.cast_unsigned() != std::process::id())
        .filter(|pid| open_files(*pid).iter().any(inside))
        .collect()
}

/// Returns the resources of this process: descriptors, threads, and resident memory in KiB.
pub fn held() -> (usize, usize, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    };
    let threads = number("Threads:");
    (
        open_files(std::process::id().cast_signed()).len(),
        threads as usize,
        number("VmRSS:"),
    )
}

/// Asserts that no emulator of this process is left. A Renode may wait for the board of another test
/// where those of a run share Renodes, or where those of a program share a process.
#[track_caller]
pub fn assert_no_emulators(what: &str) {
    let is_alone = match std::env::var("VTARGET_REUSE").as_deref() {
        Ok("off") => true,
        Ok("run") => false,
        _ => std::env::var_os("NEXTEST_EXECUTION_MODE").is_some(),
    };
    if is_alone {
        assert_eq!(emulators(), BTreeSet::new(), "{what}");
    }
}

/// Returns the children of this process that are emulators: not exited, not between fork and
/// exec, and neither the cleanup helper nor its launcher (`setpriv … true`).
pub fn emulators() -> BTreeSet<i32> {
    let children = running(&descendants(std::process::id()));
    let command_of = |pid: &str| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).into_owned()
    };
    let own = command_of("self");
    let is_emulator = |pid: &i32| {
        let command = command_of(&pid.to_string());
        let on_the_way = command.is_empty() || command == own;
        let is_helper = command.contains("virtual-target-reaper")
            || command.starts_with("setpriv")
            || command == "true\0";
        !on_the_way && !is_helper
    };
    children.into_iter().filter(is_emulator).collect()
}

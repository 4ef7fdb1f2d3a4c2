//! [`Activity`]: how much a process works, so that one that hangs is told from one on a busy host,
//! and how much memory it takes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use super::Process;
use super::stat::Stat;

/// What the processes of a group have done so far, and whether they want to do more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// The processor time that they have used.
    pub(crate) used: Duration,
    /// True if a thread of theirs executes, or waits for a processor or the disk.
    pub(crate) wants_to_run: bool,
    /// The memory that they occupy, in bytes.
    pub(crate) memory: u64,
}

impl Process {
    /// Returns what the process and its group do; `None` on a system that does not tell, and once
    /// the process is reaped.
    pub(crate) fn activity(&self) -> Option<Activity> {
        self.unless_reaped(|group| of_group(group.as_raw()))?
    }
}

fn of_group(group: i32) -> Option<Activity> {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??.unsigned_abs();
    let mut activity = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        if name.to_str().is_none_or(|it| it.parse::<u32>().is_err()) {
            continue;
        }
        // A process may end at any moment.
        let Some(text) = stat(&entry.path()) else {
            continue;
        };
        let Some(process) = Stat::parse(&text).filter(|it| it.group == group) else {
            continue;
        };
        let of_all: &mut Activity = activity.get_or_insert_default();
        of_all.used += process.used;
        of_all.memory += page * process.pages;
        of_all.wants_to_run |= has_thread_that_wants_to_run(&entry.path());
    }
    activity
}

fn has_thread_that_wants_to_run(process: &Path) -> bool {
    let threads = fs::read_dir(process.join("task"));
    let mut threads = threads.into_iter().flatten().flatten();
    threads.any(|thread| {
        let text = stat(&thread.path()).unwrap_or_default();
        Stat::parse(&text).is_some_and(|it| matches!(it.state, "R" | "D"))
    })
}

fn stat(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join("stat")).ok()
}

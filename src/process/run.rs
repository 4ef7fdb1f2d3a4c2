//! [`Run`]: the test run to which this process belongs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::getppid;

use super::error::Missing;
use super::private_dir::{PLAIN, is_plain};
use super::stat::Stat;

/// The file in the directory of an emulator that has no owner: the number of its keeper and the time
/// at which that began, the time in seconds after which it is ended, and the time at which it was
/// parked, in nanoseconds.
pub(super) const PARKED: &str = "parked";

/// An emulator of a run that has no owner.
pub(crate) struct Parked {
    pub(crate) directory: PathBuf,
    /// When it was parked.
    pub(crate) since: SystemTime,
    /// The time in seconds after which it is ended.
    pub(crate) longest_idle: u32,
}

impl Parked {
    /// `None` if it is not parked.
    fn read(directory: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(directory.join(PARKED)).ok()?;
        let mut words = text.split_whitespace().skip(2);
        let longest_idle = words.next()?.parse().ok()?;
        let since = Duration::from_nanos(words.next()?.parse().ok()?);
        Some(Self {
            directory,
            since: UNIX_EPOCH + since,
            longest_idle,
        })
    }
}

/// A test run: the process that has started this one, such as nextest or cargo, until that process
/// ends.
#[derive(Debug)]
pub(crate) struct Run {
    /// The process number of the runner.
    pub(super) runner: i32,
    /// The time at which the runner began, which differs between processes with the same number.
    pub(super) began: u64,
    /// The directory of the private directories that outlive this process.
    pub(super) parent: PathBuf,
}

impl Run {
    /// Returns the run of this process.
    pub(crate) fn current() -> io::Result<Self> {
        let runner = getppid().as_raw();
        let began = began(runner).ok_or(Missing::Parent)?;
        let temporary = std::path::absolute(std::env::temp_dir())?;
        let parent = match is_plain(&temporary) {
            true => temporary,
            false => PLAIN.into(),
        };
        Ok(Self {
            runner,
            began,
            parent,
        })
    }

    /// Returns true once the runner has ended.
    pub(super) fn is_over(&self) -> bool {
        began(self.runner) != Some(self.began)
    }

    /// Returns the beginning of the names of this run's directories.
    pub(super) fn prefix(&self) -> String {
        format!("virtual-target-run-{}-{}", self.runner, self.began)
    }

    /// Returns the directories of its emulators.
    pub(crate) fn emulators(&self) -> Vec<PathBuf> {
        let prefix = self.prefix() + "-";
        let entries = fs::read_dir(&self.parent).into_iter().flatten().flatten();
        let named = entries.filter(|it| it.file_name().to_string_lossy().starts_with(&prefix));
        let directories = named.map(|entry| entry.path());
        directories.filter(|it| is_ours(it)).collect()
    }

    /// Returns the emulators that are parked, those first that have been parked for the longest
    /// time.
    pub(crate) fn parked(&self) -> Vec<Parked> {
        let emulators = self.emulators().into_iter();
        let mut parked: Vec<Parked> = emulators.filter_map(Parked::read).collect();
        parked.sort_by_key(|it| it.since);
        parked
    }
}

/// Returns true for a directory that this user has made: another user may use such a name, too.
fn is_ours(directory: &Path) -> bool {
    let user = fs::metadata("/proc/self").map(|it| it.uid()).ok();
    let made = fs::symlink_metadata(directory).ok();
    made.is_some_and(|it| it.is_dir() && Some(it.uid()) == user)
}

/// Returns the time at which a process began, in ticks since the start of the system; `None` if it
/// has ended.
pub(crate) fn began(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let stat = Stat::parse(&stat)?;
    (!matches!(stat.state, "Z" | "X")).then_some(stat.began)
}

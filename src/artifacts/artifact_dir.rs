//! [`ArtifactDir`]: the directory of a target's artifacts, `target/virtual-target/TEST`.
//!
//! It contains `attempt-N` for repeated attempts and `target-N` for further targets of the same
//! test. If one target of a test fails, the test fails: the directories of all its targets that
//! exist at that moment are kept. Another process that runs the same test at the same time uses
//! `process-N` in it. The number of directories is limited.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::dir_lock::{DirLock, clear, remove_empty};
use super::error::Contended;
use super::page;
use super::target_directory::target_directory;
use super::test_name::TestName;
use crate::sync::lock;

/// The directory of the coverage, which is of all tests.
pub(crate) const COVERAGE: &str = "coverage";

/// The maximum number of targets' directories that are kept of one test in one process.
const MAX_TARGETS: u32 = 16;
/// The maximum number of tests with a directory; the oldest are removed.
const MAX_TESTS: usize = 500;
/// The maximum number of processes that run one test at the same time.
const MAX_PROCESSES: u32 = 100;
/// The number of directories that one process has locked, above which it releases the locks of
/// ended tests: each lock needs a descriptor.
const MAX_LOCKED: usize = 32;

/// A directory of one target, created by the first write.
#[derive(Debug)]
pub(crate) struct ArtifactDir {
    process: &'static ProcessDirs,
    root: PathBuf,
    base: PathBuf,
    number: u32,
    path: PathBuf,
    made: bool,
    kept: bool,
    failed: Failed,
}

/// A flag that is set if the test fails while the target exists.
type Failed = Arc<AtomicBool>;

/// The numbers of one test's targets that this process uses.
#[derive(Debug, Default)]
pub(crate) struct UsedNumbers {
    /// The test's directory, or this process's own in it; none before the first write.
    home: Option<Home>,
    live: BTreeMap<u32, Failed>,
    /// The kept numbers, the oldest first.
    kept: VecDeque<u32>,
}

#[derive(Debug)]
struct Home {
    path: PathBuf,
    _lock: DirLock,
}

/// The numbers that one process uses, by the tests' directories.
pub(crate) type ProcessDirs = Mutex<BTreeMap<PathBuf, UsedNumbers>>;

static THIS_PROCESS: ProcessDirs = Mutex::new(BTreeMap::new());

impl ArtifactDir {
    /// Claims a directory for a target of `test`. Artifacts of an earlier run are removed.
    pub(crate) fn claim(test: &TestName) -> Self {
        Self::claim_in(
            target_directory().join("virtual-target"),
            test,
            &THIS_PROCESS,
        )
    }

    pub(crate) fn claim_in(root: PathBuf, test: &TestName, process: &'static ProcessDirs) -> Self {
        let mut base = root.join(&test.name);
        if test.attempt > 1 {
            base.push(format!("attempt-{}", test.attempt));
        }
        let mut all = lock(process);
        let mut cleared = false;
        let used = all.entry(base.clone()).or_insert_with(|| {
            // Usually it does not exist. If it cannot be removed, another one is created in it.
            cleared = base.exists();
            clear(&base);
            UsedNumbers::default()
        });
        let (number, failed) = used.claim();
        drop(all);
        if cleared && root.join(page::PAGE).exists() {
            // It may show a failure of the test that no longer exists.
            page::update(&root);
        }
        Self {
            process,
            root,
            number,
            path: base.clone(),
            base,
            made: false,
            kept: false,
            failed,
        }
    }

    /// Returns the directory's path, which is final once the directory was [made](Self::make).
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the directory of all tests.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Creates the directory, unless this was done before, and returns its path.
    pub(crate) fn make(&mut self) -> io::Result<&Path> {
        if !self.made {
            let mut all = lock(self.process);
            release_one_lock(&mut all);
            let used = all.entry(self.base.clone()).or_default();
            if used.home.is_none() {
                if !self.base.exists() {
                    prune(&self.root);
                }
                used.home = Some(Home::take(&self.base)?);
            }
            if let Some(home) = &used.home {
                self.path = home.target(self.number);
            }
            remove_files(&self.path);
            fs::create_dir_all(&self.path)?;
            self.made = true;
        }
        Ok(&self.path)
    }

    /// Records that the test has failed, for all its existing targets.
    pub(crate) fn fail(&self) {
        if let Some(used) = lock(self.process).get(&self.base) {
            let failed = used.live.values();
            failed.for_each(|failed| failed.store(true, Ordering::Relaxed));
        }
    }

    /// Returns true if the test has failed since the directory was claimed.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Keeps the directory after this value is dropped.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    /// Removes the directory.
    pub(crate) fn remove(&mut self) {
        if self.made {
            remove_files(&self.path);
            self.made = false;
            if let Some(used) = lock(self.process).get_mut(&self.base) {
                if self.number > 1 {
                    let _ = fs::remove_dir(&self.path);
                }
                // Not removed while another target's directory is in it.
                let gone = |home: &mut Home| fs::remove_dir(&home.path).is_ok();
                if used
                    .home
                    .take_if(gone)
                    .is_some_and(|home| home.path != self.base)
                {
                    remove_empty(&self.base);
                }
            }
        }
    }
}

impl Drop for ArtifactDir {
    fn drop(&mut self) {
        if let Some(used) = lock(self.process).get_mut(&self.base) {
            used.live.remove(&self.number);
            if self.kept {
                used.kept.push_back(self.number);
            }
        }
    }
}

impl UsedNumbers {
    fn claim(&mut self) -> (u32, Failed) {
        let free = |n: &u32| !self.live.contains_key(n) && !self.kept.contains(n);
        let lowest = (1..).find(free).unwrap_or(1);
        let number = match self.kept.front() {
            Some(oldest) if lowest > MAX_TARGETS => *oldest,
            _ => lowest,
        };
        self.kept.retain(|kept| *kept != number);
        let failed = Failed::default();
        self.live.insert(number, Arc::clone(&failed));
        (number, failed)
    }
}

impl Home {
    /// Locks the directory `base`, or one in it if another process uses `base`.
    fn take(base: &Path) -> io::Result<Self> {
        let others = (2..=MAX_PROCESSES).map(|n| base.join(format!("process-{n}")));
        for path in std::iter::once(base.to_owned()).chain(others) {
            if let Some(lock) = DirLock::create(&path)?
                && is_vacant(&path)?
            {
                return Ok(Self { path, _lock: lock });
            }
        }
        Err(Contended::InUse(MAX_PROCESSES).into())
    }

    fn target(&self, number: u32) -> PathBuf {
        match number {
            1 => self.path.clone(),
            _ => self.path.join(format!("target-{number}")),
        }
    }
}

/// Returns true if a directory contains no target's artifacts; an exited process may have left some.
fn is_vacant(directory: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("attempt-") && !name.starts_with("process-") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Releases the lock of an ended test if the process has locked many directories.
fn release_one_lock(all: &mut BTreeMap<PathBuf, UsedNumbers>) {
    let locked = all.values().filter(|used| used.home.is_some()).count();
    let over = |used: &&mut UsedNumbers| used.home.is_some() && used.live.is_empty();
    if locked >= MAX_LOCKED
        && let Some(used) = all.values_mut().find(over)
    {
        used.home = None;
    }
}

/// Removes the files of a target's directory, but not the directories of other targets in it.
fn remove_files(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let _ = fs::remove_file(entry.path());
    }
}

/// Removes the oldest tests' directories, so that one more test is within the limit: first those
/// without a failure.
fn prune(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    let mut tests: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
        .filter(|(data, path)| data.is_dir() && !path.ends_with(COVERAGE))
        .filter_map(|(data, path)| Some((data.modified().ok()?, path)))
        .collect();
    let excess = (tests.len() + 1).saturating_sub(MAX_TESTS);
    if excess > 0 {
        tests.sort_by_cached_key(|(modified, path)| (page::has_failure(path), *modified));
    }
    for (_, oldest) in tests.into_iter().take(excess) {
        clear(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, attempt: u32) -> TestName {
        TestName {
            name: name.into(),
            attempt,
        }
    }

    fn claim_in(root: &tempfile::TempDir, test: &TestName) -> ArtifactDir {
        ArtifactDir::claim_in(root.path().into(), test, &THIS_PROCESS)
    }

    fn process() -> &'static ProcessDirs {
        Box::leak(Box::default())
    }

    fn kept(mut place: ArtifactDir, text: &str) {
        fs::write(place.make().unwrap().join("uart.log"), text).unwrap();
        place.keep();
    }

    #[test]
    fn a_new_run_replaces_directories_and_a_retry_adds_one() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("t/attempt-2")).unwrap();
        fs::create_dir_all(at("t/target-2")).unwrap();
        fs::write(at("t/uart.log"), "old").unwrap();
        let first = claim_in(&root, &test("t", 1));
        assert!(!at("t").exists());
        kept(first, "first");
        kept(claim_in(&root, &test("t", 2)), "second");
        assert_eq!(fs::read_to_string(at("t/uart.log")).unwrap(), "first");
        assert_eq!(
            fs::read_to_string(at("t/attempt-2/uart.log")).unwrap(),
            "second"
        );
    }

    #[test]
    fn targets_of_one_test_have_separate_directories() {
        let root = tempfile::tempdir().unwrap();
        let claim = || claim_in(&root, &test("t", 1));
        let (mut one, mut two) = (claim(), claim());
        let second = two.make().unwrap().to_owned();
        assert_eq!(second, root.path().join("t/target-2"));
        assert_eq!(one.make().unwrap(), root.path().join("t"));
        one.remove();
        drop(one);
        assert!(second.is_dir());
        two.remove();
        drop(two);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert_eq!(claim().path(), root.path().join("t"));
    }

    #[test]
    fn a_failure_marks_all_existing_targets_of_the_test() {
        let root = tempfile::tempdir().unwrap();
        let claim = |name| claim_in(&root, &test(name, 1));
        let (one, two, other) = (claim("t"), claim("t"), claim("other"));
        assert!(!one.failed() && !two.failed());
        two.fail();
        assert!(one.failed() && two.failed() && !other.failed());
        // The failure does not mark a target that is made afterwards.
        assert!(!claim("t").failed());
        drop(two);
        assert!(!claim("t").failed());
    }

    #[test]
    fn the_oldest_kept_target_is_removed_first() {
        let root = tempfile::tempdir().unwrap();
        let claim = || claim_in(&root, &test("t", 1));
        for n in 0..=MAX_TARGETS {
            kept(claim(), &n.to_string());
        }
        let first = fs::read_to_string(root.path().join("t/uart.log")).unwrap();
        assert_eq!(first, MAX_TARGETS.to_string());
        let directories = fs::read_dir(root.path().join("t")).unwrap();
        assert_eq!(directories.count() as u32, MAX_TARGETS);
    }

    #[test]
    fn the_oldest_test_is_removed_first() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(COVERAGE)).unwrap();
        for n in 0..MAX_TESTS {
            fs::create_dir(root.path().join(format!("t{n}"))).unwrap();
        }
        kept(claim_in(&root, &test("new", 1)), "");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), MAX_TESTS + 1);
        assert!(root.path().join(COVERAGE).exists());
        assert!(root.path().join("new").exists());
    }

    #[test]
    fn a_failure_is_removed_last() {
        let root = tempfile::tempdir().unwrap();
        let failed = root.path().join("t0/attempt-2");
        fs::create_dir_all(&failed).unwrap();
        fs::write(failed.join(page::MESSAGE), "").unwrap();
        for n in 1..MAX_TESTS {
            fs::create_dir(root.path().join(format!("t{n}"))).unwrap();
        }
        kept(claim_in(&root, &test("new", 1)), "");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), MAX_TESTS);
        assert!(failed.exists());
    }

    #[test]
    fn concurrent_processes_of_one_test_have_separate_directories() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        let read = |path: &str| fs::read_to_string(at(path)).unwrap();
        let (one, two, three) = (process(), process(), process());
        let claim = |process| ArtifactDir::claim_in(root.path().into(), &test("t", 1), process);

        let early = claim(two);
        kept(claim(one), "one");
        // One process begins now; another began before there were any artifacts.
        let (mut passes, retry) = (claim(three), test("t", 2));
        kept(early, "two");
        assert_eq!(passes.make().unwrap(), at("t/process-3"));
        passes.remove();
        assert!(!at("t/process-3").exists());
        kept(
            ArtifactDir::claim_in(root.path().into(), &retry, three),
            "retry",
        );
        kept(claim(one), "one more");
        assert_eq!(read("t/uart.log"), "one");
        assert_eq!(read("t/target-2/uart.log"), "one more");
        assert_eq!(read("t/process-2/uart.log"), "two");
        assert_eq!(read("t/attempt-2/uart.log"), "retry");

        // The processes exit one after the other, and others begin.
        lock(one).clear();
        let fresh = claim(process());
        assert!(!at("t/uart.log").exists() && !at("t/target-2").exists());
        assert_eq!(read("t/process-2/uart.log"), "two");
        assert_eq!(read("t/attempt-2/uart.log"), "retry");
        kept(fresh, "fresh");
        assert_eq!(read("t/uart.log"), "fresh");
        lock(two).clear();
        lock(three).clear();
        drop(claim(process()));
        assert_eq!(read("t/uart.log"), "fresh");
    }

    #[test]
    fn a_concurrent_process_keeps_the_files_of_an_exited_one() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (process(), process());
        let claim = |process| ArtifactDir::claim_in(root.path().into(), &test("t", 1), process);
        let slow = claim(two);
        kept(claim(one), "one");
        lock(one).clear();
        kept(slow, "two");
        let read = |path| fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(read("t/uart.log"), "one");
        assert_eq!(read("t/process-2/uart.log"), "two");
        // The next run removes all of it.
        lock(two).clear();
        drop(claim(process()));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_process_with_many_failed_tests_holds_few_directories() {
        let root = tempfile::tempdir().unwrap();
        let process = process();
        for n in 0..2 * MAX_LOCKED {
            let test = test(&n.to_string(), 1);
            kept(
                ArtifactDir::claim_in(root.path().into(), &test, process),
                "",
            );
        }
        let all = lock(process);
        let held = all.values().filter(|used| used.home.is_some());
        assert_eq!(held.count(), MAX_LOCKED);
    }
}

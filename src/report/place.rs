//! Where a target's artifacts are: `target/virtual-target/TEST`, in it
//! `attempt-N` for repeated attempts and `target-N` for further targets of the
//! same test. When one target of a test fails, the test does: the directories of all
//! its targets that are there at that moment are to be kept. Bounded in number; knows
//! nothing of what is in them.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::{TestName, lock};

/// Of one test in one process, no more than this many targets' directories are kept.
const MOST_TARGETS: u32 = 16;
/// Of all tests, no more than this many: the oldest go.
const MOST_TESTS: usize = 500;

/// A directory of one target, which exists once something is to be written.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    base: PathBuf,
    number: u32,
    path: PathBuf,
    made: bool,
    kept: bool,
    failed: Failed,
}

/// Whether the test has failed while its target was there.
type Failed = Arc<AtomicBool>;

/// Which numbers of a test's directory are taken in this process.
#[derive(Debug, Default)]
struct Taken {
    live: BTreeMap<u32, Failed>,
    /// The oldest first.
    kept: VecDeque<u32>,
}

static TAKEN: Mutex<BTreeMap<PathBuf, Taken>> = Mutex::new(BTreeMap::new());

impl Place {
    /// A place of its own for a target of `test`. What an earlier run has left is removed.
    pub(super) fn claim(test: &TestName) -> Self {
        Self::claim_in(target_directory().join("virtual-target"), test)
    }

    fn claim_in(root: PathBuf, test: &TestName) -> Self {
        let mut base = root.join(&test.name);
        if test.attempt > 1 {
            base.push(format!("attempt-{}", test.attempt));
        }
        let mut all = lock(&TAKEN);
        let taken = all.entry(base.clone()).or_insert_with(|| {
            // There is nothing, as a rule; what cannot be removed is written over.
            let _ = fs::remove_dir_all(&base);
            Taken::default()
        });
        let (number, failed) = taken.claim();
        let path = match number {
            1 => base.clone(),
            _ => base.join(format!("target-{number}")),
        };
        remove_files(&path);
        Self {
            root,
            base,
            number,
            path,
            made: false,
            kept: false,
            failed,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that the directory exists.
    pub(super) fn make(&mut self) -> io::Result<&Path> {
        if !self.made {
            if !self.root.join(&self.base).exists() {
                prune(&self.root);
            }
            fs::create_dir_all(&self.path)?;
            self.made = true;
        }
        Ok(&self.path)
    }

    /// The test has failed, for this target and those beside it.
    pub(super) fn fail(&self) {
        if let Some(taken) = lock(&TAKEN).get(&self.base) {
            let failed = taken.live.values();
            failed.for_each(|failed| failed.store(true, Ordering::Relaxed));
        }
    }

    /// Whether the test has failed since the place was claimed.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The directory stays.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Removes the directory.
    pub(super) fn remove(&mut self) {
        if self.made {
            remove_files(&self.path);
            let _ = fs::remove_dir(&self.base); // unless another target's is in it
            self.made = false;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(taken) = lock(&TAKEN).get_mut(&self.base) {
            taken.live.remove(&self.number);
            if self.kept {
                taken.kept.push_back(self.number);
            }
        }
    }
}

impl Taken {
    fn claim(&mut self) -> (u32, Failed) {
        let free = |n: &u32| !self.live.contains_key(n) && !self.kept.contains(n);
        let lowest = (1..).find(free).unwrap_or(1);
        let number = match self.kept.front() {
            Some(oldest) if lowest > MOST_TARGETS => *oldest,
            _ => lowest,
        };
        self.kept.retain(|kept| *kept != number);
        let failed = Failed::default();
        self.live.insert(number, Arc::clone(&failed));
        (number, failed)
    }
}

/// Removes what is in a target's directory, but not other targets' in it.
fn remove_files(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let _ = fs::remove_file(entry.path());
    }
    let _ = fs::remove_dir(directory);
}

/// Makes room for one more test.
fn prune(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    let mut tests: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    let excess = (tests.len() + 1).saturating_sub(MOST_TESTS);
    tests.sort();
    for (_, oldest) in tests.into_iter().take(excess) {
        let _ = fs::remove_dir_all(oldest);
    }
}

/// Cargo's target directory: what `CARGO_TARGET_DIR` says, else the one this
/// program was built into, else `target` in the current directory.
fn target_directory() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // A relative one is relative to where cargo was called, which nobody knows here.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, attempt: u32) -> TestName {
        TestName {
            name: name.into(),
            attempt,
        }
    }

    fn kept(mut place: Place, text: &str) {
        fs::write(place.make().unwrap().join("uart.log"), text).unwrap();
        place.keep();
    }

    #[test]
    fn a_fresh_run_replaces_and_a_further_attempt_adds() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("t/attempt-2")).unwrap();
        fs::create_dir_all(at("t/target-2")).unwrap();
        fs::write(at("t/uart.log"), "old").unwrap();
        let first = Place::claim_in(root.path().into(), &test("t", 1));
        assert!(!at("t").exists());
        kept(first, "first");
        kept(Place::claim_in(root.path().into(), &test("t", 2)), "second");
        assert_eq!(fs::read_to_string(at("t/uart.log")).unwrap(), "first");
        assert_eq!(
            fs::read_to_string(at("t/attempt-2/uart.log")).unwrap(),
            "second"
        );
    }

    #[test]
    fn targets_of_one_test_do_not_share_and_leave_nothing_unless_kept() {
        let root = tempfile::tempdir().unwrap();
        let claim = || Place::claim_in(root.path().into(), &test("t", 1));
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
    fn one_failure_is_that_of_all_targets_that_are_there() {
        let root = tempfile::tempdir().unwrap();
        let claim = |name| Place::claim_in(root.path().into(), &test(name, 1));
        let (one, two, other) = (claim("t"), claim("t"), claim("other"));
        assert!(!one.failed() && !two.failed());
        two.fail();
        assert!(one.failed() && two.failed() && !other.failed());
        // A target that is made afterwards has a story of its own.
        assert!(!claim("t").failed());
        drop(two);
        assert!(!claim("t").failed());
    }

    #[test]
    fn the_oldest_kept_target_makes_room() {
        let root = tempfile::tempdir().unwrap();
        let claim = || Place::claim_in(root.path().into(), &test("t", 1));
        for n in 0..=MOST_TARGETS {
            kept(claim(), &n.to_string());
        }
        let first = fs::read_to_string(root.path().join("t/uart.log")).unwrap();
        assert_eq!(first, MOST_TARGETS.to_string());
        let directories = fs::read_dir(root.path().join("t")).unwrap();
        assert_eq!(directories.count() as u32, MOST_TARGETS);
    }

    #[test]
    fn the_oldest_test_makes_room() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..MOST_TESTS {
            fs::create_dir(root.path().join(format!("t{n}"))).unwrap();
        }
        kept(Place::claim_in(root.path().into(), &test("new", 1)), "");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), MOST_TESTS);
        assert!(root.path().join("new").exists());
    }
}

//! [`Failure`]: a directory that a failed test has left, or one that has not ended. [`unfailed`]
//! finds the directories of the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::artifacts::dir_lock::DirLock;

/// The file with the message of the failure; only the directory of a failed test has one.
pub(in crate::artifacts) const MESSAGE: &str = "failure.txt";

/// The file of a test that has no result so far; its time is that of the begin.
pub(in crate::artifacts) const UNFINISHED: &str = "unfinished.txt";

/// The file that each board's directory has.
pub(in crate::artifacts) const CONFIGURATION: &str = "configuration.txt";

/// The time after which a test that runs is shown.
pub(in crate::artifacts) const LONG: Duration = Duration::from_secs(11);

/// The depth of the deepest directory: test, attempt, process, target.
const MAX_DEPTH: usize = 4;

/// The directory of one board of a failed test.
#[derive(Debug)]
pub(super) struct Failure {
    /// Relative to the directory of all tests; its first part is the test's name.
    pub(super) path: String,
    pub(super) directory: PathBuf,
    pub(super) modified: SystemTime,
    pub(super) result: TestResult,
}

/// What is known of the result of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TestResult {
    Failed,
    /// It runs, for a long time already.
    None,
    /// Its process has ended without a result.
    Killed,
}

impl Failure {
    /// Returns the failures in the directories of all tests, the last one first, those of one test
    /// next to each other.
    pub(super) fn all(root: &Path) -> Vec<Vec<Self>> {
        let mut tests: Vec<Vec<Self>> = Vec::new();
        for (name, directory) in subdirectories(root) {
            let mut failures = Vec::new();
            walk(&name, &directory, 1, &mut |path, directory| {
                if let Some((modified, result)) = result(directory) {
                    failures.push(Self {
                        path: path.to_owned(),
                        directory: directory.to_owned(),
                        modified,
                        result,
                    });
                }
            });
            failures.sort_by(|a, b| a.path.cmp(&b.path));
            tests.push(failures);
        }
        tests.retain(|failures| !failures.is_empty());
        let last = |failures: &Vec<Self>| failures.iter().map(|failure| failure.modified).max();
        tests.sort_by(|a, b| last(b).cmp(&last(a)).then(a[0].path.cmp(&b[0].path)));
        tests
    }

    /// Returns the test's name, and the number of the attempt, the process and the target.
    pub(super) fn names(&self) -> (&str, Option<String>) {
        match self.path.split_once('/') {
            Some((test, rest)) => (test, Some(rest.replace('-', " ").replace('/', ", "))),
            None => (&self.path, None),
        }
    }
}

/// Returns the directories of boards on which nothing has failed, sorted, each with its path below
/// that of all tests.
pub(super) fn unfailed(root: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (name, directory) in subdirectories(root) {
        walk(&name, &directory, 1, &mut |path, directory| {
            let has = |file| directory.join(file).exists();
            if has(CONFIGURATION) && !has(MESSAGE) && !has(UNFINISHED) {
                found.push((path.to_owned(), directory.to_owned()));
            }
        });
    }
    found.sort();
    found
}

/// Returns true if a test's directory has a failure, or no result.
pub(in crate::artifacts) fn has_failure(directory: &Path) -> bool {
    let mut found = false;
    walk("", directory, 1, &mut |_, inner| {
        found |= inner.join(MESSAGE).exists() || inner.join(UNFINISHED).exists();
    });
    found
}

/// Calls `visit` for a test's directory and those in it, with their paths below that of all tests.
fn walk(path: &str, directory: &Path, depth: usize, visit: &mut impl FnMut(&str, &Path)) {
    visit(path, directory);
    if depth < MAX_DEPTH {
        for (name, inner) in subdirectories(directory) {
            walk(&format!("{path}/{name}"), &inner, depth + 1, visit);
        }
    }
}

/// Returns the result of the test in a directory, and its time; none if it is not shown.
fn result(directory: &Path) -> Option<(SystemTime, TestResult)> {
    let modified = |name| fs::metadata(directory.join(name)).and_then(|it| it.modified());
    // Another process may remove the directory at any moment: then it is no longer a failure.
    if let Ok(failed) = modified(MESSAGE) {
        return Some((failed, TestResult::Failed));
    }
    let began = modified(UNFINISHED).ok()?;
    match is_running(directory) {
        false => Some((began, TestResult::Killed)),
        true if began.elapsed().is_ok_and(|it| it >= LONG) => Some((began, TestResult::None)),
        true => None,
    }
}

/// Returns true unless the process that has locked the directory has ended.
fn is_running(directory: &Path) -> bool {
    // The directory of a further board is in the locked one.
    let name = directory.file_name().map(|name| name.to_string_lossy());
    let is_inner = name.is_some_and(|name| name.starts_with("target-"));
    let locked = directory.parent().filter(|_| is_inner).unwrap_or(directory);
    !DirLock::is_free(locked)
}

/// Returns the directories in a directory; this crate gives all of them names that are UTF-8.
fn subdirectories(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}

//! [`Failure`]: a directory that a failed test has left.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file with the message of the failure; only the directory of a failed test has one.
pub(in crate::artifacts) const MESSAGE: &str = "failure.txt";

/// The depth of the deepest directory: test, attempt, process, target.
const MAX_DEPTH: usize = 4;

/// The directory of one board of a failed test.
#[derive(Debug)]
pub(super) struct Failure {
    /// Relative to the directory of all tests; its first part is the test's name.
    pub(super) path: String,
    pub(super) directory: PathBuf,
    pub(super) modified: SystemTime,
}

impl Failure {
    /// Returns the failures in the directories of all tests, the last one first, those of one test
    /// next to each other.
    pub(super) fn all(root: &Path) -> Vec<Vec<Self>> {
        let mut tests: Vec<Vec<Self>> = Vec::new();
        for (name, directory) in subdirectories(root) {
            let mut failures = Vec::new();
            find(&name, &directory, 1, &mut failures);
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

fn find(path: &str, directory: &Path, depth: usize, found: &mut Vec<Failure>) {
    // Another process may remove the directory at any moment: then it is no longer a failure.
    if let Ok(modified) = fs::metadata(directory.join(MESSAGE)).and_then(|it| it.modified()) {
        found.push(Failure {
            path: path.to_owned(),
            directory: directory.to_owned(),
            modified,
        });
    }
    if depth < MAX_DEPTH {
        for (name, inner) in subdirectories(directory) {
            find(&format!("{path}/{name}"), &inner, depth + 1, found);
        }
    }
}

/// Returns the directories in a directory; this crate gives all of them names that are UTF-8.
fn subdirectories(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}

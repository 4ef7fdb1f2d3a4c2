//! [`Store`]: the directory with `lcov.info`, which all tests and processes of a run share.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lcov::Lines;
use super::run;
use crate::artifacts::{self, DirLock};
use crate::files::replace;

/// The file with the coverage.
pub(super) const FILE: &str = "lcov.info";

/// Returns the directory of the coverage in Cargo's target directory.
pub(super) fn directory_in(target: &Path) -> PathBuf {
    target.join("virtual-target").join(artifacts::COVERAGE)
}

/// The file with the name of the run that the coverage is of.
const RUN: &str = "run";

/// The file with the reasons for which code is left out, a line each.
const NOTES: &str = "not-covered";

/// Reads the reasons for which code is left out, in the directory of the coverage.
pub(super) fn notes_in(directory: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(directory.join(NOTES)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The directory of the coverage.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    run: String,
}

impl Store {
    /// Returns the directory of the run that this process belongs to.
    pub(super) fn of_this_run() -> Self {
        Self {
            directory: directory_in(&artifacts::target_directory()),
            run: run::current(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds lines, and the reasons for which code is left out, to those of the run; those of an
    /// earlier run are discarded.
    pub(super) fn merge(&self, lines: Lines, notes: BTreeSet<String>) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        // Another process has the lock for some milliseconds.
        let _lock = DirLock::wait(&self.directory)?;
        let (file, run) = (self.directory.join(FILE), self.directory.join(RUN));
        if fs::read_to_string(&run).unwrap_or_default() != self.run {
            // In this order: a process that is killed meanwhile leaves nothing that would pass for
            // the coverage of this run.
            remove(&file)?;
            remove(&self.directory.join(NOTES))?;
            replace(&run, &self.run)?;
        }
        let mut all = Lines::default();
        match fs::read_to_string(&file) {
            Ok(text) => all = Lines::parse(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        all.merge(lines);
        let mut all_notes = notes_in(&self.directory);
        all_notes.extend(notes);
        let text: String = all_notes.iter().map(|it| format!("{it}\n")).collect();
        replace(&self.directory.join(NOTES), text)?;
        replace(&file, all.to_string())
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::coverage::lcov::Source;

    fn lines(line: u32, hit: bool) -> Lines {
        let mut source = Source::default();
        source.add_line(line, hit);
        Lines(BTreeMap::from([("/main.c".to_owned(), source)]))
    }

    #[test]
    fn the_tests_of_a_run_are_merged_and_an_earlier_run_is_discarded() {
        let directory = tempfile::tempdir().unwrap();
        let store = |run: &str| Store {
            directory: directory.path().join("coverage"),
            run: run.to_owned(),
        };
        let read = || {
            let text = fs::read_to_string(directory.path().join("coverage/lcov.info"));
            let lines = Lines::parse(&text.unwrap()).unwrap();
            Vec::from_iter(lines.0["/main.c"].lines.clone())
        };
        let notes = || Vec::from_iter(notes_in(&directory.path().join("coverage")));
        let note = |text: &str| BTreeSet::from([text.to_owned()]);
        store("one").merge(lines(1, false), note("b")).unwrap();
        store("one").merge(lines(2, true), note("a")).unwrap();
        assert_eq!(
            (read(), notes()),
            (vec![(1, false), (2, true)], vec!["a".into(), "b".into()])
        );
        store("two").merge(lines(1, true), BTreeSet::new()).unwrap();
        assert_eq!((read(), notes()), (vec![(1, true)], vec![]));
        // An earlier run is discarded even if no line of this one is known.
        store("three").merge(Lines::default(), note("c")).unwrap();
        let text = fs::read_to_string(directory.path().join("coverage/lcov.info"));
        assert_eq!(
            (text.unwrap(), notes()),
            (String::new(), vec!["c".to_owned()])
        );
    }

    #[test]
    fn concurrent_merges_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let directory = directory.path().to_owned();
                scope.spawn(move || {
                    let run = "one".to_owned();
                    let store = Store { directory, run };
                    for line in 1..=20 {
                        let lines = lines(thread * 100 + line, true);
                        store.merge(lines, BTreeSet::new()).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(Lines::parse(&text).unwrap().0["/main.c"].lines.len(), 160);
    }
}

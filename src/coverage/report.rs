//! [`CoverageReport`]: the coverage of the last run of tests.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{CoverageError, NOT_COVERED};
use super::lcov::Lines;
use super::store::{FILE, directory_in, notes_in};
use crate::artifacts::target_directories;
use crate::error::Result;

/// The coverage of the last run of tests, by sources. Its `Display` form is a table, and below it
/// the code whose lines are not known.
///
/// ```no_run
/// use virtual_target::coverage::CoverageReport;
///
/// # fn main() -> virtual_target::Result<()> {
/// let report = CoverageReport::of_last_run(".")?;
/// assert!(report.percent() > 80.0, "{report}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct CoverageReport {
    path: PathBuf,
    files: Vec<FileCoverage>,
    notes: Vec<String>,
}

/// The lines of one source that have code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileCoverage {
    /// The absolute path of the source.
    pub path: PathBuf,
    /// The number of lines that have code.
    pub lines: usize,
    /// The number of these that have run.
    pub hit: usize,
}

impl CoverageReport {
    /// Reads the coverage of the project that `directory` is in: `virtual-target/coverage/lcov.info`
    /// in its target directory, as `cargo metadata` tells it, or in `target` of a directory above it.
    ///
    /// # Errors
    /// [`CoverageError`]: no test with coverage has run, no line of what has run is known, or the
    /// file is damaged.
    pub fn of_last_run(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let from = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Ok(Self::find(&target_directories(&from))?)
    }

    /// Reads the coverage in the first of the target directories that has any.
    fn find(targets: &[PathBuf]) -> Result<Self, CoverageError> {
        let mut places = targets.iter().map(|it| directory_in(it));
        let looked = places.clone().next().unwrap_or_default();
        match places.find(|it| it.join(FILE).is_file()) {
            Some(directory) => Self::read(directory.join(FILE)),
            None => Err(CoverageError::NotThere { looked }),
        }
    }

    fn read(path: PathBuf) -> Result<Self, CoverageError> {
        let lines = fs::read_to_string(&path).and_then(|text| Lines::parse(&text));
        let lines = match lines {
            Ok(lines) => lines.0,
            Err(source) => return Err(CoverageError::File { path, source }),
        };
        let notes = path.parent().map(notes_in).unwrap_or_default();
        let notes = Vec::from_iter(notes);
        if lines.is_empty() {
            return Err(CoverageError::NoLines { path, notes });
        }
        let files = lines.into_iter().map(|(path, source)| FileCoverage {
            path: path.into(),
            lines: source.lines.len(),
            hit: source.lines_hit(),
        });
        Ok(Self {
            path,
            files: files.collect(),
            notes,
        })
    }

    /// Returns the path of `lcov.info`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the sources in the order of their paths.
    pub fn files(&self) -> &[FileCoverage] {
        &self.files
    }

    /// Returns the images whose lines are not known, each with the reason.
    pub fn not_covered(&self) -> &[String] {
        &self.notes
    }

    /// Returns how many of a hundred lines have run.
    pub fn percent(&self) -> f64 {
        let total = self.total();
        percent(total.hit, total.lines)
    }

    fn total(&self) -> FileCoverage {
        let sum = |of: fn(&FileCoverage) -> usize| self.files.iter().map(of).sum();
        FileCoverage {
            path: "total".into(),
            lines: sum(|file| file.lines),
            hit: sum(|file| file.hit),
        }
    }
}

fn percent(hit: usize, lines: usize) -> f64 {
    match lines {
        0 => 100.0,
        // Exact: no program has 2^52 lines.
        _ => hit as f64 * 100.0 / lines as f64,
    }
}

impl fmt::Display for CoverageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = std::env::current_dir().unwrap_or_default();
        let name = |path: &Path| {
            let below = path.strip_prefix(&here).unwrap_or(path);
            below.display().to_string()
        };
        let total = self.total();
        let rows = || self.files.iter().chain([&total]);
        let width = rows().map(|row| name(&row.path).chars().count()).max();
        let width = width.unwrap_or_default();
        write!(f, "{:width$}  lines    hit       %", "file")?;
        for row in rows() {
            let (lines, hit) = (row.lines, row.hit);
            // Rounded down: 100 means all.
            let percent = (percent(hit, lines) * 10.0).floor() / 10.0;
            let name = name(&row.path);
            write!(f, "\n{name:width$}  {lines:5}  {hit:5}  {percent:6.1}")?;
        }
        for note in &self.notes {
            write!(f, "\n{NOT_COVERED}{note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_file_and_the_total() {
        let file = |path: &str, lines, hit| FileCoverage {
            path: std::env::current_dir().unwrap().join(path),
            lines,
            hit,
        };
        let report = CoverageReport {
            path: PathBuf::new(),
            files: vec![file("src/a.c", 1000, 999), file("src/main.c", 3, 0)],
            notes: vec!["\"boot.bin\" is no ELF file".to_owned()],
        };
        let table = "file        lines    hit       %\n\
                     src/a.c      1000    999    99.9\n\
                     src/main.c      3      0     0.0\n\
                     total        1003    999    99.6\n\
                     not covered: \"boot.bin\" is no ELF file";
        assert_eq!(report.to_string(), table);
        assert!((report.percent() - 99.601).abs() < 0.001);
    }

    #[test]
    fn the_report_is_found_in_the_first_directory_that_has_one() {
        let project = tempfile::tempdir().unwrap();
        let targets = ["deep/target", "target"].map(|it| project.path().join(it));
        let coverage = directory_in(&targets[1]);
        fs::create_dir_all(&coverage).unwrap();
        let find = || CoverageReport::find(&targets);
        let error = find().unwrap_err().to_string();
        let looked = "deep/target/virtual-target/coverage\"; run the tests with";
        assert!(error.contains(looked), "{error}");
        let file = coverage.join(FILE);
        fs::write(&file, "SF:/a.c\nDA:1,1\nDA:2,0\nend_of_record\n").unwrap();
        let report = find().unwrap();
        assert_eq!((report.path(), report.percent()), (&*file, 50.0));
        fs::write(coverage.join("not-covered"), "boot.bin: why\n").unwrap();
        assert_eq!(find().unwrap().not_covered(), ["boot.bin: why"]);
        // A limit of percents must not pass because nothing is known.
        fs::write(&file, "").unwrap();
        let error = find().unwrap_err().to_string();
        assert!(
            error.ends_with("has no lines\nnot covered: boot.bin: why"),
            "{error}"
        );
        fs::write(&file, "damaged").unwrap();
        let error = find().unwrap_err().to_string();
        assert!(error.contains("line 1 is no record"), "{error}");
    }
}

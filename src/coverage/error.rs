//! [`CoverageError`], the reasons for which there is no coverage, and [`NoLines`], those for which
//! it leaves code out, with their texts.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use crate::firmware::Format;

/// The reason for which the coverage of a target cannot be recorded or read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// A physical board does not tell which code runs.
    #[error(
        "coverage: a physical board does not tell which code runs; run the test on an emulator \
         (VTARGET_BACKEND=renode or qemu), or without coverage (VTARGET_COVERAGE=0)"
    )]
    PhysicalBoard,
    /// QEMU has one log, which is already used.
    #[error(
        "coverage: QEMU has one log, which `{field}` uses already; remove it, run the test on Renode \
         (VTARGET_BACKEND=renode), or without coverage (VTARGET_COVERAGE=0)"
    )]
    LogInUse {
        /// The field of the description.
        field: &'static str,
    },
    /// No test with coverage has run.
    #[error(
        "there is no coverage in {looked:?}; run the tests with VTARGET_COVERAGE=1 or `coverage: lines` \
         first"
    )]
    NotThere {
        /// The directory in which the project's tests write it.
        looked: PathBuf,
    },
    /// No line of what has run is known.
    #[error("{path:?} has no lines{}", list(notes))]
    NoLines {
        /// The file.
        path: PathBuf,
        /// The reasons, one for each image.
        notes: Vec<String>,
    },
    /// A coverage file cannot be used.
    #[error("cannot use {path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

fn list(notes: &[String]) -> String {
    let mut text = String::new();
    for note in notes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{NOT_COVERED}{note}");
    }
    text
}

/// The words before a note.
pub(super) const NOT_COVERED: &str = "not covered: ";

/// The reason for which the lines of code that runs are not known. It fails no test: the code is
/// left out, with a note in the report.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLines {
    #[error(
        "{path:?} is no ELF file but {format}, which names no lines; name the ELF file from which it \
         was made in `symbols`"
    )]
    NotElf { path: PathBuf, format: Format },
    #[error(
        "{path:?} has other code than {}; name the ELF file from which it was made in `symbols`",
        Names(others)
    )]
    OtherCode {
        path: PathBuf,
        /// The files in `symbols` that have code at the same addresses.
        others: Vec<PathBuf>,
    },
    #[error(
        "{path:?} has no debug information (DWARF); build it with `-g` (C, C++) or `debug = true` \
         (Cargo), it may be optimised; if it was stripped, name the file with the debug information \
         in `symbols`"
    )]
    NoDebugInformation { path: PathBuf },
    #[error(
        "no source of {path:?} is a file of this project, {root:?}; the first of them is \
         {example:?}; build the firmware on this host, from the project's sources"
    )]
    ForeignSources {
        path: PathBuf,
        root: PathBuf,
        /// The first source that the image names.
        example: PathBuf,
    },
    #[error(
        "{path:?} is not for a Cortex-M or a little-endian RISC-V, whose code alone can be followed"
    )]
    Processor { path: PathBuf },
    #[error("the debug information of {path:?} cannot be read: {why}")]
    Unreadable { path: PathBuf, why: String },
    #[error(
        "machine {machine:?} runs firmware that its script or `extra_commands` have loaded; name its \
         ELF file in `symbols`"
    )]
    NotFlashed { machine: String },
    #[error(
        "{path:?} in `symbols` has other code than {earlier:?}, which counts; name the ELF files of \
         one firmware only"
    )]
    Contradicts { path: PathBuf, earlier: PathBuf },
}

/// Paths, as in `"a.elf" and "b.elf" in `symbols``.
struct Names<'a>(&'a [PathBuf]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, path) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { " and " };
            write!(f, "{before}{path:?}")?;
        }
        f.write_str(" in `symbols`")
    }
}

/// A fault of an lcov file.
#[derive(Debug, thiserror::Error)]
pub(super) enum LcovProblem {
    #[error("line {number} is no record of an lcov file: {line:?}")]
    NoRecord { number: usize, line: String },
    #[error("the record of {path:?} has no end")]
    NoEnd { path: String },
}

impl From<LcovProblem> for io::Error {
    fn from(problem: LcovProblem) -> Self {
        Self::new(io::ErrorKind::InvalidData, problem)
    }
}

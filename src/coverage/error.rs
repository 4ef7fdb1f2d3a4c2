//! [`CoverageError`]: the reasons for which there is no coverage, and the texts.

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
    /// The firmware is not an ELF file, the only format that names lines.
    #[error(
        "coverage: {path:?} is no ELF file but {format}, which names no lines; flash the ELF file \
         from which it was made, or turn coverage off (VTARGET_COVERAGE=0)"
    )]
    NotElf {
        /// The image.
        path: PathBuf,
        /// Its format.
        format: Format,
    },
    /// The firmware has no debug information.
    #[error(
        "coverage: {path:?} has no debug information (DWARF), so its lines are not known; build it \
         with `-g` (C, C++) or `debug = true` (Cargo), and do not strip it; it may be optimised"
    )]
    NoLines {
        /// The image.
        path: PathBuf,
    },
    /// None of the sources is the project's own.
    #[error(
        "coverage: no source of {path:?} is a file of this project, {root:?}; the first of them is \
         {example:?}; build the firmware on this host, from the project's sources"
    )]
    ForeignSources {
        /// The image.
        path: PathBuf,
        /// The root of the project.
        root: PathBuf,
        /// The first source that the image names.
        example: PathBuf,
    },
    /// The branches of the processor are not known.
    #[error(
        "coverage: {path:?} is not for a Cortex-M or a little-endian RISC-V, whose code alone can \
         be followed; turn coverage off (VTARGET_COVERAGE=0)"
    )]
    Processor {
        /// The image.
        path: PathBuf,
    },
    /// The image is damaged, or cannot be read.
    #[error("coverage: the debug information of {path:?} cannot be read: {why}")]
    Unreadable {
        /// The image.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// No test with coverage has run.
    #[error(
        "there is no coverage in {looked:?} nor in a directory above it; run the tests with \
         VTARGET_COVERAGE=1 or `coverage: lines` first"
    )]
    NotThere {
        /// The first place that was looked into.
        looked: PathBuf,
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

//! [`ReportFiles`]: the files of a report, in the directory of the test that fails, or else of the
//! test that made the board.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::artifact_dir::ArtifactDir;
use super::page;
use super::test_name::TestName;
use super::uart_log::UartLogWriter;
use crate::error::Artifacts;
use crate::files::replace;

/// The text of the file of a test that has no result yet.
const UNFINISHED: &str = "This test has not ended, or its process was killed.\n";

/// A log to copy: the file's name, and a function that returns its present content.
pub(crate) type Log = (&'static str, Box<dyn Fn() -> String + Send>);

/// The sources of the files in a target's directory.
pub(crate) struct Sources {
    /// The machine's name.
    pub(crate) machine: String,
    /// The engine, as a message names it, if the test left its choice to this crate.
    pub(crate) selected: Option<Box<dyn Fn() -> String + Send>>,
    /// Returns the number of boards that the emulator has run before this one.
    pub(crate) earlier_boards: Box<dyn Fn() -> u32 + Send>,
    /// The effective configuration, with the facts that are known of the engine so far.
    pub(crate) configuration: Box<dyn Fn() -> String + Send>,
    /// The UARTs.
    pub(crate) uarts: Vec<UartLogWriter>,
    /// The other files to copy.
    pub(crate) logs: Vec<Log>,
}

/// The files of a report.
pub(super) struct ReportFiles {
    /// The test that the directory is named by.
    pub(super) test: TestName,
    /// None if the user wants no artifacts, or if the test has ended while the board exists.
    dir: Option<ArtifactDir>,
    pub(super) sources: Option<Sources>,
    /// The message of the last operation that failed.
    pub(super) message: Option<String>,
    /// The time of the directory's last update.
    written: Option<Instant>,
    /// True once the target has ended: then only a failure is written.
    pub(super) finished: bool,
}

impl ReportFiles {
    pub(super) fn new(test: &TestName, dir: Option<ArtifactDir>) -> Self {
        Self {
            test: test.clone(),
            dir,
            sources: None,
            message: None,
            written: None,
            finished: false,
        }
    }

    pub(super) fn dir(&self) -> Option<&ArtifactDir> {
        self.dir.as_ref()
    }

    /// Names the directory by `test` from now on: it is the one that fails, and others use the
    /// board, too. What an earlier test has left of its failure stays.
    pub(super) fn move_to(&mut self, test: TestName) {
        match self.message.take() {
            Some(_) => self.close(),
            None => self.remove(),
        }
        self.dir = Some(ArtifactDir::claim(&test));
        self.test = test;
        self.written = None;
        let sources = self.sources.iter_mut();
        let uarts = sources.flat_map(|sources| &mut sources.uarts);
        uarts.for_each(UartLogWriter::rewind);
    }

    /// Keeps the directory.
    pub(super) fn keep(&mut self) {
        if let Some(dir) = &mut self.dir {
            dir.keep();
        }
    }

    /// Keeps the directory as it is: the next failure has another one.
    pub(super) fn close(&mut self) {
        self.keep();
        self.dir = None;
    }

    /// Removes the directory. Its number is free at once, for the test's next board.
    pub(super) fn remove(&mut self) {
        if let Some(mut dir) = self.dir.take() {
            dir.remove();
        }
    }

    /// Returns true if the directory was updated within `delay`.
    pub(super) fn is_recent(&self, delay: Duration) -> bool {
        self.written.is_some_and(|at| at.elapsed() < delay)
    }

    /// Returns where the artifacts are, or why there are none.
    pub(super) fn artifacts(&self, written: io::Result<()>) -> Option<Artifacts> {
        let path = self.dir.as_ref()?.path();
        Some(match written {
            Ok(()) => Artifacts::In(path.to_owned()),
            Err(e) => Artifacts::Missing(cannot_write(path, &e)),
        })
    }

    /// Updates the directory; `timeline` is its file's content.
    pub(super) fn write(&mut self, began: Instant, timeline: &[u8]) -> io::Result<()> {
        let (Some(dir), Some(sources)) = (&mut self.dir, &mut self.sources) else {
            return Ok(());
        };
        let directory = dir.make()?;
        replace(
            &directory.join(page::CONFIGURATION),
            (sources.configuration)().as_bytes(),
        )?;
        replace(&directory.join("timeline.json"), timeline)?;
        for (name, content) in &sources.logs {
            replace(&directory.join(name), content().as_bytes())?;
        }
        for uart in &mut sources.uarts {
            uart.advance(directory, began)?;
        }
        if let Some(message) = &self.message {
            replace(&directory.join(page::MESSAGE), message.as_bytes())?;
        }
        let unfinished = directory.join(page::UNFINISHED);
        match self.finished || self.message.is_some() {
            true => drop(fs::remove_file(unfinished)),
            false if unfinished.exists() => {}
            false => {
                fs::write(&unfinished, UNFINISHED)?;
                let file = File::options().append(true).open(unfinished)?;
                file.set_modified(SystemTime::now() - began.elapsed())?;
            }
        }
        self.written = Some(Instant::now());
        Ok(())
    }

    /// Brings the page of all failed tests up to date if this target has failed; returns true if
    /// that was done.
    pub(super) fn show(&self) -> bool {
        let dir = self.dir.as_ref().filter(|_| self.message.is_some());
        dir.is_some_and(|dir| page::update(dir.root()))
    }
}

pub(super) fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write to {}: {error}; set CARGO_TARGET_DIR to a directory that this user can write to, \
         or VTARGET_ARTIFACTS=never",
        path.display()
    )
}

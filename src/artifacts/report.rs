//! [`Report`]: the record of one target, and its copy in the test's directory.
//!
//! A report records the operations on the board and their outcomes, and copies this timeline, the
//! UARTs' output and the emulator's logs into the test's own directory under
//! `target/virtual-target`. The directory is updated one second after a change, so that a killed
//! test leaves its artifacts. When the target ends, the directory is removed unless it is to be
//! kept. The board, its UARTs and its emulator provide the content as [`Sources`].

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::artifact_dir::ArtifactDir;
use super::beginning::beginning;
use super::page;
use super::policy::Policy;
use super::test_name::TestName;
use super::timeline::Timeline;
use super::uart_log::UartLogWriter;
use crate::caller::{Caller, place};
use crate::config::ConfigError;
use crate::error::Artifacts;
use crate::files::replace;
use crate::notice::notice;
use crate::runtime;
use crate::sync::lock;

/// The delay from a change to the update of the directory: a killed test loses its last
/// changes.
const UPDATE_DELAY: Duration = Duration::from_secs(1);

/// The length in bytes to which the message of a failure is cut.
const MAX_MESSAGE_LEN: usize = 64 << 10;

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

/// The record of one target, and the directory to which it is written.
pub(crate) struct Report {
    policy: Policy,
    began: Instant,
    timeline: Mutex<Timeline>,
    changed: Arc<Notify>,
    files: Mutex<Files>,
    /// The task that updates the directory.
    updater: Mutex<Option<AbortHandle>>,
}

struct Files {
    /// None if the user wants no artifacts.
    dir: Option<ArtifactDir>,
    sources: Option<Sources>,
    /// The message of the last operation that failed.
    message: Option<String>,
    /// The time of the directory's last update.
    written: Option<Instant>,
    /// True once the target has ended: then only a failure is written.
    finished: bool,
}

impl Report {
    /// Creates the report of a target of `test`. If the user wants no artifacts, it only gives errors
    /// the facts about the engine.
    ///
    /// Artifacts of an earlier run of the test are removed.
    pub(crate) fn new(test: &TestName) -> Result<Arc<Self>, ConfigError> {
        let policy = Policy::from_environment()?;
        let dir = (policy != Policy::Never).then(|| ArtifactDir::claim(test));
        Ok(Arc::new(Self::at(policy, dir)))
    }

    fn at(policy: Policy, dir: Option<ArtifactDir>) -> Self {
        Self {
            policy,
            began: Instant::now(),
            timeline: Mutex::default(),
            changed: Arc::default(),
            files: Mutex::new(Files {
                dir,
                sources: None,
                message: None,
                written: None,
                finished: false,
            }),
            updater: Mutex::default(),
        }
    }

    /// Returns the handle to notify of a change that the report does not record itself.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Begins to copy `sources` after each change.
    pub(crate) fn begin(self: &Arc<Self>, sources: Sources) {
        lock(&self.files).sources = Some(sources);
        if self.policy == Policy::Never {
            return;
        }
        let (report, changed) = (Arc::downgrade(self), self.changed());
        // Without an I/O thread there is no board, so no report is needed.
        if let Ok(updater) = runtime::spawn(update_on_changes(report, changed)) {
            *lock(&self.updater) = Some(updater.abort_handle());
        }
    }

    /// Records the start of an operation that was called at `at`, and returns the event's number.
    pub(super) fn event(&self, what: &str, at: Caller) -> u64 {
        let now = self.began.elapsed();
        let number = lock(&self.timeline).begin(now, what, place(at));
        self.changed.notify_one();
        number
    }

    /// Records the outcome of an event.
    pub(super) fn ended(&self, event: u64, outcome: &str) {
        lock(&self.timeline).end(event, self.began.elapsed(), outcome);
        self.changed.notify_one();
    }

    /// Records that an event failed, and adds the path of the artifacts to `error`.
    pub(super) fn failed(&self, event: u64, error: &mut crate::Error) {
        self.ended(event, &error.to_string());
        self.fail(error);
    }

    /// Records that the test fails with `error`, and adds the path of the artifacts to `error`.
    pub(crate) fn fail(&self, error: &mut crate::Error) {
        let mut files = lock(&self.files);
        if let Some(dir) = &files.dir {
            dir.fail();
        }
        let Some(sources) = &files.sources else {
            return;
        };
        if let Some(selected) = &sources.selected {
            error.set_engine(selected());
        }
        error.set_earlier_boards((sources.earlier_boards)());
        if files.dir.is_none() {
            return;
        }
        let message = beginning(&error.to_string(), MAX_MESSAGE_LEN).to_owned();
        let is_first = files.message.replace(message).is_none();
        // Many failures in a row must not write all files each time.
        let recent = !is_first && files.written.is_some_and(|at| at.elapsed() < UPDATE_DELAY);
        let written = match recent && !files.finished {
            true => {
                self.changed.notify_one();
                Ok(())
            }
            false => self.write(&mut files).map(|()| files.show()).map(drop),
        };
        let Some(dir) = &files.dir else {
            return;
        };
        error.set_artifacts(match written {
            Ok(()) => Artifacts::In(dir.path().to_owned()),
            Err(e) => Artifacts::Missing(cannot_write(dir.path(), &e)),
        });
    }

    /// Returns true if the test is known not to fail so far.
    pub(crate) fn passes(&self) -> bool {
        let files = lock(&self.files);
        files.dir.as_ref().is_some_and(|dir| !dir.failed())
    }

    /// Keeps or removes the directory of a target that has ended or could not be started.
    pub(crate) fn finish(&self, test_fails: bool) {
        if let Some(updater) = lock(&self.updater).take() {
            updater.abort();
        }
        let mut files = lock(&self.files);
        files.finished = true;
        let Files { dir, sources, .. } = &mut *files;
        let Some(dir) = dir else {
            return;
        };
        if test_fails {
            dir.fail();
        }
        let Some(sources) = sources else {
            return;
        };
        let fails = dir.failed();
        let machine = sources.machine.clone();
        if !fails && self.policy == Policy::Failure {
            dir.remove();
            return;
        }
        if fails {
            files.message = Some(last_message(files.message.take()));
        }
        let written = self.write(&mut files);
        let Some(dir) = &mut files.dir else {
            return;
        };
        dir.keep();
        let (path, page) = (dir.path().to_owned(), dir.root().join(page::PAGE));
        match written {
            Ok(()) if fails => {
                notice(format_args!("artifacts of {machine}: {}", path.display()));
                if files.show() {
                    notice(format_args!(
                        "all failed tests in a browser: {}",
                        page.display()
                    ));
                }
            }
            Ok(()) => {}
            Err(e) => notice(format_args!(
                "no artifacts of {machine}: {}",
                cannot_write(&path, &e)
            )),
        }
    }

    /// Updates the directory.
    fn write(&self, files: &mut Files) -> io::Result<()> {
        let (Some(dir), Some(sources)) = (&mut files.dir, &mut files.sources) else {
            return Ok(());
        };
        let directory = dir.make()?;
        replace(
            &directory.join("configuration.txt"),
            (sources.configuration)().as_bytes(),
        )?;
        let timeline = lock(&self.timeline).to_json()?;
        replace(&directory.join("timeline.json"), &timeline)?;
        for (name, content) in &sources.logs {
            replace(&directory.join(name), content().as_bytes())?;
        }
        for uart in &mut sources.uarts {
            uart.advance(directory, self.began)?;
        }
        if let Some(message) = &files.message {
            replace(&directory.join(page::MESSAGE), message.as_bytes())?;
        }
        files.written = Some(Instant::now());
        Ok(())
    }

    /// Updates the directory, unless the target has ended.
    fn write_unless_finished(&self) {
        let mut files = lock(&self.files);
        if !files.finished {
            match self.write(&mut files) {
                Ok(()) => drop(files.show()),
                Err(e) => {
                    if let Some(dir) = &files.dir {
                        tracing::debug!("{}", cannot_write(dir.path(), &e));
                    }
                }
            }
        }
    }
}

impl Files {
    /// Brings the page of all failed tests up to date if this target has failed; returns true if
    /// that was done.
    fn show(&self) -> bool {
        let dir = self.dir.as_ref().filter(|_| self.message.is_some());
        dir.is_some_and(|dir| page::update(dir.root()))
    }
}

/// Returns the message of a failed test: the one of the last operation that failed, and what is
/// known without one.
fn last_message(message: Option<String>) -> String {
    match (message, std::thread::panicking()) {
        (Some(message), false) => message,
        (Some(message), true) => {
            format!("{message}\nThen the test panicked: its own output says why.")
        }
        (None, true) => "The test panicked: its own output says why.".to_owned(),
        (None, false) => "Nothing failed on this board, but on another one of the test.".to_owned(),
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(updater) = lock(&self.updater).take() {
            updater.abort();
        }
    }
}

/// Updates the directory [`UPDATE_DELAY`] after a change, on another thread than the I/O thread.
async fn update_on_changes(report: Weak<Report>, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        // Most tests end during this delay and never write.
        tokio::time::sleep(UPDATE_DELAY).await;
        let Some(report) = report.upgrade() else {
            return;
        };
        let written = tokio::task::spawn_blocking(move || report.write_unless_finished());
        if written.await.is_err() {
            return;
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write to {}: {error}; set CARGO_TARGET_DIR to a directory that this user can write to, \
         or VTARGET_ARTIFACTS=never",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::Location;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn many_failures_write_the_report_a_bounded_number_of_times() {
        let root = tempfile::tempdir().unwrap();
        let name = TestName::current(Location::caller());
        let dir = ArtifactDir::claim_in(root.path().into(), &name, Box::leak(Box::default()));
        let report = Arc::new(Report::at(Policy::Failure, Some(dir)));
        let writes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&writes);
        report.begin(Sources {
            selected: None,
            earlier_boards: Box::new(|| 0),
            machine: "m".into(),
            configuration: Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                String::new()
            }),
            uarts: Vec::new(),
            logs: Vec::new(),
        });
        let began = Instant::now();
        for n in 0..200 {
            let event = report.event(&format!("wait {n}"), Location::caller());
            let mut error = crate::Error::from(crate::runtime::HostError::EndingThread);
            report.failed(event, &mut error);
        }
        // The first failure writes, then as many writes as without failures.
        let most = 2 + 2 * began.elapsed().as_secs();
        let writes = writes.load(Ordering::Relaxed);
        assert!((1..=most).contains(&writes), "{writes} > {most}");
        report.finish(false);
        let timeline = fs::read_to_string(report_path(&report).join("timeline.json")).unwrap();
        assert_eq!(timeline.matches("\"wait ").count(), 200);
    }

    fn report_path(report: &Report) -> std::path::PathBuf {
        let files = lock(&report.files);
        files.dir.as_ref().unwrap().path().to_owned()
    }
}

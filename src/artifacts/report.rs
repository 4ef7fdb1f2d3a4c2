//! [`Report`]: the record of one target, and its copy in the test's directory.
//!
//! A report records the operations on the board and their outcomes, and copies this timeline, the
//! UARTs' output and the emulator's logs into the test's own directory under
//! `target/virtual-target`. The directory is updated one second after a change, so that a killed
//! test leaves its artifacts. When the target ends, the directory is removed unless it is to be
//! kept. The board, its UARTs and its emulator provide the content as [`Sources`].
//!
//! Several tests may use one board, as with rstest's `#[once]`: then the directory is that of the test
//! that fails, which is the one of the thread ([`test_thread`]), and the report ends at the exit of
//! the process.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::artifact_dir::ArtifactDir;
use super::at_exit::{self, AtExit};
use super::beginning::beginning;
use super::page;
use super::policy::Policy;
use super::report_files::{ReportFiles, Sources, cannot_write};
use super::test_name::TestName;
use super::test_thread::{self, Used};
use super::timeline::Timeline;
use crate::caller::{Caller, place};
use crate::config::ConfigError;
use crate::notice::{PATIENCE, notice, say};
use crate::runtime;
use crate::sync::lock;

/// The delay from a change to the update of the directory: a killed test loses its last
/// changes.
const UPDATE_DELAY: Duration = Duration::from_secs(1);

/// The hint for a test that fails after its board has ended, or with an error of its own: a board
/// cannot see that.
const NO_ARTIFACTS: &str = "no artifacts: nothing had failed when the board was released; \
     VTARGET_ARTIFACTS=always keeps them";

/// The length in bytes to which the message of a failure is cut.
const MAX_MESSAGE_LEN: usize = 64 << 10;

/// The record of one target, and the directory to which it is written.
pub(crate) struct Report {
    policy: Policy,
    began: Instant,
    timeline: Mutex<Timeline>,
    changed: Arc<Notify>,
    files: Mutex<ReportFiles>,
    /// The task that updates the directory.
    updater: Mutex<Option<AbortHandle>>,
}

impl Report {
    /// Creates the report of a target of `test`. If the user wants no artifacts, it only gives errors
    /// the facts about the engine.
    ///
    /// Artifacts of an earlier run of the test are removed.
    pub(crate) fn new(test: &TestName) -> Result<Arc<Self>, ConfigError> {
        let policy = Policy::from_environment()?;
        let dir = (policy != Policy::Never).then(|| ArtifactDir::claim(test));
        test_thread::watch_panics();
        Ok(Arc::new(Self::at(policy, ReportFiles::new(test, dir))))
    }

    fn at(policy: Policy, files: ReportFiles) -> Self {
        Self {
            policy,
            began: Instant::now(),
            timeline: Mutex::default(),
            changed: Arc::default(),
            files: Mutex::new(files),
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
        at_exit::finish(Arc::downgrade(self));
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
        if let Some(dir) = files.dir() {
            dir.fail();
        }
        let Some(sources) = &files.sources else {
            return;
        };
        if let Some(selected) = &sources.selected {
            error.set_engine(selected());
        }
        error.set_earlier_boards((sources.earlier_boards)());
        if self.policy == Policy::Never {
            return;
        }
        let test = test_thread::test_that_fails(&files.test);
        self.move_to(&mut files, test);
        let message = beginning(&error.to_string(), MAX_MESSAGE_LEN).to_owned();
        let is_first = files.message.replace(message).is_none();
        // Many failures in a row must not write all files each time.
        let recent = !is_first && files.is_recent(UPDATE_DELAY);
        let written = match recent && !files.finished {
            true => {
                self.changed.notify_one();
                Ok(())
            }
            false => self.write(&mut files).map(|()| files.show()).map(drop),
        };
        if let Some(artifacts) = files.artifacts(written) {
            error.set_artifacts(artifacts);
        }
    }

    /// Names the directory by the test that fails, if it is known.
    fn move_to(&self, files: &mut ReportFiles, test: Option<TestName>) {
        match test {
            Some(test) if test != files.test => files.move_to(test),
            // The test has ended before its board, and now another thread of it fails.
            _ if files.dir().is_none() => files.move_to(files.test.clone()),
            _ => {}
        }
        if let Some(dir) = files.dir() {
            dir.fail();
        }
    }

    /// Returns true if the test is known not to fail so far.
    pub(crate) fn passes(&self) -> bool {
        let files = lock(&self.files);
        files.dir().is_some_and(|dir| !dir.failed())
    }

    /// Keeps or removes the directory of a target that has ended or could not be started.
    pub(crate) fn finish(&self, test_fails: bool) {
        let removed = self.end(test_fails);
        if removed && test_thread::is_first_hint() {
            // Test harnesses show it for tests that fail.
            notice(NO_ARTIFACTS);
        }
    }

    /// As [`finish`](Self::finish); returns true if nothing is kept because nothing has failed.
    fn end(&self, test_fails: bool) -> bool {
        if let Some(updater) = lock(&self.updater).take() {
            updater.abort();
        }
        let mut files = lock(&self.files);
        if files.finished {
            return false;
        }
        files.finished = true;
        let (Some(dir), Some(sources)) = (files.dir(), &files.sources) else {
            return false;
        };
        if test_fails {
            dir.fail();
        }
        let fails = dir.failed();
        let (page, root) = (dir.root().join(page::PAGE), dir.root().to_owned());
        let machine = sources.machine.clone();
        if fails {
            let panic = std::thread::panicking().then(test_thread::panic_of_this_thread);
            files.message = Some(last_message(
                files.message.take(),
                panic.as_ref().map(Option::as_deref),
            ));
        }
        let is_removed = !fails && self.policy == Policy::Failure;
        match is_removed {
            true => files.remove(),
            false => self.keep(&mut files, fails, &machine, &page),
        }
        let was_shown = self.began.elapsed() >= page::LONG;
        if !fails && (!is_removed || was_shown) {
            page::update(&root);
        }
        is_removed
    }

    /// Keeps the directory of a target that has ended.
    fn keep(&self, files: &mut ReportFiles, fails: bool, machine: &str, page: &Path) {
        let written = self.write(files);
        let Some(path) = files.dir().map(|dir| dir.path().to_owned()) else {
            return;
        };
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
        files.keep();
    }

    /// Updates the directory.
    fn write(&self, files: &mut ReportFiles) -> io::Result<()> {
        let timeline = lock(&self.timeline).to_json()?;
        files.write(self.began, &timeline)
    }

    /// Updates the directory, unless the target has ended; the page as well if the test takes long.
    fn write_unless_finished(&self, is_long: bool) {
        let mut files = lock(&self.files);
        if !files.finished {
            match self.write(&mut files) {
                Ok(()) if is_long => drop(files.dir().map(|dir| page::update(dir.root()))),
                Ok(()) => drop(files.show()),
                Err(e) => {
                    if let Some(dir) = files.dir() {
                        tracing::debug!("{}", cannot_write(dir.path(), &e));
                    }
                }
            }
        }
    }
}

impl Used for Report {
    fn used_by(&self, test: &TestName) -> bool {
        let is_shared = *test != lock(&self.files).test;
        if is_shared && self.policy != Policy::Never {
            // Removes what an earlier run of the test has left.
            drop(ArtifactDir::claim(test));
        }
        is_shared
    }

    fn test_ended(&self, test: &TestName, panic: Option<&str>) {
        let mut files = lock(&self.files);
        if files.finished || self.policy == Policy::Never || files.sources.is_none() {
            return;
        }
        if panic.is_some() {
            self.move_to(&mut files, Some(test.clone()));
            let message = files.message.take().filter(|_| files.test == *test);
            files.message = Some(last_message(message, Some(panic)));
        }
        if files.test == *test && files.message.is_some() {
            let written = self.write(&mut files);
            if let (Some(_), Ok(()), Some(dir)) = (panic, &written, files.dir()) {
                // The test's own output has ended.
                say(format_args!(
                    "artifacts of {}: {}",
                    test.name,
                    dir.path().display()
                ));
            }
            if let Err(e) = written {
                tracing::debug!("no artifacts of {}: {e}", test.name);
            }
            files.show();
            files.close();
        }
    }
}

impl AtExit for Report {
    fn exit(&self) {
        let _ = self.end(false);
    }
}

/// Returns the message of a failed test: the one of the last operation that failed, and what is
/// known of a `panic`: its text, unless somebody has replaced the hook that records it.
fn last_message(message: Option<String>, panic: Option<Option<&str>>) -> String {
    const UNKNOWN: &str = "panicked: its own output says why.";
    match (message, panic.map(|text| text.unwrap_or(UNKNOWN))) {
        (Some(message), None) => message,
        (Some(message), Some(text)) if text.contains(first_line(&message)) => message,
        (Some(message), Some(text)) => format!("{message}\nThen the test {text}"),
        (None, Some(text)) => format!("The test {text}"),
        (None, None) => "Nothing failed on this board, but on another one of the test.".to_owned(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(updater) = lock(&self.updater).take() {
            updater.abort();
        }
    }
}

/// Updates the directory [`UPDATE_DELAY`] after a change, and once after [`PATIENCE`], on another
/// thread than the I/O thread.
async fn update_on_changes(report: Weak<Report>, changed: Arc<Notify>) {
    let mut long = pin!(tokio::time::sleep(PATIENCE));
    loop {
        let is_long = tokio::select! {
            () = &mut long, if !long.is_elapsed() => true,
            () = changed.notified() => {
                // Most tests end during this delay and never write.
                tokio::time::sleep(UPDATE_DELAY).await;
                false
            }
        };
        let Some(report) = report.upgrade() else {
            return;
        };
        let written = tokio::task::spawn_blocking(move || report.write_unless_finished(is_long));
        if written.await.is_err() {
            return;
        }
    }
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
        let files = ReportFiles::new(&name, Some(dir));
        let report = Arc::new(Report::at(Policy::Failure, files));
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
        files.dir().unwrap().path().to_owned()
    }
}

//! Artifacts: what a failed test leaves behind so that it can be understood.
//!
//! A [`Report`] belongs to one target. It notes what is done to the board and
//! how it ends, and copies that, the UART's output and the emulator's logs into a
//! directory of the test's own under `target/virtual-target`. A second after
//! something has happened the directory is brought up to date, so that a test
//! which is killed leaves what there was; when the target ends, a directory that
//! is not to be kept is removed. Knows nothing of boards, UARTs or emulators:
//! they say what to copy.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::artifact_dir::ArtifactDir;
use super::caller::{Caller, place};
use super::policy::Policy;
use super::test_name::TestName;
use super::timeline::Timeline;
use super::uart_log::UartLogWriter;
use crate::config::ConfigError;
use crate::notice::notice;
use crate::runtime;
use crate::sync::lock;

/// How far the directory may be behind what has happened: what a killed test loses.
const BEHIND: Duration = Duration::from_secs(1);

/// A log to copy: the file's name, and what gives its present content.
pub(crate) type Log = (&'static str, Box<dyn Fn() -> String + Send>);

/// What a target's directory is made of.
pub(crate) struct Sources {
    /// The machine's name.
    pub(crate) machine: String,
    /// The effective configuration, with what is known of the engine by now.
    pub(crate) configuration: Box<dyn Fn() -> String + Send>,
    /// The UARTs.
    pub(crate) uarts: Vec<UartLogWriter>,
    /// What else there is to copy.
    pub(crate) logs: Vec<Log>,
}

/// What happened to one target, and where it is written down.
pub(crate) struct Report {
    policy: Policy,
    began: Instant,
    timeline: Mutex<Timeline>,
    changed: Arc<Notify>,
    files: Mutex<Files>,
    live: Mutex<Option<AbortHandle>>,
}

struct Files {
    place: ArtifactDir,
    sources: Option<Sources>,
    /// When the directory was last brought up to date.
    written: Option<Instant>,
    /// The target has ended: only a failure is still written.
    finished: bool,
}

impl Report {
    /// The report on a target of `test`; none if the user wants none.
    ///
    /// What an earlier run of the test has left is removed.
    pub(crate) fn new(test: &TestName) -> Result<Option<Arc<Self>>, ConfigError> {
        let policy = Policy::from_environment()?;
        if policy == Policy::Never {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self::at(policy, ArtifactDir::claim(test)))))
    }

    fn at(policy: Policy, place: ArtifactDir) -> Self {
        Self {
            policy,
            began: Instant::now(),
            timeline: Mutex::default(),
            changed: Arc::default(),
            files: Mutex::new(Files {
                place,
                sources: None,
                written: None,
                finished: false,
            }),
            live: Mutex::default(),
        }
    }

    /// What is to be told of every change that the report does not note itself.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// There is something to copy from now on.
    pub(crate) fn begin(self: &Arc<Self>, sources: Sources) {
        lock(&self.files).sources = Some(sources);
        let (report, changed) = (Arc::downgrade(self), self.changed());
        // Without an I/O thread there is no board to report on either.
        if let Ok(live) = runtime::spawn(keep_up(report, changed)) {
            *lock(&self.live) = Some(live.abort_handle());
        }
    }

    /// Notes that something begins that was called at `at`; the event's number.
    pub(super) fn event(&self, what: &str, at: Caller) -> u64 {
        let now = self.began.elapsed();
        let number = lock(&self.timeline).begin(now, what, place(at));
        self.changed.notify_one();
        number
    }

    /// Notes how an event ended.
    pub(super) fn ended(&self, event: u64, outcome: &str) {
        lock(&self.timeline).end(event, self.began.elapsed(), outcome);
        self.changed.notify_one();
    }

    /// Notes that an event failed; `error` is to say where the artifacts are.
    pub(super) fn failed(&self, event: u64, error: &mut crate::Error) {
        self.ended(event, &error.to_string());
        self.fail(error);
    }

    /// The test fails with `error`, which is to say where the artifacts are.
    pub(crate) fn fail(&self, error: &mut crate::Error) {
        let mut files = lock(&self.files);
        files.place.fail();
        if files.sources.is_none() {
            return;
        }
        // One failure after the other would write all of it each time.
        let recent = files.written.is_some_and(|at| at.elapsed() < BEHIND);
        let written = match recent && !files.finished {
            true => {
                self.changed.notify_one();
                Ok(())
            }
            false => self.write(&mut files),
        };
        let note = match written {
            Ok(()) => format!("\n  artifacts: {}", files.place.path().display()),
            Err(e) => format!("\n  no artifacts: {}", cannot_write(files.place.path(), &e)),
        };
        error.add_note(&note);
    }

    /// The target has ended, or could not be started: keeps the directory or removes it.
    pub(crate) fn finish(&self, test_fails: bool) {
        if let Some(live) = lock(&self.live).take() {
            live.abort();
        }
        let mut files = lock(&self.files);
        files.finished = true;
        if test_fails {
            files.place.fail();
        }
        let fails = files.place.failed();
        let Some(sources) = &files.sources else {
            return;
        };
        let machine = sources.machine.clone();
        if !fails && self.policy == Policy::Failure {
            files.place.remove();
            return;
        }
        let written = self.write(&mut files);
        files.place.keep();
        let path = files.place.path();
        match written {
            Ok(()) if fails => {
                notice(format_args!("artifacts of {machine}: {}", path.display()));
            }
            Ok(()) => {}
            Err(e) => notice(format_args!(
                "no artifacts of {machine}: {}",
                cannot_write(path, &e)
            )),
        }
    }

    /// Brings the directory up to date.
    fn write(&self, files: &mut Files) -> io::Result<()> {
        let Some(sources) = &mut files.sources else {
            return Ok(());
        };
        let directory = files.place.make()?;
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
        files.written = Some(Instant::now());
        Ok(())
    }

    fn write_live(&self) {
        let mut files = lock(&self.files);
        if !files.finished
            && let Err(e) = self.write(&mut files)
        {
            tracing::debug!("{}", cannot_write(files.place.path(), &e));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(live) = lock(&self.live).take() {
            live.abort();
        }
    }
}

/// Brings the directory up to date a moment after something has happened, away from the I/O thread.
async fn keep_up(report: Weak<Report>, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        // Most tests are over by then and never write at all.
        tokio::time::sleep(BEHIND).await;
        let Some(report) = report.upgrade() else {
            return;
        };
        let written = tokio::task::spawn_blocking(move || report.write_live());
        if written.await.is_err() {
            return;
        }
    }
}

/// Writes a file so that a reader, or what is left by a kill, has the old or the new content.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, content)?;
    fs::rename(&new, path)
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
    use std::panic::Location;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn many_failures_write_the_report_a_bounded_number_of_times() {
        let root = tempfile::tempdir().unwrap();
        let name = TestName::current(Location::caller());
        let place = ArtifactDir::claim_in(root.path().into(), &name, Box::leak(Box::default()));
        let report = Arc::new(Report::at(Policy::Failure, place));
        let writes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&writes);
        report.begin(Sources {
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
            let mut error = crate::Error::from(ConfigError::NotFound { path: "x".into() });
            report.failed(event, &mut error);
        }
        // The first, and then as often as without failures.
        let most = 2 + 2 * began.elapsed().as_secs();
        let writes = writes.load(Ordering::Relaxed);
        assert!((1..=most).contains(&writes), "{writes} > {most}");
        report.finish(false);
        let timeline = fs::read_to_string(report_path(&report).join("timeline.json")).unwrap();
        assert_eq!(timeline.matches("\"wait ").count(), 200);
    }

    fn report_path(report: &Report) -> std::path::PathBuf {
        lock(&report.files).place.path().to_owned()
    }
}

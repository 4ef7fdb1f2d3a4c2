//! An operation that says where it was called if it fails, and that the report takes
//! notes of: when it began, and how it ended.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::caller::{Caller, place};
use super::report::Report;
use crate::error::{Error, Result};
use crate::operation::Task;

/// A task and its entry in the timeline.
pub(crate) struct Recorded<T> {
    task: T,
    at: Caller,
    recording: Option<Recording>,
}

struct Recording {
    report: Arc<Report>,
    what: String,
    under_way: Option<u64>,
}

impl<T> Recorded<T> {
    /// A task that was called at `at`; `what` is asked for only with a report.
    pub(crate) fn new(
        task: T,
        report: Option<&Arc<Report>>,
        at: Caller,
        what: impl FnOnce(&T) -> String,
    ) -> Self {
        let recording = report.map(|report| Recording {
            report: Arc::clone(report),
            what: what(&task),
            under_way: None,
        });
        Self {
            task,
            at,
            recording,
        }
    }
}

impl<T: Task> Task for Recorded<T> {
    type Output = T::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.task.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T::Output>> {
        let recording = self.recording.as_mut().map(|recording| {
            let Recording { report, what, .. } = recording;
            let event = *recording
                .under_way
                .get_or_insert_with(|| report.event(what, self.at));
            (recording, event)
        });
        let mut outcome = self.task.poll(cx);
        if let Poll::Ready(Err(error)) = &mut outcome {
            error.add_note(&format!("\n  at {}", place(self.at)));
        }
        if let (Poll::Ready(outcome), Some((recording, event))) = (&mut outcome, recording) {
            recording.under_way = None;
            match outcome {
                Ok(_) => recording.report.ended(event, "ok"),
                Err(error) => recording.report.failed(event, error),
            }
        }
        outcome
    }
}

/// The error of something that took no time, with its place `at` in the test; `report` takes note of it.
pub(crate) fn failed(mut error: Error, report: Option<&Arc<Report>>, at: Caller) -> Error {
    error.add_note(&format!("\n  at {}", place(at)));
    if let Some(report) = report {
        report.fail(&mut error);
    }
    error
}

impl<T> Drop for Recorded<T> {
    fn drop(&mut self) {
        if let Some(recording) = &self.recording
            && let Some(event) = recording.under_way
        {
            recording.report.ended(event, "dropped");
        }
    }
}

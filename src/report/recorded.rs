//! An operation that the report takes notes of: when it began, and how it ended.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Report;
use crate::error::Result;
use crate::runtime::Task;

/// A task and its entry in the timeline.
pub(crate) struct Recorded<T> {
    task: T,
    recording: Option<Recording>,
}

struct Recording {
    report: Arc<Report>,
    what: String,
    under_way: Option<u64>,
}

impl<T> Recorded<T> {
    /// Without a report, nothing but the task; `what` is asked for only with one.
    pub(crate) fn new(
        task: T,
        report: Option<&Arc<Report>>,
        what: impl FnOnce(&T) -> String,
    ) -> Self {
        let recording = report.map(|report| Recording {
            report: Arc::clone(report),
            what: what(&task),
            under_way: None,
        });
        Self { task, recording }
    }
}

impl<T: Task> Task for Recorded<T> {
    type Output = T::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.task.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T::Output>> {
        let Some(recording) = &mut self.recording else {
            return self.task.poll(cx);
        };
        let Recording { report, what, .. } = recording;
        let event = *recording
            .under_way
            .get_or_insert_with(|| report.event(what));
        let mut outcome = self.task.poll(cx);
        if let Poll::Ready(outcome) = &mut outcome {
            recording.under_way = None;
            match outcome {
                Ok(_) => report.ended(event, "ok"),
                Err(error) => {
                    if let Some(note) = report.failed(event, error) {
                        error.add_note(&note);
                    }
                }
            }
        }
        outcome
    }
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

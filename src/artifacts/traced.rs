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
pub(crate) struct Traced<T> {
    task: T,
    at: Caller,
    trace: Option<Trace>,
}

struct Trace {
    report: Arc<Report>,
    what: String,
    under_way: Option<u64>,
}

impl<T> Traced<T> {
    /// A task that was called at `at`; `what` is asked for only with a report.
    pub(crate) fn new(
        task: T,
        report: Option<&Arc<Report>>,
        at: Caller,
        what: impl FnOnce(&T) -> String,
    ) -> Self {
        let trace = report.map(|report| Trace {
            report: Arc::clone(report),
            what: what(&task),
            under_way: None,
        });
        Self { task, at, trace }
    }
}

impl<T: Task> Task for Traced<T> {
    type Output = T::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.task.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T::Output>> {
        let trace = self.trace.as_mut().map(|trace| {
            let Trace { report, what, .. } = trace;
            let event = *trace
                .under_way
                .get_or_insert_with(|| report.event(what, self.at));
            (trace, event)
        });
        let mut outcome = self.task.poll(cx);
        if let Poll::Ready(Err(error)) = &mut outcome {
            error.add_note(&format!("\n  at {}", place(self.at)));
        }
        if let (Poll::Ready(outcome), Some((trace, event))) = (&mut outcome, trace) {
            trace.under_way = None;
            match outcome {
                Ok(_) => trace.report.ended(event, "ok"),
                Err(error) => trace.report.failed(event, error),
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

impl<T> Drop for Traced<T> {
    fn drop(&mut self) {
        if let Some(trace) = &self.trace
            && let Some(event) = trace.under_way
        {
            trace.report.ended(event, "dropped");
        }
    }
}

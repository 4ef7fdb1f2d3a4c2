//! [`Traced`]: an operation whose start and outcome the report records.
//!
//! If the operation fails, its error contains the place from which it was called.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::report::Report;
use crate::caller::Caller;
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
    /// The number of the event while the task is in progress.
    event: Option<u64>,
}

impl<T> Traced<T> {
    /// Creates a task that was called at `at`; `what` describes it and runs only with a report.
    pub(crate) fn new(
        task: T,
        report: Option<&Arc<Report>>,
        at: Caller,
        what: impl FnOnce(&T) -> String,
    ) -> Self {
        let trace = report.map(|report| Trace {
            report: Arc::clone(report),
            what: what(&task),
            event: None,
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
                .event
                .get_or_insert_with(|| report.event(what, self.at));
            (trace, event)
        });
        let mut outcome = self.task.poll(cx);
        if let Poll::Ready(Err(error)) = &mut outcome {
            error.set_place(self.at);
        }
        if let (Poll::Ready(outcome), Some((trace, event))) = (&mut outcome, trace) {
            trace.event = None;
            match outcome {
                Ok(_) => trace.report.ended(event, "ok"),
                Err(error) => trace.report.failed(event, error),
            }
        }
        outcome
    }
}

/// Adds the place `at` to the error of a call that took no time, and records it in `report`.
pub(crate) fn failed(error: impl Into<Error>, report: Option<&Arc<Report>>, at: Caller) -> Error {
    let mut error = error.into();
    error.set_place(at);
    if let Some(report) = report {
        report.fail(&mut error);
    }
    error
}

impl<T> Drop for Traced<T> {
    fn drop(&mut self) {
        if let Some(trace) = &self.trace
            && let Some(event) = trace.event
        {
            trace.report.ended(event, "dropped");
        }
    }
}

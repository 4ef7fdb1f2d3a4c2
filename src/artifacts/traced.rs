//! [`Traced`]: an operation whose start and outcome the report records.
//!
//! If the operation fails, its error has the place from which it was called, and the artifacts.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::report::Report;
use super::test_thread;
use crate::caller::{Caller, place};
use crate::error::{Error, Result};
use crate::notice::{PATIENCE, say};
use crate::operation::Task;
use crate::runtime;

/// A task, the place of its call, and its entry in the timeline.
pub(crate) struct Traced<T> {
    task: T,
    at: Caller,
    report: Option<Arc<Report>>,
    /// The description of the entry; `None` if the timeline has none.
    what: Option<String>,
    /// The number of the event while the task is in progress.
    event: Option<u64>,
    patience: Patience,
}

/// Whether the task has said that it takes long.
enum Patience {
    /// It has not waited yet.
    Unused,
    Ends(Pin<Box<Sleep>>),
    Ended,
}

impl<T> Traced<T> {
    /// Creates a task that was called at `at`; `what` describes it and runs only with a report.
    pub(crate) fn new(
        task: T,
        report: Option<&Arc<Report>>,
        at: Caller,
        what: impl FnOnce(&T) -> String,
    ) -> Self {
        let what = report.map(|_| what(&task));
        let mut traced = Self::without_entry(task, report, at);
        traced.what = what;
        traced
    }

    /// Creates a task that was called at `at` and has no entry in the timeline.
    pub(crate) fn without_entry(task: T, report: Option<&Arc<Report>>, at: Caller) -> Self {
        Self {
            task,
            at,
            report: report.cloned(),
            what: None,
            event: None,
            patience: Patience::Unused,
        }
    }
}

impl<T: Task> Task for Traced<T> {
    type Output = T::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.task.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T::Output>> {
        if let (Some(report), Some(what), None) = (&self.report, &self.what, self.event) {
            self.event = Some(report.event(what, self.at));
            test_thread::uses(report);
        }
        let mut outcome = self.task.poll(cx);
        if let Poll::Ready(outcome) = &mut outcome {
            if let Err(error) = outcome {
                error.set_place(self.at);
            }
            match (&self.report, self.event.take(), outcome) {
                (Some(report), Some(event), Ok(_)) => report.ended(event, "ok"),
                (Some(report), Some(event), Err(error)) => report.failed(event, error),
                (Some(report), None, Err(error)) => report.fail(error),
                (Some(_), None, Ok(_)) | (None, ..) => {}
            }
        } else if self.event.is_some() {
            self.say_if_slow(cx);
        }
        outcome
    }
}

impl<T> Traced<T> {
    /// Says once what takes long, and where it was called: if a runner ends the test, that is all
    /// that is known of it.
    fn say_if_slow(&mut self, cx: &mut Context<'_>) {
        if let Patience::Unused = self.patience {
            let Ok(_on_io_thread) = runtime::enter() else {
                return;
            };
            self.patience = Patience::Ends(Box::pin(tokio::time::sleep(PATIENCE)));
        }
        if let (Patience::Ends(sleep), Some(what)) = (&mut self.patience, &self.what)
            && sleep.as_mut().poll(cx).is_ready()
        {
            let at = place(self.at);
            say(format_args!(
                "{what}, called at {at}, has taken {PATIENCE:?} so far"
            ));
            self.patience = Patience::Ended;
        }
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
        if let (Some(report), Some(event)) = (&self.report, self.event) {
            report.ended(event, "dropped");
        }
    }
}

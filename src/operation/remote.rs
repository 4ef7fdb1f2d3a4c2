//! [`Remote`]: a task whose future runs on the I/O thread; the waiting thread receives its result.
//!
//! Dropping the task aborts the future. The future's own drop guards must then leave the board in
//! a defined state.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::error::Result;
use crate::operation::Task;
use crate::runtime::spawn;

type Start<T> = Box<dyn FnOnce(Duration) -> Pin<Box<dyn Future<Output = Result<T>> + Send>> + Send>;

/// A future that is created with its time limit and started at the first poll.
pub(crate) struct Remote<T> {
    limit: Duration,
    start: Option<Start<T>>,
    running: Option<JoinHandle<Result<T>>>,
}

impl<T> Remote<T> {
    /// Creates a task; `start` receives the time limit, by default `limit`, and must enforce it.
    pub(crate) fn new<F>(
        limit: Duration,
        start: impl FnOnce(Duration) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Self {
            limit,
            start: Some(Box::new(move |limit| Box::pin(start(limit)))),
            running: None,
        }
    }
}

impl<T: Send + 'static> Task for Remote<T> {
    type Output = T;

    fn set_timeout(&mut self, timeout: Duration) {
        self.limit = timeout;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if let Some(start) = self.start.take() {
            self.running = Some(spawn(start(self.limit))?);
        }
        let Some(running) = &mut self.running else {
            return Poll::Pending; // polled again after the result was returned
        };
        let outcome = ready!(Pin::new(running).poll(cx));
        self.running = None;
        Poll::Ready(match outcome {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Poll::Pending, // aborted, which only `drop` does
            },
        })
    }
}

impl<T> Drop for Remote<T> {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

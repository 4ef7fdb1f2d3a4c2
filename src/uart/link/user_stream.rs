//! Panics in a stream, whose type may be the user's.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::uart::error::Ending;
use crate::uart::transcript::Transcript;

/// Runs `work` on a stream. If it panics, ends the transcript and returns none.
pub(super) async fn catch_panic<T>(
    work: impl Future<Output = T>,
    transcript: &Transcript,
) -> Option<T> {
    let mut work = pin!(work);
    // After a panic, `work` is never polled again.
    let polled = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    );
    let panic = match polled.await {
        Ok(done) => return Some(done),
        Err(panic) => panic,
    };
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or(panic.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("without a message");
    transcript.end(Ending::panicked(message));
    None
}

//! Writing jobs to a stream.

use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::job::JobQueue;
use super::user_stream::catch_panic;
use crate::uart::error::NotSent;
use crate::uart::transcript::Transcript;

/// Writes the jobs in order, until the link is dropped.
pub(super) async fn write_all<S>(mut jobs: JobQueue, mut sink: S, transcript: Arc<Transcript>)
where
    S: AsyncWrite + Unpin,
{
    while let Some(job) = jobs.0.recv().await {
        let written = async {
            sink.write_all(&job.bytes).await?;
            sink.flush().await
        };
        let Some(written) = catch_panic(written, &transcript).await else {
            return;
        };
        job.answer(match written {
            Ok(()) => Ok(Duration::ZERO),
            Err(error) => Err(NotSent::Host(error.to_string())),
        });
    }
}

/// A descriptor to write to.
pub(super) struct Sink(pub(super) AsyncFd<File>);

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(cx))?;
            if let Ok(written) = ready.try_io(|fd| fd.get_ref().write(bytes)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

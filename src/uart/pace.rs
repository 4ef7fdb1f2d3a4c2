//! Writing no faster than the other end takes bytes, in its own time.
//!
//! For an end that cannot hold back its sender: an emulated UART, to which time
//! passes as fast as its emulator gets on. Little goes at once, as it comes. Knows
//! nothing of who sends, or of what is behind the stream.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::runtime::{Clock, Deadline};

/// How fast a stream may be written.
pub(crate) struct Pace {
    /// The time of the other end.
    pub(crate) clock: Arc<dyn Clock>,
    /// How many bytes may go at once.
    pub(crate) burst: usize,
    /// How many go in a second of that time.
    pub(crate) bytes_per_second: u32,
}

/// A sink that is written at a pace, or as fast as it takes bytes.
pub(super) struct Paced<S> {
    sink: S,
    pace: Option<Pace>,
    /// Bytes written since the last rest.
    ahead: usize,
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    pub(super) fn new(sink: S, pace: Option<Pace>) -> Self {
        let ahead = 0;
        Self { sink, pace, ahead }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let burst = self.pace.as_ref().map_or(bytes.len(), |pace| pace.burst);
        for piece in bytes.chunks(burst.max(1)) {
            if self.ahead + piece.len() > burst {
                self.rest().await;
            }
            self.sink.write_all(piece).await?;
            self.ahead += piece.len();
        }
        self.sink.flush().await
    }

    /// Makes room for the next bytes, if there is little left.
    pub(super) async fn catch_up(&mut self) {
        if let Some(pace) = &self.pace
            && self.ahead > pace.burst / 2
        {
            self.rest().await;
        }
    }

    /// Waits until the other end has had the time for all that was written.
    async fn rest(&mut self) {
        let ahead = u32::try_from(std::mem::take(&mut self.ahead)).unwrap_or(u32::MAX);
        let Some(pace) = self.pace.as_ref().filter(|_| ahead > 0) else {
            return;
        };
        let time = Duration::from_secs(1) * ahead / pace.bytes_per_second.max(1);
        let mut deadline = Deadline::new(time, Some(Arc::clone(&pace.clock)));
        // Fails only without the I/O thread, on which this runs.
        let _ = poll_fn(|cx| deadline.poll(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::runtime::Reading;
    use crate::uart::lock;

    /// The guest's time, which passes by a millisecond with every look at it.
    #[derive(Default)]
    struct Slow(Mutex<u64>);

    impl Clock for Slow {
        fn read(&self) -> Reading {
            let mut looks = lock(&self.0);
            *looks += 1;
            let now = Duration::from_millis(*looks);
            Box::pin(async move { Some(now) })
        }
    }

    fn paced(clock: &Arc<Slow>) -> Paced<Vec<u8>> {
        let pace = Pace {
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            burst: 4,
            bytes_per_second: 4000,
        };
        Paced::new(Vec::new(), Some(pace))
    }

    #[tokio::test]
    async fn what_is_more_than_a_burst_has_the_others_time() {
        let clock = Arc::<Slow>::default();
        let mut sink = paced(&clock);
        sink.write_all(b"0123456789").await.unwrap();
        assert_eq!(sink.sink, b"0123456789");
        // Two rests of a millisecond, each seen by two looks at least.
        assert!(*lock(&clock.0) >= 4);
    }

    #[tokio::test]
    async fn what_fits_in_a_burst_goes_at_once() {
        let clock = Arc::<Slow>::default();
        let mut sink = paced(&clock);
        sink.write_all(b"01").await.unwrap();
        sink.catch_up().await;
        sink.write_all(b"23").await.unwrap();
        assert_eq!(*lock(&clock.0), 0);
        sink.catch_up().await;
        assert!(*lock(&clock.0) >= 2);
        assert_eq!(sink.sink, b"0123");
    }
}

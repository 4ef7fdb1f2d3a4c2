//! [`Follower`]: a reader of all output as it arrives, for what shows it elsewhere.
//!
//! It never waits in the board's time: a virtual clock advances only while an operation waits.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::expect::wait::reader_id;
use super::handle::Uart;
use super::state::UartState;
use super::transcript::chunk::View;
use super::transcript::{Next, Position};
use crate::sync::lock;

/// A reader of the transcript; its drop removes the task's waker.
pub(crate) struct Follower {
    uart: Arc<UartState>,
    id: u64,
    at: Position,
}

impl Uart {
    /// Returns a reader of the output from the cursor on.
    pub(crate) fn follow(&self) -> Follower {
        Follower::new(&self.shared, lock(&self.local).cursor.at)
    }
}

impl Follower {
    pub(super) fn new(uart: &Arc<UartState>, at: Position) -> Self {
        let uart = Arc::clone(uart);
        let id = reader_id();
        Self { uart, id, at }
    }

    /// Returns the next bytes of output as soon as there are some, across restarts of the board.
    pub(crate) async fn next(&mut self) -> Vec<u8> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        let transcript = &self.uart.transcript;
        // Before reading, so that no output is missed.
        transcript.watch(self.id, cx.waker());
        loop {
            let last = transcript.end_position().segment;
            match transcript.next(self.at, last, None) {
                Next::Bytes(range) => {
                    let Ok(chunk) = transcript.chunk(range.start) else {
                        self.at.offset = range.end; // no longer kept
                        continue;
                    };
                    let pieces = chunk.pieces(range.clone(), View::Raw);
                    let bytes = pieces.flat_map(|piece| piece.bytes.iter().copied());
                    let bytes: Vec<u8> = bytes.collect();
                    self.at.offset = chunk.end().min(range.end);
                    return Poll::Ready(bytes);
                }
                Next::Segment(next) => self.at = next,
                Next::Ended(_) | Next::ForbiddenMatch(_) | Next::Nothing => return Poll::Pending,
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.uart.transcript.unwatch(self.id);
    }
}

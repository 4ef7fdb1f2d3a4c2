//! The output that follows the match of a guard: the rest of its line and the lines behind it,
//! which the error shows. [`Aftermath`] waits for it.

use std::ops::ControlFlow;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::runtime::Deadline;
use crate::uart::pattern::stops::line_ends;
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::slice::TranscriptSlice;
use crate::uart::transcript::split::Splitter;

/// The number of lines to wait for, the line of the match included.
pub(crate) const LINES: usize = 20;
/// The number of bytes to wait for.
pub(crate) const BYTES: usize = 4 << 10;
/// The longest wait, in the board's time.
const TIME: Duration = Duration::from_millis(100);

/// A wait for the output that follows a match.
pub(crate) struct Aftermath {
    /// The end of the match.
    from: u64,
    deadline: Deadline,
    reader: u64,
}

impl Aftermath {
    /// Creates a wait for the output from `from` on, where the match ends.
    pub(crate) fn new(uart: &UartState, from: u64, reader: u64) -> Self {
        let passed = uart.since(from.saturating_sub(1));
        Self {
            from,
            deadline: uart.deadline(TIME.saturating_sub(passed), line_ends),
            reader,
        }
    }

    /// Is ready once there is enough output, or the time is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, uart: &UartState) -> Poll<()> {
        uart.transcript.watch(self.reader, cx.waker());
        if self.is_enough(uart) {
            return Poll::Ready(());
        }
        // Also ready if the deadline fails: the error then shows the output so far.
        self.deadline.poll(cx).map(drop)
    }

    fn is_enough(&self, uart: &UartState) -> bool {
        let transcript = &uart.transcript;
        let end = transcript.end_position().offset;
        if transcript.ending().is_some() || end >= self.from + BYTES as u64 {
            return true;
        }
        let slice = TranscriptSlice {
            transcript,
            range: self.from.min(end)..end,
            view: View::Text,
        };
        let (mut splitter, mut lines) = (Splitter::default(), 0);
        let counted = slice.forwards(|piece| {
            splitter.feed(piece, |_| {
                lines += 1;
                None::<()>
            });
            ControlFlow::<()>::Continue(())
        });
        lines >= LINES || counted.is_err()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;
    use crate::secs;
    use crate::uart::handle::Uart;
    use crate::uart::state::Settings;

    fn arrive(shared: &UartState, output: &str) {
        let mut output = output.as_bytes().to_vec();
        let count = output.len();
        // A time in the future, so that a slow host does not end the wait.
        shared.transcript.append_at(&mut output, count, secs(3600));
        shared.transcript.announce();
    }

    #[test]
    fn a_match_waits_for_the_rest_of_the_line_and_more() {
        let shared = Arc::new(UartState::new("u", Settings::default(), None));
        let uart = Uart::at_start(&shared);
        let _guard = uart.forbid("HardFault").unwrap();
        arrive(&shared, "start\n!!! HardFault");
        let mut waiting = uart.expect("never");
        let mut poll = || Pin::new(&mut waiting).poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        arrive(&shared, " pc=0x080005da\n");
        assert!(poll().is_pending());
        for register in 0..100 {
            arrive(&shared, &format!("r{register}=0\n"));
        }
        let Poll::Ready(Err(error)) = poll() else {
            panic!("there is enough");
        };
        let error = error.to_string();
        let line = "  | start\\n\n  | !!! HardFault pc=0x080005da\\n\n  | r0=0\\n\n";
        assert!(error.contains(line), "{error}");
        assert!(error.contains("  | r18=0\\n\n  …"), "{error}");
    }
}

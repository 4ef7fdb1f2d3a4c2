//! What a board says of a fault after the pattern that gave it away: the rest of the line
//! and some more belong into the error.

use std::ops::ControlFlow;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::runtime::{ByteSet, Deadline};
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::slice::TranscriptSlice;
use crate::uart::transcript::split::Splitter;

/// How many lines are waited for, that of the fault among them.
pub(crate) const LINES: usize = 20;
/// How many bytes.
pub(crate) const BYTES: usize = 4 << 10;
/// For how long in the board's time.
const TIME: Duration = Duration::from_millis(100);

/// Waits for what follows a fault.
pub(crate) struct Aftermath {
    /// Where that begins.
    from: u64,
    deadline: Deadline,
    reader: u64,
}

impl Aftermath {
    /// What follows the byte before `from`.
    pub(crate) fn new(uart: &UartState, from: u64, reader: u64) -> Self {
        let passed = uart.since(from.saturating_sub(1));
        Self {
            from,
            deadline: uart.deadline(TIME.saturating_sub(passed), || ByteSet::of(LINE_ENDS)),
            reader,
        }
    }

    /// Ready when there is enough, or no more comes in time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, uart: &UartState) -> Poll<()> {
        uart.transcript.watch(self.reader, cx.waker());
        if self.is_enough(uart) {
            return Poll::Ready(());
        }
        // Without a deadline it is not waited for.
        self.deadline.poll(cx).map(drop)
    }

    fn is_enough(&self, uart: &UartState) -> bool {
        let transcript = &uart.transcript;
        let end = transcript.end_position().offset;
        if transcript.ending().is_some() || end >= self.from + BYTES as u64 {
            return true;
        }
        let stretch = TranscriptSlice {
            transcript,
            range: self.from.min(end)..end,
            view: View::Text,
        };
        let (mut splitter, mut lines) = (Splitter::default(), 0);
        let counted = stretch.forwards(|piece| {
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
        // However slow the host is, this was just now.
        shared.transcript.append_at(&mut output, count, secs(3600));
        shared.transcript.announce();
    }

    #[test]
    fn the_rest_of_the_line_and_some_more_are_waited_for() {
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

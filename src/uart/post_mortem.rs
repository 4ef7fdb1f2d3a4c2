//! The state of the board in the error of an operation: [`Explained`].
//!
//! Only the board can look into its emulator. Each UART has its [`Explain`](super::explain::Explain); an operation
//! that fails asks it and waits for the answer.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::addresses::addresses;
use super::error::{Ending, UartErrorKind};
use super::explain::{Explanation, Question};
use super::state::UartState;
use crate::debug::SLEEPS;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Task;
use crate::sync::lock;

/// A task whose error has the state of the board.
pub(super) struct Explained<T> {
    operation: T,
    uart: Arc<UartState>,
    failed: Option<Failed>,
}

struct Failed {
    error: Error,
    explanation: Explanation,
}

impl<T> Explained<T> {
    pub(super) fn new(operation: T, uart: &Arc<UartState>) -> Self {
        Self {
            operation,
            uart: Arc::clone(uart),
            failed: None,
        }
    }

    pub(super) fn operation(&self) -> &T {
        &self.operation
    }

    /// Asks for what the board can say of `error`.
    fn ask(&self, error: &Error) -> Option<Explanation> {
        let explain = lock(&self.uart.explain).clone()?;
        let ErrorKind::Uart(failure) = error.kind() else {
            return None;
        };
        let is_stopped = self.uart.is_stopped() || self.uart.is_bare();
        let state = is_explained_by_the_board(failure.kind()) && !is_stopped;
        let addresses = addresses(failure.excerpt().unwrap_or_default());
        (state || !addresses.is_empty()).then(|| {
            explain.ask(Question {
                state,
                hold: self.uart.begin_hold().filter(|_| state),
                addresses,
            })
        })
    }
}

/// Returns true if the board did not do what an operation has waited for, or did what it must not.
fn is_explained_by_the_board(kind: &UartErrorKind) -> bool {
    match kind {
        UartErrorKind::Timeout { .. }
        | UartErrorKind::Watchdog { .. }
        | UartErrorKind::Forbidden { .. } => true,
        UartErrorKind::Ended { ending } => match ending {
            Ending::Exited(_) | Ending::Halted(_) | Ending::LockedUp(_) | Ending::Stalled(_) => {
                true
            }
            Ending::NotStarted | Ending::Off(_) | Ending::Restarted(_) | Ending::Closed => false,
        },
        _ => false,
    }
}

/// The shortest time limit of which it is said that idle time counts.
const LONG: Duration = Duration::from_secs(10);

/// Returns the hint for a long time limit in real time that ended while the firmware slept.
fn idle_hint(uart: &UartState, error: &Error, state: &str) -> Option<&'static str> {
    let ErrorKind::Uart(error) = error.kind() else {
        return None;
    };
    let is_long = matches!(error.kind(), UartErrorKind::Timeout { waited } if *waited >= LONG);
    let sleeps = state.lines().next()?.contains(SLEEPS);
    (uart.settings.could_be_virtual && is_long && sleeps).then_some(
        "\n  if it waits for a time of its own: `clock: virtual` passes idle time at once",
    )
}

/// Returns the hint that nothing was sent to firmware that sleeps: it may wait for input.
fn unsent_hint(uart: &UartState, state: &str) -> Option<&'static str> {
    let sleeps = state.lines().next()?.contains(SLEEPS);
    let start = uart.transcript.segment_start();
    let is_sent = lock(&uart.conversation).sent_end_since(start).is_some();
    (sleeps && !is_sent)
        .then_some("\n  the test has sent nothing on this UART since the board began")
}

impl<T: Task> Task for Explained<T> {
    type Output = T::Output;

    fn set_timeout(&mut self, timeout: Duration) {
        self.operation.set_timeout(timeout);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T::Output>> {
        if self.failed.is_none() {
            let error = match ready!(self.operation.poll(cx)) {
                Ok(output) => return Poll::Ready(Ok(output)),
                Err(error) => error,
            };
            let Some(explanation) = self.ask(&error) else {
                return Poll::Ready(Err(error));
            };
            self.failed = Some(Failed { error, explanation });
        }
        let Some(failed) = &mut self.failed else {
            return Poll::Pending; // polled again after the result was returned
        };
        let answer = ready!(failed.explanation.as_mut().poll(cx));
        match self.failed.take() {
            Some(Failed { mut error, .. }) => {
                error.add_to_excerpt(&answer.names);
                if let Some(text) = answer.state {
                    let idle = idle_hint(&self.uart, &error, &text).unwrap_or_default();
                    let unsent = unsent_hint(&self.uart, &text).unwrap_or_default();
                    error.set_post_mortem(text + unsent + idle);
                }
                Poll::Ready(Err(error))
            }
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uart::error::UartError;
    use crate::uart::state::Settings;

    #[test]
    fn only_a_long_wait_for_a_sleeping_guest_in_real_time_is_told_of_the_virtual_clock() {
        const SLEEPING: &str =
            "firmware: sleeps until an interrupt comes (WFI), at 0x08000410\n  called by main";
        let hint = |could_be_virtual, seconds, state| {
            let settings = Settings {
                could_be_virtual,
                ..Settings::default()
            };
            let waited = Duration::from_secs(seconds);
            let error = UartErrorKind::Timeout { waited };
            let error = UartError::new("u", "expect".to_owned(), error).into();
            idle_hint(&UartState::new("u", settings, None), &error, state).is_some()
        };
        assert!(hint(true, 10, SLEEPING));
        assert!(!hint(true, 9, SLEEPING));
        assert!(!hint(false, 10, SLEEPING));
        assert!(!hint(true, 10, "firmware: runs, at 0x08000410"));
    }

    #[test]
    fn only_of_a_sleeping_guest_that_was_sent_nothing_this_is_said() {
        let uart = UartState::new("u", Settings::default(), None);
        let says_it = |state: &str| unsent_hint(&uart, state).is_some();
        let sleeping = format!("firmware: {SLEEPS}, at 0x08000410\n  called by main");
        assert!(says_it(&sleeping));
        assert!(!says_it("firmware: runs, at 0x08000410"));
        uart.note_sent(b"ping\n");
        assert!(!says_it(&sleeping));
    }
}

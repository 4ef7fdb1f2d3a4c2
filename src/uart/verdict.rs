//! The verdict at the end of a test: a guard's match fails the test, unless an error that reports
//! it is alive.
//!
//! A target gives the verdict itself; [`VerdictOnDrop`] gives it for a UART without one, and
//! [`verdict_at_exit`] for a UART in a `static`. Each match is reported once.

use std::io::Write;
use std::sync::{Arc, Mutex, Once, Weak};

use super::addresses::addresses;
use super::error::UartError;
use super::expect::diagnose;
use super::state::UartState;
use crate::sync::lock;

/// Returns the error of a guard that matched, unless an error that reports the match is alive;
/// each match is reported once.
pub(super) fn verdict(uart: &UartState) -> Option<UartError> {
    let forbidden = uart.transcript.take_unreported_match()?;
    let mut error = diagnose::forbidden(uart, &forbidden, None);
    if let Some(board) = lock(&uart.explain).clone() {
        let addresses = addresses(error.excerpt().unwrap_or_default());
        error.add_to_excerpt(&board.names(&addresses));
    }
    Some(error)
}

/// A guard value that gives the verdict when the last handle of a UART without a target is
/// dropped.
pub(super) struct VerdictOnDrop {
    uart: Arc<UartState>,
    owner: u32,
}

impl VerdictOnDrop {
    pub(super) fn new(uart: &Arc<UartState>) -> Arc<Self> {
        Arc::new(Self {
            uart: Arc::clone(uart),
            owner: std::process::id(),
        })
    }
}

impl Drop for VerdictOnDrop {
    /// # Panics
    /// If a [forbidden](super::Uart::forbid) pattern has appeared and no error that reports it is
    /// alive, unless the thread already panics: such a test must not pass.
    #[allow(clippy::panic)]
    fn drop(&mut self) {
        // A forked child has a copy of the handle, but the test runs in its parent.
        if std::process::id() != self.owner {
            return;
        }
        if let Some(error) = verdict(&self.uart)
            && !std::thread::panicking()
        {
            panic!("{error}");
        }
    }
}

/// The UARTs with a guard, and the ids of the processes that own them.
static GUARDED: Mutex<Vec<(u32, Weak<UartState>)>> = Mutex::new(Vec::new());

/// Gives the verdict at the end of the process, too: a `static` is never dropped.
pub(super) fn verdict_at_exit(uart: &Arc<UartState>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        if !shutdown_hooks::add_shutdown_hook(abort_if_unreported) {
            tracing::warn!(
                "the end of the process cannot be caught: what is in a `static` is not judged"
            );
        }
    });
    let mut guarded = lock(&GUARDED);
    guarded.retain(|(_, known)| known.strong_count() > 0 && !known.ptr_eq(&Arc::downgrade(uart)));
    guarded.push((std::process::id(), Arc::downgrade(uart)));
}

/// Aborts a process that exits with a forbidden match that no error has reported.
extern "C" fn abort_if_unreported() {
    let guarded = std::mem::take(&mut *lock(&GUARDED));
    let ours = guarded
        .iter()
        .filter(|(owner, _)| *owner == std::process::id());
    let unreported = ours.filter_map(|(_, uart)| verdict(&*uart.upgrade()?));
    let unreported: Vec<_> = unreported.collect();
    for error in &unreported {
        // If standard error is closed, the exit status still shows it.
        let _ = writeln!(std::io::stderr(), "virtual-target: {error}");
    }
    if !unreported.is_empty() {
        std::process::abort();
    }
}

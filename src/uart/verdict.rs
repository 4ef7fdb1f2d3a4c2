//! The verdict at the end of a test: what a guard has found fails it, unless it has been told.

use std::io::Write;
use std::sync::{Arc, Mutex, Once, Weak};

use super::error::ExpectError;
use super::expect::diagnose;
use super::state::UartState;
use crate::sync::lock;

/// The error of a guard that found something, unless an error that says so lives. None is
/// told twice.
pub(super) fn verdict(uart: &UartState, end: &str) -> Option<ExpectError> {
    let forbidden = uart.transcript.take_unreported_match()?;
    Some(diagnose::forbidden(uart, &forbidden, end))
}

/// Gives the verdict when the last handle of a UART without a target is dropped.
pub(super) struct Judge {
    uart: Arc<UartState>,
    owner: u32,
}

impl Judge {
    pub(super) fn new(uart: &Arc<UartState>) -> Arc<Self> {
        Arc::new(Self {
            uart: Arc::clone(uart),
            owner: std::process::id(),
        })
    }
}

impl Drop for Judge {
    /// # Panics
    /// If a [forbidden](super::Uart::forbid) pattern has appeared and no error that says so
    /// lives, unless the thread panics already: a test must not pass then.
    #[allow(clippy::panic)]
    fn drop(&mut self) {
        // A forked child has a copy of the handle, but the test is its parent's.
        if std::process::id() != self.owner {
            return;
        }
        if let Some(error) = verdict(&self.uart, "the end of the test")
            && !std::thread::panicking()
        {
            panic!("{error}");
        }
    }
}

/// The UARTs with a guard, and whose they are.
static GUARDED: Mutex<Vec<(u32, Weak<UartState>)>> = Mutex::new(Vec::new());

/// Has the end of the process give the verdict, too: what is in a `static` is never dropped.
pub(super) fn at_exit(uart: &Arc<UartState>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        if !shutdown_hooks::add_shutdown_hook(judge_all) {
            tracing::warn!(
                "the end of the process cannot be caught: what is in a `static` is not judged"
            );
        }
    });
    let mut guarded = lock(&GUARDED);
    guarded.retain(|(_, known)| known.strong_count() > 0 && !known.ptr_eq(&Arc::downgrade(uart)));
    guarded.push((std::process::id(), Arc::downgrade(uart)));
}

/// Fails a process that would exit although something forbidden has appeared and nobody was told.
extern "C" fn judge_all() {
    let guarded = std::mem::take(&mut *lock(&GUARDED));
    let ours = guarded
        .iter()
        .filter(|(owner, _)| *owner == std::process::id());
    let unreported =
        ours.filter_map(|(_, uart)| verdict(&*uart.upgrade()?, "the end of the process"));
    let unreported: Vec<_> = unreported.collect();
    for error in &unreported {
        // Whoever does not listen sees the status.
        let _ = writeln!(std::io::stderr(), "virtual-target: {error}");
    }
    if !unreported.is_empty() {
        std::process::abort();
    }
}

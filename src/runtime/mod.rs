//! The background I/O thread and what runs on it.
//!
//! One long-lived thread per test process runs a current-thread tokio runtime;
//! all sockets, pipes and timers live there, so that handles work in any
//! runtime and in none. This module knows nothing of UARTs, targets or
//! emulators.

mod deadline;
mod virtual_clock;

pub(crate) use deadline::{Clock, CutShort, Deadline, Reading, Stepped};
pub(crate) use virtual_clock::{ByteSet, Hold, Run, VirtualClock, Wants};

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{EnterGuard, Handle};
use tokio::task::JoinHandle;

/// What the host refused.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The background I/O thread could not be started.
    #[error(
        "cannot start the background I/O thread: {0}; raise the limit on threads or processes (ulimit -u)"
    )]
    IoThread(String),
    /// There is no pseudo-terminal left, or none at all.
    #[error("cannot open a pseudo-terminal: {0}")]
    Pty(String),
    /// A wait was begun in the destructor of a thread-local.
    #[error(
        "cannot wait here: the thread is ending and its thread-local data is being destroyed; wait before that, or in another thread"
    )]
    EndingThread,
}

/// The handle of the I/O runtime, started at the first call.
pub(crate) fn handle() -> Result<&'static Handle, HostError> {
    static HANDLE: OnceLock<Result<Handle, HostError>> = OnceLock::new();
    HANDLE.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Handle, HostError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| HostError::IoThread(e.to_string()))?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("virtual-target-io".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(|e| HostError::IoThread(e.to_string()))?;
    Ok(handle)
}

/// Has timers and descriptors that the calling thread makes belong to the I/O thread.
pub(crate) fn enter() -> Result<EnterGuard<'static>, HostError> {
    let io_thread = handle()?;
    match Handle::try_current() {
        // Entering would panic, and a panic there aborts the process.
        Err(error) if error.is_thread_local_destroyed() => Err(HostError::EndingThread),
        _ => Ok(io_thread.enter()),
    }
}

/// Runs `future` on the I/O thread.
pub(crate) fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, HostError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Ok(handle()?.spawn(future))
}

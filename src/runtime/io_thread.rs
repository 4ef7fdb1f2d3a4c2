//! The one background thread that does all I/O.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{EnterGuard, Handle};
use tokio::task::JoinHandle;

use super::error::HostError;

const NAME: &str = "virtual-target-io";

/// Returns the handle of the I/O runtime, and starts the I/O thread at the first call.
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
        .name(NAME.into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(|e| HostError::IoThread(e.to_string()))?;
    Ok(handle)
}

/// Returns true on the I/O thread, which must not wait for its own tasks.
pub(crate) fn is_current() -> bool {
    std::thread::current().name() == Some(NAME)
}

/// Enters the I/O runtime: timers and descriptors that the calling thread then creates belong to
/// the I/O thread.
pub(crate) fn enter() -> Result<EnterGuard<'static>, HostError> {
    let io_thread = handle()?;
    match Handle::try_current() {
        // Entering would panic, and a panic in a thread-local's destructor aborts the process.
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

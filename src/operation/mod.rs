//! [`Operation`]: the type that every call which takes time returns.
//!
//! An operation is lazy, is a future for any executor, and can be waited for without one.
//! A [`Task`] does its work; [`Remote`] is the task that runs on the I/O thread.

mod remote;

pub(crate) use remote::Remote;

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::error::Result;
use crate::sync::lock;

/// The work of an [`Operation`]. Dropping a task cancels it.
pub(crate) trait Task: Send {
    type Output;

    /// Replaces the timeout. Called only before the first `poll`.
    fn set_timeout(&mut self, timeout: Duration);

    /// Polls the task, as `Future::poll` does, in the thread that waits.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::Output>>;
}

/// A call that takes time: await it in any runtime, or call [`wait`](Self::wait) without one.
///
/// Operations are lazy: nothing happens before the first poll. Dropping one cancels it; the method
/// that returns the operation documents the effect.
///
/// ```
/// # fn main() -> virtual_target::Result<()> {
/// use virtual_target::uart::Uart;
///
/// let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
/// let uart = Uart::over_fd(ours)?;
/// std::io::Write::write_all(&mut &board, b"ready\r\n").unwrap();
/// uart.expect_line("ready").wait()?;          // plain test
/// # let _ = async {
/// uart.expect_line("ready").await?;           // async test, any runtime
/// # Ok::<(), virtual_target::Error>(()) };
/// # Ok(()) }
/// ```
#[must_use = "an operation does nothing until it is awaited or `.wait()` is called"]
pub struct Operation<T> {
    task: Box<dyn Task<Output = T>>,
}

impl<T> Operation<T> {
    pub(crate) fn new(task: impl Task<Output = T> + 'static) -> Self {
        Self {
            task: Box::new(task),
        }
    }

    /// Replaces the default timeout with `timeout`, which starts at the first poll and is measured
    /// by the target's clock.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.task.set_timeout(timeout);
        self
    }

    /// Waits for the result in the calling thread, which sleeps until then.
    ///
    /// Works in a plain test, inside any runtime and inside `block_on`: all I/O
    /// runs on the crate's own thread. Inside an async test prefer `.await`,
    /// which lets the runtime's other tasks run.
    ///
    /// # Errors
    /// Those of the operation; [`HostError::EndingThread`](crate::HostError::EndingThread) if
    /// it has to wait in the destructor of a thread-local.
    pub fn wait(self) -> Result<T> {
        block_on(self)
    }
}

impl<T> Future for Operation<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.task.poll(cx)
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").finish_non_exhaustive()
    }
}

/// A waker for a thread that sleeps. `thread::park` is not used: it would consume an unpark for
/// which the thread's own program waits.
#[derive(Default)]
struct Sleeper {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Sleeper {
    fn sleep(&self) {
        let is_woken = lock(&self.is_woken);
        let woken = self.woken.wait_while(is_woken, |is_woken| !*is_woken);
        *woken.unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *lock(&self.is_woken) = true;
        self.woken.notify_one();
    }
}

/// Polls `future` in this thread, which sleeps between two polls. Unlike a runtime's executor, this
/// function can be nested in any runtime. In a task of tokio's, `future` does not use the task's
/// budget, because only a return to tokio would refill the budget.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(tokio::task::unconstrained(future));
    let sleeper = Arc::<Sleeper>::default();
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        sleeper.sleep();
    }
}

//! [`HostError`]: the failures of the host to provide the I/O thread, a terminal or a wait.

/// A failure of the host.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The background I/O thread could not be started.
    #[error(
        "cannot start the background I/O thread: {0}; raise the limit on threads or processes (ulimit -u)"
    )]
    IoThread(String),
    /// No pseudo-terminal is available.
    #[error("cannot open a pseudo-terminal: {0}")]
    Pty(String),
    /// The terminal of the process cannot be used.
    #[error("cannot use the terminal: {0}")]
    Terminal(String),
    /// A wait was begun in the destructor of a thread-local.
    #[error(
        "cannot wait here: the thread is ending and its thread-local data is being destroyed; wait before that, or in another thread"
    )]
    EndingThread,
}

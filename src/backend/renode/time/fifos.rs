//! The connection to a script of ours inside Renode: one FIFO for orders, one for reports,
//! and a [`DriverTask`] that writes orders and reads reports.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;

/// The number of bytes that may have yet to arrive at the guest when a `send` is done: more
/// than any typed line has, so sending a line takes no time.
pub(crate) const AHEAD: u32 = 256;

/// The largest number of bytes for the guest in an order.
const MOST_AT_ONCE: usize = 1024;

/// Returns bytes for the guest as hexadecimal digits, in parts for an order each.
pub(crate) fn parts(bytes: &[u8]) -> impl Iterator<Item = String> {
    let digits = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.chunks(MOST_AT_ONCE).map(digits)
}

/// Our ends of the FIFOs.
pub(crate) struct Fifos {
    pub(crate) orders: pipe::Sender,
    pub(crate) reports: pipe::Receiver,
}

impl Fifos {
    /// Creates the FIFOs in `directory`, as `orders` and `reports`.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn make(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            reports: pipe::Receiver::from_file_unchecked(fifo(&directory.join("reports"))?)?,
            orders: pipe::Sender::from_file_unchecked(fifo(&directory.join("orders"))?)?,
        })
    }
}

/// Creates a FIFO, open in both directions: so it neither blocks nor ends before it is closed
/// here.
fn fifo(path: &Path) -> io::Result<File> {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
}

/// The task of a driver; dropping this ends the task.
pub(crate) struct DriverTask {
    _task: JoinSet<()>,
}

impl DriverTask {
    /// Runs `drive`, and calls `failed` if it fails, or panics.
    ///
    /// Must be called on the I/O thread.
    pub(crate) fn spawn(
        drive: impl Future<Output = io::Result<()>> + Send + 'static,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> Self {
        let mut task = JoinSet::new();
        task.spawn(watch(drive, failed));
        Self { _task: task }
    }
}

async fn watch(
    drive: impl Future<Output = io::Result<()>> + Send + 'static,
    failed: impl FnOnce(String),
) {
    let mut driver = JoinSet::new();
    driver.spawn(drive);
    match driver.join_next().await {
        Some(Ok(Ok(()))) | None => {}
        Some(Ok(Err(error))) => failed(error.to_string()),
        Some(Err(error)) => failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_driver_is_reported() {
        let (failed, told) = oneshot::channel();
        let drive = async { panic!("on purpose") };
        watch(drive, |error| failed.send(error).unwrap()).await;
        let told = told.await.unwrap();
        assert!(told.contains("panicked"), "{told}");
    }
}

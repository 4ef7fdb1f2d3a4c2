//! [`output_of`]: what a program prints about itself, such as its version.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::process::{SpawnSpec, Supervisor};

/// The number of bytes that are read.
const MOST: u64 = 1 << 20;

/// Runs `program` with `arguments` and returns its output, if it ends within `limit`. The
/// supervisor kills the process if the future is dropped.
pub(super) async fn output_of(
    program: &Path,
    arguments: &[&str],
    supervisor: &Supervisor,
    limit: Duration,
) -> Option<String> {
    let (stdin, gate) = std::io::pipe().ok()?;
    let (output, stdout) = std::io::pipe().ok()?;
    let launch = SpawnSpec {
        program: program.to_owned(),
        args: arguments.iter().map(Into::into).collect(),
        env: std::env::vars_os().collect(),
        gate: gate.into(),
        stdin: stdin.into(),
        stderr: stdout.try_clone().ok()?.into(),
        stdout: stdout.into(),
        inherited: Vec::new(),
        directory: None,
    };
    let process = supervisor.spawn(launch).ok()?;
    let output = pipe::Receiver::from_owned_fd(output.into()).ok()?;
    let mut text = Vec::new();
    let read = output.take(MOST);
    let read = tokio::time::timeout(limit, async { { read }.read_to_end(&mut text).await }).await;
    process.kill();
    read.ok()?.ok()?;
    String::from_utf8(text).ok()
}

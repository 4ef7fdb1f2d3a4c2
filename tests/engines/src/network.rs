//! Broken networks, each in its own namespaces.
//!
//! Needs the right to create namespaces (`cfg(namespaces)`), util-linux and iproute2.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::emulator_variant::program;

/// Returns `run` without a network: a name lookup fails at once.
pub fn offline(run: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.arg("-rn").arg(run);
    command
}

/// Returns `run` with a resolver that never answers; `directory` is for its
/// configuration.
pub fn with_unresponsive_resolver(directory: &Path, run: &Path) -> Command {
    const ENTER: &str = "echo nameserver 127.0.0.1 > \"$0\" \
         && mount --bind \"$0\" /etc/resolv.conf && ip link set lo up && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["-rnm", "sh", "-c", ENTER].map(OsStr::new))
        .arg(directory.join("resolv.conf"))
        .arg(program("deaf-resolver"))
        .arg(run);
    command
}

//! The reason why a Renode has exited before its first prompt, as far as the system shows it.
//!
//! .NET exits with a status of its own, and with a reason that does not say what to do. If a
//! resource limit is too low, any part of .NET may fail first.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use nix::sys::resource::{Resource, getrlimit, rlim_t};
use nix::sys::signal::Signal;

use crate::backend::EmulatorExit;
use crate::backend::error::{ExitReason, StartHint};

const ABORT: i32 = Signal::SIGABRT as i32;

/// A limit of open files that is enough for .NET to start.
const FILES: rlim_t = 256;

/// The data that .NET needs at least, in addition to the memory that it reserves.
const DATA: rlim_t = 2 << 30;

/// Returns `exit` of a Renode that is to unpack itself into `place`, with the reason added.
pub(crate) fn explained(exit: &EmulatorExit, place: Option<PathBuf>) -> EmulatorExit {
    let status = match exit.reason {
        ExitReason::Ended { status, .. } => status,
        _ => None,
    };
    let mut exit = exit.clone();
    exit.hints.extend(unpacking(status, &exit.output, place));
    exit.hints.extend(limits());
    exit
}

/// Returns why unpacking failed, as far as Renode's exit shows it.
fn unpacking(
    status: Option<ExitStatus>,
    output: &str,
    place: Option<PathBuf>,
) -> Option<StartHint> {
    let code = status.and_then(|status| status.code());
    let signal = status.and_then(|status| status.signal());
    match (code, signal) {
        (Some(159), _) => Some(StartHint::NotUnpacked(place)),
        (Some(160), _) => Some(StartHint::NoRoom(place)),
        (Some(134), _) | (_, Some(ABORT)) => Some(StartHint::NoRuntime(place)),
        _ if output.contains("Failed to create CoreCLR") => Some(StartHint::NoRuntime(place)),
        _ => None,
    }
}

/// Returns the low resource limits of this process, which Renode inherits.
fn limits() -> Vec<StartHint> {
    let mut limits = Vec::new();
    // The soft limit, as `ulimit` shows it.
    let soft = |resource| getrlimit(resource).map_or(rlim_t::MAX, |(soft, _)| soft);
    let files = soft(Resource::RLIMIT_NOFILE);
    if files < FILES {
        limits.push(StartHint::Files {
            limit: files,
            needed: FILES,
        });
    }
    #[cfg(not(target_os = "macos"))]
    {
        let addresses = soft(Resource::RLIMIT_AS);
        if addresses != nix::libc::RLIM_INFINITY {
            limits.push(StartHint::Addresses(addresses));
        }
        if !Path::new("/proc/self/maps").exists() {
            limits.push(StartHint::NoProc);
        }
    }
    let data = soft(Resource::RLIMIT_DATA);
    if data < DATA {
        limits.push(StartHint::Memory(data));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_of_dot_net_is_reported_with_advice() {
        let exited = |code: i32| ExitStatus::from_raw(code << 8);
        let reason = |status, output: &str| {
            let hint = unpacking(Some(status), output, Some("/place".into()));
            hint.map(|hint| hint.to_string())
        };
        for (status, output, expected) in [
            (exited(159), "", "cannot unpack itself into /place"),
            (exited(160), "", "free some 300 MB"),
            (exited(134), "", "remove /place"),
            (ExitStatus::from_raw(ABORT), "", "remove /place"),
            (
                exited(137),
                "Failed to create CoreCLR, HRESULT",
                "remove /place",
            ),
        ] {
            let reason = reason(status, output).unwrap();
            assert!(reason.contains(expected), "{status}: {reason}");
        }
        for status in [exited(1), ExitStatus::from_raw(Signal::SIGKILL as i32)] {
            assert_eq!(reason(status, "cannot open assembly"), None, "{status}");
        }
    }
}

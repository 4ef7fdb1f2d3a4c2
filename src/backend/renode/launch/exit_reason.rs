//! The reason why a Renode has exited before its first prompt, as far as the system shows it.
//!
//! .NET exits with a status of its own, and with a reason that does not say what to do. If a
//! resource limit is too low, any part of .NET may fail first.

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, rlim_t};

use crate::backend::EmulatorExit;

/// A limit of open files that is enough for .NET to start.
const FILES: rlim_t = 256;

/// The data that .NET needs at least, in addition to the memory that it reserves.
const DATA: rlim_t = 2 << 30;

/// Returns `exit` of a Renode that is to unpack itself into `place`, with the reason added.
pub(crate) fn explained(exit: &EmulatorExit, place: &str) -> EmulatorExit {
    let mut reasons: Vec<String> = unpacking(&exit.what, &exit.output, place)
        .into_iter()
        .collect();
    reasons.extend(limits());
    let mut exit = exit.clone();
    if !reasons.is_empty() {
        exit.what = format!("{} ({})", exit.what, reasons.join("; "));
    }
    exit
}

/// Returns why unpacking failed, as far as Renode's exit shows it.
fn unpacking(what: &str, output: &str, place: &str) -> Option<String> {
    let ended = |how: &str| what.ends_with(how);
    if ended("status 159") {
        return Some(format!(
            "it cannot unpack itself into {place}: make that a directory that can be written to, \
             or set DOTNET_BUNDLE_EXTRACT_BASE_DIR to one"
        ));
    }
    if ended("status 160") {
        return Some(format!(
            "it cannot write all of itself to {place}: free some 300 MB there, or set \
             DOTNET_BUNDLE_EXTRACT_BASE_DIR to a directory that has room"
        ));
    }
    let aborted =
        ended("status 134") || ended("SIGABRT") || output.contains("Failed to create CoreCLR");
    aborted.then(|| {
        format!("its .NET could not start: if the reason is none of the below, remove {place}, where it has unpacked itself")
    })
}

/// Returns the low resource limits of this process, which Renode inherits.
fn limits() -> Vec<String> {
    let mut limits = Vec::new();
    // The soft limit, as `ulimit` shows it.
    let soft = |resource| getrlimit(resource).map_or(rlim_t::MAX, |(soft, _)| soft);
    let files = soft(Resource::RLIMIT_NOFILE);
    if files < FILES {
        limits.push(format!(
            "it may have only {files} files open: raise `ulimit -n` to {FILES} or more"
        ));
    }
    #[cfg(not(target_os = "macos"))]
    {
        let addresses = soft(Resource::RLIMIT_AS);
        if addresses != nix::libc::RLIM_INFINITY {
            limits.push(format!(
                "it may have only {} MiB of addresses, and .NET reserves 256 GiB: `ulimit -v unlimited`, \
                 or set DOTNET_GCHeapHardLimit",
                addresses >> 20
            ));
        }
        if !Path::new("/proc/self/maps").exists() {
            limits.push("there is no /proc, which .NET needs: mount it".to_owned());
        }
    }
    let data = soft(Resource::RLIMIT_DATA);
    if data < DATA {
        limits.push(format!(
            "it may have only {} MiB of memory: raise `ulimit -d`",
            data >> 20
        ));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_of_dot_net_is_reported_with_advice() {
        let reason = |what: &str, output: &str| unpacking(what, output, "/place");
        for (what, output, expected) in [
            (
                "Renode exited with status 159",
                "",
                "cannot unpack itself into /place",
            ),
            ("Renode exited with status 160", "", "free some 300 MB"),
            ("Renode exited with status 134", "", "remove /place"),
            ("Renode was killed by SIGABRT", "", "remove /place"),
            (
                "Renode exited with status 137",
                "Failed to create CoreCLR, HRESULT",
                "remove /place",
            ),
        ] {
            let reason = reason(what, output).unwrap();
            assert!(reason.contains(expected), "{what}: {reason}");
        }
        for what in [
            "Renode exited with status 1",
            "Renode was killed by SIGKILL",
        ] {
            assert_eq!(reason(what, "cannot open assembly"), None, "{what}");
        }
    }
}

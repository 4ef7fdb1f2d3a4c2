//! The arguments that Renode is started with.

use std::ffi::OsString;

/// Returns the arguments: no window; the monitor on standard input and output without the
/// log, or the monitor on a TCP port and the log, which reports the open port, on standard
/// output.
pub(crate) fn arguments(monitor_port: Option<u16>) -> Vec<OsString> {
    match monitor_port {
        None => ["--disable-xwt", "--console", "--hide-log"]
            .map(OsString::from)
            .to_vec(),
        Some(port) => ["--disable-xwt", "--port", &port.to_string()]
            .map(OsString::from)
            .to_vec(),
    }
}

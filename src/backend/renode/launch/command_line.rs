//! How Renode is started: its arguments.

use std::ffi::OsString;

/// No window; the monitor on standard input and output and the log elsewhere, or the
/// monitor on a TCP port and the log on standard output, where it says when that is open.
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

//! [`LogReader`]: QEMU's log, line by line, for the guards of the log.

use crate::uart::Ports;

/// The longest line that is held back until it ends.
const LONGEST: usize = 64 << 10;

/// A reader of what QEMU writes to standard error.
pub(super) struct LogReader {
    ports: Ports,
    is_guarded: bool,
    line: Vec<u8>,
}

impl LogReader {
    pub(super) fn new(ports: Ports) -> Self {
        Self {
            is_guarded: ports.guard_the_log(),
            ports,
            line: Vec::new(),
        }
    }

    /// Reads the next bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if !self.is_guarded {
            return;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(part);
            if part.ends_with(b"\n") || self.line.len() >= LONGEST {
                self.ports.log_line(&self.line);
                self.line.clear();
            }
        }
    }
}

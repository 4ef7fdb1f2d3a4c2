//! [`LogReader`]: QEMU's log, line by line, for its guards and for tests that look at it.

use crate::backend::EmulatorLog;
use crate::uart::Ports;

/// The longest line that is held back until it ends.
const LONGEST: usize = 64 << 10;

/// A reader of what QEMU writes to standard error.
pub(super) struct LogReader {
    ports: Ports,
    log: EmulatorLog,
    line: Vec<u8>,
}

impl LogReader {
    pub(super) fn new(ports: Ports, log: EmulatorLog) -> Self {
        Self {
            ports,
            log,
            line: Vec::new(),
        }
    }

    /// Reads the next bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(part);
            if part.ends_with(b"\n") || self.line.len() >= LONGEST {
                self.log.add(&String::from_utf8_lossy(&self.line));
                self.ports.log_line(&self.line);
                self.line.clear();
            }
        }
    }
}

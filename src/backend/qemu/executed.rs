//! The code that has run: QEMU's log of the blocks that it translates (`-d in_asm`).
//!
//! ```text
//! IN: Reset_Handler
//! 0x08000212:  b508       push     {r3, lr}
//! ```

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Returns the arguments that make QEMU write its log to `file`.
pub(super) fn arguments(file: &Path) -> [OsString; 4] {
    ["-d".into(), "in_asm".into(), "-D".into(), file.into()]
}

/// Reads the address of the first instruction of each block; the last line may be incomplete.
pub(super) fn read_starts(log: &mut BufReader<File>) -> io::Result<BTreeSet<u64>> {
    let mut starts = BTreeSet::new();
    let (mut line, mut begins) = (Vec::new(), false);
    while log.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(b"IN:") {
            begins = true;
        } else if begins && let Some(start) = address(&line) {
            starts.insert(start);
            begins = false;
        }
        line.clear();
    }
    Ok(starts)
}

/// Returns the address with which a line begins.
fn address(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("0x")?;
    let (digits, _) = text.split_once(':')?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    /// The log is that of QEMU 7.2.
    #[test]
    fn the_starts_of_blocks_are_read() {
        let mut log = tempfile::tempfile().unwrap();
        let text = "----------------\nIN: Reset_Handler\n0x08000212:  b508       push     {r3, lr}\n\
                    0x08000214:  4a0a       ldr      r2, [pc, #0x28]\n\n----------------\nIN: \n\
                    0x08000040:  e7fe       b        #0x8000040\n\n----------------\nIN: main\n0x0800";
        log.write_all(text.as_bytes()).unwrap();
        log.rewind().unwrap();
        let starts = read_starts(&mut BufReader::new(log)).unwrap();
        assert_eq!(Vec::from_iter(starts), [0x0800_0040, 0x0800_0212]);
    }
}

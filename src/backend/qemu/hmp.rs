//! The answers of QEMU's monitor for people (HMP) to commands about processors and memories.
//!
//! QMP has no such commands, only `human-monitor-command`, which passes them on.

use std::ops::Range;

use crate::backend::NamedCpu;
use crate::debug::{Core, CpuState, RunState};

/// Prints the registers of all processors.
pub(super) const REGISTERS: &str = "info registers -a";

/// Lists the address spaces with their memories and peripherals.
pub(super) const MEMORIES: &str = "info mtree -f";

/// Prints bytes of the memory.
pub(super) fn bytes_at(range: &Range<u64>) -> String {
    format!("x /{}xb {:#x}", range.end - range.start, range.start)
}

/// Prints a word of a device that has no effect when it is read.
pub(super) fn word_at(address: u64) -> String {
    format!("x /1xw {address:#x}")
}

/// Returns the numbers in lines such as `20000010: 0x00000000 0x0000031e`.
pub(super) fn numbers(printed: &str) -> Option<Vec<u32>> {
    let lines = printed.lines().filter(|line| !line.trim().is_empty());
    let rows = lines.map(|line| line.split_once(':').map(|(_, numbers)| numbers));
    let numbers = rows.flat_map(|row| match row {
        Some(row) => row.split_whitespace().map(Some).collect(),
        None => vec![None],
    });
    let parsed = numbers.map(|number| u32::from_str_radix(number?.strip_prefix("0x")?, 16).ok());
    parsed.collect()
}

/// Returns the ranges of the memories in the answer to [`MEMORIES`], each once.
///
/// A line of a memory is `0000000020000000-000000002002ffff (prio 0, ram): STM32F405.sram`.
pub(super) fn memories(printed: &str) -> Vec<Range<u64>> {
    let mut memories: Vec<Range<u64>> = Vec::new();
    for line in printed.lines() {
        let Some((range, kind)) = line.trim().split_once(" (prio ") else {
            continue;
        };
        let is_memory = kind.contains(", ram):") || kind.contains(", rom):");
        let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
        if is_memory
            && let Some((start, last)) = range.split_once('-')
            && let (Some(start), Some(last)) = (hexadecimal(start), hexadecimal(last))
        {
            let range = start..last.saturating_add(1);
            if !memories.contains(&range) {
                memories.push(range);
            }
        }
    }
    memories
}

/// Returns the Cortex-M processors in the answer to [`REGISTERS`], or in the report of a lock-up.
pub(super) fn processors(printed: &str, state: RunState) -> Vec<NamedCpu> {
    let mut processors = Vec::new();
    for (number, part) in printed.split("R00=").skip(1).enumerate() {
        let registers: Vec<(String, u64)> = format!("R00={part}")
            .split_whitespace()
            .filter_map(register)
            .collect();
        // Only a Cortex-M has an XPSR.
        if registers.iter().any(|(name, _)| name == "xpsr") {
            let cpu = CpuState {
                core: Core::CortexM,
                state,
                registers,
                memories: Vec::new(),
            };
            processors.push((format!("cpu{number}"), cpu));
        }
    }
    processors
}

/// Returns the register in a word such as `R13=20000fe0`.
fn register(word: &str) -> Option<(String, u64)> {
    let (name, value) = word.split_once('=')?;
    let name = match name {
        "R13" => "sp".to_owned(),
        "R14" => "lr".to_owned(),
        "R15" => "pc".to_owned(),
        "XPSR" => "xpsr".to_owned(),
        _ => format!("r{}", name.strip_prefix('R')?.parse::<u8>().ok()?),
    };
    Some((name, u64::from_str_radix(value, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_read_from_a_monitor_and_from_a_lock_up() {
        let dump = "R00=20000024 R01=20000020 R02=00000000 R03=00000000\r\n\
                    R12=0000000c R13=2001ffd0 R14=08000557 R15=0800079a\r\n\
                    XPSR=61000000 -ZC- T priv-thread\r\n\
                    s00=00000000 s01=00000000 d00=0000000000000000\r\nFPSCR: 00000000\r\n";
        let monitor = format!("\r\nCPU#0\r\n{dump}");
        let lock_up = format!("qemu: fatal: Lockup: can't escalate 3 to HardFault\n\n{dump}");
        for printed in [monitor, lock_up] {
            let found = processors(&printed, RunState::Running);
            let [(name, cpu)] = &found[..] else {
                panic!("{found:?}")
            };
            assert_eq!(name, "cpu0");
            assert_eq!(cpu.registers.len(), 9);
            for (name, value) in [("r0", 0x2000_0024), ("r12", 12), ("pc", 0x0800_079a)] {
                assert_eq!(cpu.register(name), Some(value), "{name}");
            }
        }
        let arm9 = "R00=00000000 R15=00000000\nPSR=400001d3 -Z-- A S svc32\n";
        assert_eq!(processors(arm9, RunState::Running), []);
    }

    #[test]
    fn memories_are_told_from_devices() {
        let printed = "FlatView #2\r\n AS \"cpu-memory-0\", root: armv7m-container\r\n \
            Root memory region: armv7m-container\r\n  \
            0000000008000000-00000000080fffff (prio 0, rom): STM32F405.flash\r\n  \
            0000000020000000-000000002002ffff (prio 0, ram): STM32F405.sram\r\n  \
            0000000022000000-0000000023ffffff (prio 0, i/o): bitband\r\n  \
            0000000020000000-000000002002ffff (prio 0, ram): STM32F405.sram\r\n";
        let expected = [0x0800_0000..0x0810_0000, 0x2000_0000..0x2003_0000];
        assert_eq!(memories(printed), expected);
    }

    #[test]
    fn a_memory_that_cannot_be_read_has_no_numbers() {
        let printed = "20000000: 0x02 0x00\r\n20000002: 0xff\r\n";
        assert_eq!(numbers(printed), Some(vec![2, 0, 255]));
        assert_eq!(numbers("30000000: Cannot access memory\r\n"), None);
        assert_eq!(numbers("unknown command: 'x'\r\n"), None);
    }
}

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

/// Returns the name of a processor in messages.
pub(super) fn name(number: usize) -> String {
    format!("cpu{number}")
}

/// Prints bytes of the memory.
pub(super) fn bytes_at(range: &Range<u64>) -> String {
    format!("x /{}xb {:#x}", range.end - range.start, range.start)
}

/// Prints words of a device that have no effect when they are read.
pub(super) fn words_at(address: u64, count: u64) -> String {
    format!("x /{count}xw {address:#x}")
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

/// Returns the Cortex-M and RISC-V processors in the answer to [`REGISTERS`], or in the report of a
/// lock-up. Other processors are left out.
pub(super) fn processors(printed: &str, state: RunState) -> Vec<NamedCpu> {
    let kinds = [
        (Core::CortexM, "R00=", cortex_m as fn(&str) -> _),
        (Core::RiscV, " pc ", risc_v),
    ];
    let of_kind = |(core, first, registers): (Core, &str, fn(&str) -> _)| {
        let parts = (0..).zip(printed.split(first).skip(1));
        let cpu = move |(number, part): (usize, &str)| {
            let registers: Option<Vec<_>> = registers(&format!("{first}{part}"));
            let cpu = CpuState {
                core,
                state,
                registers: registers?,
                memories: Vec::new(),
            };
            Some((name(number), cpu))
        };
        parts.filter_map(cpu).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

/// Returns the registers of a Cortex-M: only it has an XPSR.
fn cortex_m(printed: &str) -> Option<Vec<(String, u64)>> {
    let registers: Vec<_> = printed.split_whitespace().filter_map(register).collect();
    let is_cortex_m = registers.iter().any(|(name, _)| name == "xpsr");
    is_cortex_m.then_some(registers)
}

/// Returns the registers of a RISC-V, in lines such as ` mcause   80000007` and
/// ` x0/zero  00000000 x1/ra    20010134`.
fn risc_v(printed: &str) -> Option<Vec<(String, u64)>> {
    const NAMED: [&str; 7] = ["pc", "mstatus", "mie", "mtvec", "mcause", "mepc", "mtval"];
    let words: Vec<&str> = printed.split_whitespace().collect();
    let register = |pair: &[&str]| {
        let name = pair[0].split('/').next()?;
        let number = name.strip_prefix('x').and_then(|it| it.parse::<u8>().ok());
        let is_known = number.is_some() || NAMED.contains(&name);
        let value = u64::from_str_radix(pair[1], 16).ok()?;
        is_known.then(|| (name.to_owned(), value))
    };
    let registers: Vec<_> = words.chunks_exact(2).filter_map(register).collect();
    registers
        .iter()
        .any(|(name, _)| name == "x31")
        .then_some(registers)
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
    fn registers_of_each_risc_v_are_read_by_their_numbers() {
        let hart = |pc: &str| {
            let registers = (0..32).map(|it| format!(" x{it}/abi   0000000{:x}", it % 16));
            let registers: String = registers.collect();
            format!(
                "\r\nCPU#0\r\n pc       {pc}\r\n mhartid  00000000\r\n mstatus  00000080\r\n \
                 mcause   80000007\r\n{registers}\r\n f0/ft0   0000000000000000\r\n"
            )
        };
        let printed = hart("200106ee") + &hart("ffffffff80000002");
        let found = processors(&printed, RunState::Running);
        assert_eq!(found.len(), 2);
        let value = |cpu: usize, name| found[cpu].1.register(name);
        for (cpu, name, expected) in [
            (0, "pc", Some(0x2001_06ee)),
            (0, "x2", Some(2)),
            (0, "x31", Some(15)),
            (0, "mcause", Some(0x8000_0007)),
            (0, "f0", None),
            (1, "pc", Some(0xffff_ffff_8000_0002)),
        ] {
            assert_eq!(value(cpu, name), expected, "{name}");
        }
        assert_eq!(found[1].1.core, Core::RiscV);
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

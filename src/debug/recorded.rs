//! Stops of the sample `faults` that were recorded on QEMU, for the tests.
//!
//! A recording has a register a line, and the words of RAM that are not zero.

use std::fs;
use std::path::PathBuf;

use super::program::Programs;
use super::snapshot::{BLOCK, Core, CpuState, MemoryImage, RunState};

/// A stop with the program that was stopped.
pub(super) struct Recorded {
    pub(super) cpu: CpuState,
    pub(super) programs: Programs,
    ram: Vec<u8>,
}

const RAM: u64 = 0x2000_0000;

impl Recorded {
    /// Reads the stop of a variant of the sample in a situation, such as `O0-d`.
    pub(super) fn open(stop: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let path = root.join(format!("tests/recordings/stops/{stop}.txt"));
        let variant = stop.split_once('-').unwrap().0;
        let mut recorded = Self {
            cpu: CpuState {
                core: Core::CortexM,
                state: RunState::Running,
                registers: Vec::new(),
                memories: vec![0x0800_0000..0x0810_0000, RAM..RAM + 0x2_0000],
            },
            programs: program(&format!("faults-{variant}.elf")),
            ram: vec![0; 0x2_0000],
        };
        for line in fs::read_to_string(path).unwrap().lines() {
            let (name, value) = line.split_once(' ').unwrap();
            if let Some(address) = name.strip_suffix(':') {
                let start = (number(address) - RAM) as usize;
                for (index, digits) in value.as_bytes().chunks(2).enumerate() {
                    let digits = str::from_utf8(digits).unwrap();
                    recorded.ram[start + index] = u8::from_str_radix(digits, 16).unwrap();
                }
            } else if name == "state" {
                recorded.cpu.state = match value {
                    "waiting" => RunState::Waiting,
                    "locked-up" => RunState::LockedUp,
                    _ => RunState::Running,
                };
            } else {
                let register = (name.to_owned(), number(value));
                recorded.cpu.registers.push(register);
            }
        }
        recorded
    }

    /// Runs an analysis until it misses no memory; returns also how often it ran.
    pub(super) fn analyse<T>(
        &self,
        analysis: impl Fn(&CpuState, &Programs, &mut MemoryImage) -> T,
    ) -> (T, usize) {
        // An emulator that ended with the lock-up has no memory any more.
        let mut memory = match self.cpu.state {
            RunState::LockedUp => MemoryImage::gone(),
            _ => MemoryImage::default(),
        };
        for round in 1.. {
            let result = analysis(&self.cpu, &self.programs, &mut memory);
            let missing = memory.take_missing();
            if missing.is_empty() {
                return (result, round);
            }
            for start in missing
                .into_iter()
                .flat_map(|it| it.step_by(BLOCK as usize))
            {
                let block = start.checked_sub(RAM).and_then(|it| {
                    let start = it as usize;
                    self.ram.get(start..start + BLOCK as usize)
                });
                memory.insert(start..start + BLOCK, block.map(<[u8]>::to_vec));
            }
        }
        unreachable!()
    }
}

/// Returns a variant of the sample.
pub(super) fn program(name: &str) -> Programs {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root
        .join("firmware-samples/prebuilt")
        .join(if name.starts_with("faults") {
            format!("faults/{name}")
        } else {
            format!("stm32f4/{name}")
        });
    let mut programs = Programs::default();
    assert!(programs.add(name, &fs::read(path).unwrap()));
    programs
}

fn number(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

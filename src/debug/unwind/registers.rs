//! The registers of one function in a chain of calls.

use crate::debug::snapshot::{Core, CpuState};

/// Core registers by their number in DWARF; `None` is a value that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) pc: u64,
    values: [Option<u64>; 32],
    core: Core,
}

impl Registers {
    /// Returns the registers of the function that is executed; `None` without a program counter.
    pub(super) fn of(cpu: &CpuState) -> Option<Self> {
        let mut values = [None; 32];
        for (number, value) in values.iter_mut().enumerate() {
            *value = match (cpu.core, number) {
                (Core::CortexM, 0..=12) => cpu.register(&format!("r{number}")),
                (Core::CortexM, 13) => cpu.register("sp"),
                (Core::CortexM, 14) => cpu.register("lr"),
                (Core::CortexM, _) => None,
                (Core::RiscV, _) => cpu.register(&format!("x{number}")),
            };
        }
        Some(Self {
            pc: cpu.register("pc")?,
            values,
            core: cpu.core,
        })
    }

    pub(super) fn get(&self, number: usize) -> Option<u64> {
        self.values.get(number).copied().flatten()
    }

    pub(super) fn set(&mut self, number: usize, value: Option<u64>) {
        if let Some(place) = self.values.get_mut(number) {
            *place = value;
        }
    }

    /// The number of the stack pointer.
    pub(super) fn sp_number(&self) -> usize {
        match self.core {
            Core::CortexM => 13,
            Core::RiscV => 2,
        }
    }

    /// The number of the register with the return address.
    pub(super) fn link_number(&self) -> usize {
        match self.core {
            Core::CortexM => 14,
            Core::RiscV => 1,
        }
    }

    pub(super) fn sp(&self) -> Option<u64> {
        self.get(self.sp_number())
    }

    pub(super) fn link(&self) -> Option<u64> {
        self.get(self.link_number())
    }

    /// Forgets what a called function may change without saving it.
    pub(super) fn forget_scratch(&mut self) {
        let scratch: &[usize] = match self.core {
            Core::CortexM => &[0, 1, 2, 3, 12, 14],
            Core::RiscV => &[1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31],
        };
        for number in scratch {
            self.set(*number, None);
        }
    }
}

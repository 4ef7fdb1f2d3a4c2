//! The registers of a Cortex-M that say which interrupts could wake it. Reading them has no effect.

/// Registers that follow each other.
pub(crate) struct InterruptRegisters {
    pub(crate) address: u64,
    /// How many there are.
    pub(crate) count: u64,
    name: &'static str,
}

/// NVIC_ISER and NVIC_ISPR, for as many interrupts as Armv7-M has, and VTOR.
pub(crate) const INTERRUPTS: [InterruptRegisters; 3] = [
    InterruptRegisters {
        address: 0xe000_e100,
        count: 8,
        name: "iser",
    },
    InterruptRegisters {
        address: 0xe000_e200,
        count: 8,
        name: "ispr",
    },
    InterruptRegisters {
        address: 0xe000_ed08,
        count: 1,
        name: "vtor",
    },
];

impl InterruptRegisters {
    /// Returns values with their names in a [`CpuState`](crate::debug::CpuState).
    pub(crate) fn named(
        &self,
        values: impl IntoIterator<Item = u64>,
    ) -> impl Iterator<Item = (String, u64)> {
        (0..self.count).zip(values).map(|(index, value)| {
            let name = match self.count {
                1 => self.name.to_owned(),
                _ => format!("{}{index}", self.name),
            };
            (name, value)
        })
    }
}

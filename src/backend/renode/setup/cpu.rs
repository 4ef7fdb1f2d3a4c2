//! A board's processors, as Renode lists them.
//!
//! The first one runs the firmware and starts the others.

use super::peripherals::listed;
use crate::backend::renode::monitor::plain::{Name, NotPlain};
use crate::firmware::Architecture;

/// A processor and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Processor {
    pub(crate) name: Name,
    /// Its type in Renode, such as `CortexM`.
    pub(crate) kind: String,
    pub(crate) architecture: Option<Architecture>,
}

impl Processor {
    /// Returns true if Renode finds the processor's vectors by itself only in an ELF file.
    pub(crate) fn is_cortex_m(&self) -> bool {
        self.kind == "CortexM"
    }
}

/// Renode's types of processors. An ARMv8-A or ARMv8-R may run 32-bit code as well.
const KINDS: [(&str, Option<Architecture>); 19] = [
    ("CortexM", Some(Architecture::Arm)),
    ("ARMv7A", Some(Architecture::Arm)),
    ("ARMv7R", Some(Architecture::Arm)),
    ("ARMv8A", None),
    ("ARMv8R", None),
    ("RiscV32", Some(Architecture::RiscV32)),
    ("CV32E40P", Some(Architecture::RiscV32)),
    ("IbexRiscV32", Some(Architecture::RiscV32)),
    ("Minerva", Some(Architecture::RiscV32)),
    ("PicoRV32", Some(Architecture::RiscV32)),
    ("Ri5cy", Some(Architecture::RiscV32)),
    ("VeeR_EL2", Some(Architecture::RiscV32)),
    ("VexRiscv", Some(Architecture::RiscV32)),
    ("RiscV64", Some(Architecture::RiscV64)),
    ("PowerPc", None),
    ("Sparc", None),
    ("X86", Some(Architecture::X86)),
    ("X86_64", Some(Architecture::X86_64)),
    ("Xtensa", Some(Architecture::Xtensa)),
];

/// Returns all processors in the answer to `peripherals`.
pub(crate) fn all(peripherals: &str) -> Result<Vec<Processor>, NotPlain> {
    processors(peripherals).collect()
}

fn processors(peripherals: &str) -> impl Iterator<Item = Result<Processor, NotPlain>> + '_ {
    listed(peripherals).filter_map(|(name, kind)| {
        let &(kind, architecture) = KINDS.iter().find(|(known, _)| *known == kind)?;
        Some(
            Name::peripheral(&format!("sysbus.{name}")).map(|name| Processor {
                name,
                kind: kind.to_owned(),
                architecture,
            }),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_found_with_and_without_utf_8() {
        let listed = "Available peripherals:\n  sysbus (SystemBus)\n  ??? cpu0 (CortexM)\n  \
                      ?       Slot: 0\n  ├── cpu1 (CortexM)\n  ├── nvic (NVIC)";
        let found = &all(listed).unwrap()[0];
        assert_eq!(found.name, Name::peripheral("sysbus.cpu0").unwrap());
        assert!(found.is_cortex_m());
        assert_eq!(found.architecture, Some(Architecture::Arm));
        let names: Vec<String> = all(listed)
            .unwrap()
            .iter()
            .map(|it| it.name.to_string())
            .collect();
        assert_eq!(names, ["sysbus.cpu0", "sysbus.cpu1"]);
        let found = &all("  sysbus (SystemBus)\n  ├── cpu (VexRiscv)").unwrap()[0];
        assert_eq!(found.architecture, Some(Architecture::RiscV32));
        assert!(!found.is_cortex_m());
        assert_eq!(all("  sysbus (SystemBus)\n  ├── x (Nope)"), Ok(vec![]));
    }
}

//! [`PostMortem`]: where stopped firmware is and why.

mod text;

use super::exception;
use super::frame::Frame;
use super::guest::Guest;
use super::loops::{self, Loop};
use super::program::Programs;
use super::snapshot::{Core, CpuState, MemoryImage, RunState};
use super::stack::{self, Problem};
use super::unwind::{Backtrace, How, unwind};
use super::wake_up::wake_ups;

/// The words for firmware that sleeps until an interrupt comes.
pub(crate) const SLEEPS: &str = "sleeps until an interrupt comes (WFI)";

/// Where stopped firmware is and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostMortem {
    state: RunState,
    backtrace: Option<Backtrace>,
    /// The number of the exception that is handled; 0 is none.
    exception: u64,
    /// The causes of a fault.
    causes: Vec<String>,
    waits: Option<Loop>,
    /// What could wake it, if it sleeps.
    wake_ups: Option<String>,
    stack: Option<Problem>,
    /// The places of the chain where the board has no memory.
    outside: Vec<u64>,
    /// The emulator has ended, and the memory with it.
    is_memory_gone: bool,
    /// Why what is executed has no names, as in `app.elf is stripped`.
    nameless: Option<String>,
}

impl PostMortem {
    /// Examines a stopped target; what is missing in `memory` then must be read, and the target
    /// examined again.
    pub(crate) fn examine(cpu: &CpuState, programs: &Programs, memory: &mut MemoryImage) -> Self {
        let mut guest = Guest::new(cpu, programs, memory);
        let backtrace = unwind(&mut guest);
        let exception = exception::active(cpu);
        let trapped = |it: &Backtrace| {
            it.calls
                .iter()
                .any(|it| matches!(it.how, How::Interrupted(_)))
        };
        let fault = exception::is_fault(exception)
            || exception == 0 && backtrace.as_ref().is_some_and(trapped);
        Self {
            state: cpu.state,
            exception,
            causes: if fault {
                exception::causes(cpu)
            } else {
                Vec::new()
            },
            waits: loops::find(&mut guest),
            wake_ups: (cpu.state == RunState::Waiting)
                .then(|| wake_ups(&mut guest))
                .flatten(),
            stack: stack::problem(&guest),
            outside: outside(&guest, backtrace.as_ref()),
            is_memory_gone: guest.is_memory_gone(),
            nameless: cpu.register("pc").and_then(|it| programs.nameless(it & !1)),
            backtrace,
        }
    }

    /// Returns the chain of calls, the function that is executed first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Frame> {
        let calls = self.backtrace.iter().flat_map(|it| &it.calls);
        calls.map(|it| &it.frame)
    }
}

/// Returns the addresses of a chain that are in no memory.
fn outside(guest: &Guest<'_>, backtrace: Option<&Backtrace>) -> Vec<u64> {
    // Without the engine's memories, nothing says where a RISC-V has its code.
    if guest.cpu.core == Core::RiscV && guest.cpu.memories.is_empty() {
        return Vec::new();
    }
    let calls = backtrace.iter().flat_map(|it| &it.calls);
    let addresses = calls.map(|it| it.frame.address);
    addresses
        .filter(|it| !guest.is_code(*it) && !guest.is_memory(*it))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::debug::recorded::{Recorded, program};

    fn texts(variant: &str) -> String {
        let mut texts = String::new();
        for letter in "adefiklnpqstuvwyz".chars() {
            let recorded = Recorded::open(&format!("{variant}-{letter}"));
            let (report, rounds) = recorded.analyse(PostMortem::examine);
            assert!(rounds <= 4, "{rounds} rounds");
            let text = report.to_string();
            assert!(text.lines().count() <= 20, "{text}");
            writeln!(texts, "{letter}: {text}").unwrap();
        }
        texts
    }

    #[test]
    fn every_situation_of_the_sample_without_optimization() {
        insta::assert_snapshot!(texts("O0"));
    }

    #[test]
    fn every_situation_of_the_sample_with_optimization() {
        insta::assert_snapshot!(texts("Os"));
    }

    #[test]
    fn a_stripped_file_says_so() {
        let mut recorded = Recorded::open("Os-p");
        recorded.programs = program("shell.stripped");
        let (report, _) = recorded.analyse(PostMortem::examine);
        let text = report.to_string();
        let end = "\n  shell.stripped is stripped: name the ELF file that has them in `symbols`";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn an_image_without_symbols_says_so_unless_an_elf_file_has_the_code() {
        let mut recorded = Recorded::open("Os-p");
        recorded.programs = Programs::default();
        recorded.programs.set_image("shell.hex");
        let (report, _) = recorded.analyse(PostMortem::examine);
        let text = report.to_string();
        let end = "\n  shell.hex has no symbols: name the ELF file that has them in `symbols`";
        assert!(text.ends_with(end), "{text}");
        recorded.programs = program("faults-Os.elf");
        recorded.programs.set_image("shell.hex");
        let (report, _) = recorded.analyse(PostMortem::examine);
        assert!(!report.to_string().contains("shell.hex"), "{report}");
    }

    #[test]
    fn a_jump_to_where_no_memory_is_says_so_and_where_the_link_register_leads() {
        let state = |name: &str, value| (name.to_owned(), value);
        let cpu = CpuState {
            core: Core::CortexM,
            state: RunState::Halted,
            registers: vec![
                state("pc", 0xf000_0000),
                state("lr", 0x0800_000b),
                state("sp", 0x2000_1000),
            ],
            memories: vec![0x0800_0000..0x0800_0100, 0x2000_0000..0x2000_2000],
        };
        let text = |call: [u8; 2]| {
            let mut code = vec![0; 256];
            code[8..10].copy_from_slice(&call);
            let mut memory = MemoryImage::default();
            memory.insert(0x0800_0000..0x0800_0100, Some(code));
            let programs = Programs::default();
            PostMortem::examine(&cpu, &programs, &mut memory).to_string()
        };
        let jump =
            "firmware: halted, at 0xf0000000: a jump to an address where the board has no memory";
        // `blx r0`, and `bx r0`, which leaves the register as it was.
        let called = text([0x80, 0x47]);
        assert!(
            called.starts_with(&format!("{jump}\n  called by 0x0800000a?")),
            "{called}"
        );
        assert!(called.contains("\n  ?: a guess"), "{called}");
        let jumped = text([0x00, 0x47]);
        assert!(
            jumped.starts_with(jump) && !jumped.contains("called by"),
            "{jumped}"
        );
    }

    #[test]
    fn a_fault_register_that_the_engine_does_not_model_is_left_out() {
        let mut recorded = Recorded::open("O0-d");
        recorded.cpu.registers.retain(|it| it.0 != "bfar");
        let (report, _) = recorded.analyse(PostMortem::examine);
        assert_eq!(
            report.causes,
            ["access to where nothing answers (PRECISERR)"]
        );
        recorded.cpu.registers.retain(|it| it.0 != "cfsr");
        let (report, _) = recorded.analyse(PostMortem::examine);
        assert_eq!(report.causes, [""; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_code_panics(
            registers in prop::collection::vec(any::<u32>(), 16),
            code in prop::collection::vec(any::<u16>(), 128),
            xpsr in any::<u32>(),
            core in prop::sample::select(vec![Core::CortexM, Core::RiscV]),
            state in prop::sample::select(vec![RunState::Running, RunState::Waiting]),
        ) {
            let prefix = if core == Core::CortexM { "r" } else { "x" };
            let names = (0..13).map(|it| format!("{prefix}{it}"));
            let names = names.chain(["sp", "lr", "cfsr"].map(str::to_owned));
            let mut registers: Vec<_> = names.zip(registers.into_iter().map(u64::from)).collect();
            for name in ["iser0", "ispr0", "vtor", "mie"] {
                registers.push((name.to_owned(), xpsr.into()));
            }
            registers.push(("xpsr".to_owned(), xpsr.into()));
            registers.push(("pc".to_owned(), 0x2000_0040));
            let cpu = CpuState {
                core,
                state,
                registers,
                memories: Vec::new(),
            };
            let mut memory = MemoryImage::default();
            let bytes = code.iter().flat_map(|it| it.to_le_bytes()).collect();
            memory.insert(0x2000_0000..0x2000_0100, Some(bytes));
            let programs = Programs::default();
            let report = PostMortem::examine(&cpu, &programs, &mut memory);
            prop_assert!(!report.to_string().is_empty());
        }
    }
}

use proptest::prelude::*;

use super::{Backtrace, How, unwind};
use crate::debug::guest::Guest;
use crate::debug::recorded::{Recorded, program};
use crate::debug::snapshot::{BLOCK, Core, CpuState, MemoryImage, RunState};

/// Returns the chain of calls of a stop, a function a line, and why it ends.
fn chain(recorded: &Recorded) -> String {
    let (backtrace, rounds) = recorded
        .analyse(|cpu, programs, memory| unwind(&mut Guest::new(cpu, programs, memory)).unwrap());
    assert!(rounds <= 3, "{rounds} rounds");
    text(&backtrace)
}

fn text(backtrace: &Backtrace) -> String {
    let mut text = String::new();
    for call in &backtrace.calls {
        text += match call.how {
            How::Executed => "",
            How::Inlines => "inlined in ",
            How::Calls => "called by ",
            How::Interrupted(_) => "interrupted ",
        };
        text += &format!("{}\n", call.frame);
    }
    text + &backtrace.end.to_string()
}

#[test]
fn a_fault_without_optimization_leads_over_the_exception_to_main() {
    insta::assert_snapshot!(chain(&Recorded::open("O0-d")));
}

#[test]
fn a_fault_with_optimization_shows_the_inlined_function() {
    insta::assert_snapshot!(chain(&Recorded::open("Os-d")));
}

#[test]
fn an_exception_frame_with_the_registers_of_the_fpu_has_26_words() {
    insta::assert_snapshot!(chain(&Recorded::open("O0-f")));
}

#[test]
fn a_call_of_a_null_pointer_leads_to_the_caller() {
    insta::assert_snapshot!(chain(&Recorded::open("Os-n")));
}

#[test]
fn an_interrupt_handler_leads_to_the_interrupted_function() {
    insta::assert_snapshot!(chain(&Recorded::open("O0-i")));
}

#[test]
fn a_function_that_never_returns_ends_the_certain_part() {
    insta::assert_snapshot!(chain(&Recorded::open("Os-a")));
}

#[test]
fn a_loop_has_its_callers() {
    insta::assert_snapshot!(chain(&Recorded::open("O0-p")));
}

#[test]
fn a_task_on_the_process_stack_needs_its_stack_pointer() {
    let mut recorded = Recorded::open("O0-t");
    let without = chain(&recorded);
    assert!(
        without.ends_with("the emulator does not tell its stack pointer (PSP)"),
        "{without}"
    );
    // QEMU 7.2 does not print PSP; the frame is where the recorded RAM has its words.
    let frame = (0x2000_0000_u64..0x2000_0400).step_by(4).find(|address| {
        let (pc, _) = recorded.analyse(|cpu, programs, memory| {
            let mut guest = Guest::new(cpu, programs, memory);
            (guest.word(address + 24), guest.word(address + 28))
        });
        let at = pc.0.and_then(|it| recorded.programs.function(it));
        at.is_some_and(|it| it.name == "read_register" || it.name == "read_sensor")
            && pc.1.is_some_and(|it| it & 0x0100_0000 != 0)
    });
    recorded
        .cpu
        .registers
        .push(("psp".to_owned(), frame.unwrap()));
    insta::assert_snapshot!(chain(&recorded));
}

#[test]
fn without_debug_information_the_unwind_table_of_arm_is_used() {
    let mut recorded = Recorded::open("Os-d");
    // The code of this variant is the same.
    recorded.programs = program("faults-exidx.elf");
    insta::assert_snapshot!(chain(&recorded));
}

#[test]
fn without_any_table_calls_are_guessed_from_the_stack() {
    let mut recorded = Recorded::open("Os-p");
    recorded.programs = program("shell.elf");
    let main = recorded.programs.all[0].entry;
    let registers = &mut recorded.cpu.registers;
    registers.retain(|it| !matches!(it.0.as_str(), "pc" | "lr"));
    registers.push(("pc".to_owned(), main + 0x100));
    registers.push(("lr".to_owned(), 0));
    let chain = chain(&recorded);
    assert!(
        chain.ends_with("has no unwind information: build it with -g"),
        "{chain}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_state_panics_or_loops(
        registers in prop::collection::vec(any::<u32>(), 16),
        stack in prop::collection::vec(
            prop_oneof![
                any::<u32>(),
                0x0800_0000_u32..0x0800_0400,
                0x2000_0000_u32..0x2000_1000,
                0xffff_ffe0_u32..=0xffff_ffff,
            ],
            1024,
        ),
        inside in any::<bool>(),
        elf in 0..3_usize,
        core in prop_oneof![Just(Core::CortexM), Just(Core::RiscV)],
    ) {
        let programs = program(["faults-O0.elf", "faults-exidx.elf", "shell.stripped"][elf]);
        let names = (0..13).map(|it| format!("r{it}")).chain(["sp", "lr", "pc"].map(str::to_owned));
        let mut registers: Vec<_> = names.zip(registers.into_iter().map(u64::from)).collect();
        registers.push(("psp".to_owned(), 0x2000_0100));
        if inside {
            registers[13].1 = 0x2000_0000 + registers[13].1 % 0x1000;
            registers[15].1 = 0x0800_0000 + registers[15].1 % 0x400;
            registers.push(("x2".to_owned(), registers[13].1));
        }
        let cpu = CpuState { core, state: RunState::Running, registers, memories: Vec::new() };
        let mut memory = MemoryImage::default();
        let bytes: Vec<u8> = stack.iter().flat_map(|it| it.to_le_bytes()).collect();
        memory.insert(0x2000_0000..0x2000_0000 + bytes.len() as u64, Some(bytes));
        let rounds = (0..64).take_while(|_| {
            let found = unwind(&mut Guest::new(&cpu, &programs, &mut memory));
            assert!(found.unwrap().calls.len() < 128);
            let missing = memory.take_missing();
            for range in &missing {
                memory.insert(range.start..range.end.max(range.start + BLOCK), None);
            }
            !missing.is_empty()
        });
        prop_assert!(rounds.count() < 64);
    }
}

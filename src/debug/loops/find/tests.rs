use super::*;
use crate::debug::program::Programs;
use crate::debug::snapshot::{CpuState, MemoryImage, RunState};

const CODE: u64 = 0x2000_0000;

/// Returns the loop at an address of code, with words on a stack 0x80 bytes above the code.
fn found_on(core: Core, code: &[u16], pc: u64, registers: &[(&str, u64)], stack: &[u32]) -> String {
    let registers = registers.iter().copied().chain([("pc", CODE + pc)]);
    let cpu = CpuState {
        core,
        state: RunState::Running,
        registers: registers.map(|it| (it.0.to_owned(), it.1)).collect(),
        memories: std::iter::once(CODE..CODE + 0x100).collect(),
    };
    let mut memory = MemoryImage::default();
    let mut bytes: Vec<u8> = code.iter().flat_map(|it| it.to_le_bytes()).collect();
    bytes.resize(0x80, 0);
    bytes.extend(stack.iter().flat_map(|it| it.to_le_bytes()));
    bytes.resize(0x100, 0);
    memory.insert(CODE..CODE + 0x100, Some(bytes));
    let programs = Programs::default();
    match find(&mut Guest::new(&cpu, &programs, &mut memory)) {
        Some(Loop::Polls(poll)) => poll.to_string(),
        other => format!("{other:?}"),
    }
}

fn found(code: &[u16], pc: u64, registers: &[(&str, u64)]) -> String {
    found_on(Core::CortexM, code, pc, registers, &[])
}

/// `while (!(*status & mask)) if (--timeout == 0) return -1;`, by GCC for a Cortex-M0.
#[test]
fn a_loop_with_a_time_out_polls_what_its_other_branch_depends_on() {
    let code = [
        0x6803, 0x4219, 0xd001, 0x2000, 0x4770, 0x3a01, 0x2a00, 0xd1f7, 0x2001, 0x4240,
    ];
    let registers = [("r0", 0x4002_1000), ("r1", 0x200), ("r2", 77)];
    for pc in [0, 2, 4, 10, 12, 14] {
        let text = found(&code, pc, &registers);
        assert_eq!(text, "0x40021000 until bit 9 is set", "{pc}");
    }
}

/// `while (*length == 0);` and `while (*length != 7);`, by G++ without optimization.
#[test]
fn a_comparison_that_is_made_a_number_first_counts() {
    let [eq, ne] = [[0xbf0c, 0x2301, 0x2300], [0xbf14, 0x2301, 0x2300]];
    for (with, [ite, one, zero], expected) in [
        (0x2b00, eq, "0x40021000 until it is not 0"),
        (0x2b07, ne, "0x40021000 until it is 7"),
        (0x2b07, [0xbf0c, 0x2300, 0x2301], "0x40021000 until it is 7"),
    ] {
        let code = [0x6803, with, ite, one, zero, 0xb2db, 0x2b00, 0xd1f7];
        for pc in [0, 4, 8, 14] {
            assert_eq!(found(&code, pc, &[("r0", 0x4002_1000)]), expected, "{pc}");
        }
    }
    // No number, and another register.
    for other in [0x2305, 0x2201] {
        let code = [
            0x6803, 0x2b00, 0xbf0c, other, 0x2300, 0xb2db, 0x2b00, 0xd1f7,
        ];
        assert_eq!(found(&code, 0, &[("r0", 0x4002_1000)]), "None");
    }
}

#[test]
fn a_loop_with_a_call_is_not_explained() {
    // ldr r3, [r0]; bl …; cmp r3, #0; beq to the load
    let code = [0x6803, 0xf7ff, 0xffd4, 0x2b00, 0xd0fa];
    assert_eq!(found(&code, 0, &[("r0", 0x4002_1000)]), "None");
}

const FIELD: &[u16] = &[0x4709, 0x411c, 0x8391, 0x8b8d, 0x9de3, 0xfee7];

/// Loops by GCC for RV32IMAC; `s0` is 0x200000a0 without optimization.
#[test]
fn a_risc_v_polls_what_the_branch_of_its_loop_depends_on() {
    let on_risc_v = |code: &[u16], pc, stack: &[u32]| {
        let registers = [
            ("x8", CODE + 0xa0),
            ("x10", 0x1001_2000),
            ("x11", 0x200),
            ("x12", 77),
            ("x13", 0x1001_2000),
            ("x14", if code == FIELD { 2 } else { 0x0200_0000 }),
        ];
        found_on(Core::RiscV, code, pc, &registers, stack)
    };
    // `while (!(R & 1 << 25));`
    let small: &[u16] = &[0x429c, 0x8ff9, 0xdff5];
    let plain: &[u16] = &[0x27b7, 0x1001, 0x4398, 0x07b7, 0x0200, 0x8ff9, 0xdbf5];
    // `while (R & 1 << 31);`
    let sign: &[u16] = &[0x27b7, 0x1001, 0x439c, 0xcde3, 0xfe07];
    // `while ((*r >> 4 & 3) != 2);`
    let field = FIELD;
    // `while (*r != -1);` of 16 bits
    let short: &[u16] = &[
        0x2783, 0xfec4, 0xd783, 0x0007, 0x9713, 0x0107, 0x8741, 0x57fd, 0x18e3, 0xfef7,
    ];
    // `while (*r < 10);`
    let order: &[u16] = &[0x2783, 0xfec4, 0x4398, 0x47a5, 0xfce3, 0xfee7];
    // `do e = *r == 0; while (e);`
    let truth: &[u16] = &[0x411c, 0xb793, 0x0017, 0xf793, 0x0ff7, 0xfbfd];
    // `while (!(*r & mask)) if (--n == 0) return -1;`
    let limited: &[u16] = &[
        0x411c, 0x8fed, 0xc399, 0x4501, 0x8082, 0x167d, 0xfa75, 0x557d, 0x8082,
    ];
    let limited_plain: &[u16] = &[
        0x2783, 0xfe44, 0x17fd, 0x2223, 0xfef4, 0x2783, 0xfe44, 0xe399, 0x57fd, 0xa809, 0x2783,
        0xfec4, 0x4398, 0x2783, 0xfe84, 0x8ff9, 0xd3e5,
    ];
    let with_r = [0, 0, 0x200, 0x1001_2000];
    for (code, pcs, stack, expected) in [
        (
            small,
            &[0, 2, 4][..],
            &[][..],
            "0x10012000 until bit 25 is set",
        ),
        (
            plain,
            &[0, 4, 6, 10, 12],
            &[],
            "0x10012000 until bit 25 is set",
        ),
        (sign, &[0, 4, 6], &[], "0x10012000 until bit 31 is clear"),
        (
            field,
            &[2, 4, 6, 8],
            &[],
            "0x10012000 until its bits 0x30 is 2",
        ),
        (short, &[0, 4, 8], &with_r, "0x10012000 until it is 65535"),
        (order, &[0, 4, 6, 8], &with_r, "0x10012000"),
        (truth, &[0, 2, 6, 10], &[], "0x10012000 until it is not 0"),
        (
            limited,
            &[0, 2, 4, 10, 12],
            &[],
            "0x10012000 until bit 9 is set",
        ),
        (
            limited_plain,
            &[0, 4, 20, 24, 32],
            &with_r,
            "0x10012000 until bit 9 is set",
        ),
    ] {
        for pc in pcs {
            assert_eq!(on_risc_v(code, *pc, stack), expected, "{pc}");
        }
    }
    // `j .`, and `wfi; j` to it.
    assert_eq!(on_risc_v(&[0xa001], 0, &[]), "Some(Endless)");
    assert_eq!(on_risc_v(&[0x0073, 0x1050, 0xbff5], 4, &[]), "Some(Sleeps)");
    // A call.
    assert_eq!(on_risc_v(&[0x429c, 0x9702, 0xdff5], 0, &[]), "None");
}

/// `for (volatile i = 0; i < count; i++);` and `for (i = count; i; i--) asm volatile ("");`, by GCC.
#[test]
fn a_loop_that_counts_says_how_many_rounds_are_left() {
    let arm = |code: &[u16], pc, r0, r3| {
        let registers = [
            ("r0", r0),
            ("r3", r3),
            ("r7", CODE + 0x80),
            ("sp", CODE + 0x80),
        ];
        found_on(Core::CortexM, code, pc, &registers, &[0, 40, 0, 10])
    };
    // The counter at [sp, #4] is 40, the limit in r0.
    let small: &[u16] = &[
        0x9301, 0x9b01, 0x4283, 0xd301, 0xb002, 0x4770, 0x9b01, 0x3301, 0xe7f6,
    ];
    for (pc, expected) in [
        (2, "Some(Counts(60))"),
        (4, "Some(Counts(60))"),
        (16, "Some(Counts(59))"),
    ] {
        assert_eq!(
            arm(small, pc, 100, 40 + u64::from(pc == 16)),
            expected,
            "{pc}"
        );
    }
    // The counter at [r7, #12] is 10, the limit at [r7, #4].
    let plain: &[u16] = &[0x68fb, 0x3301, 0x60fb, 0x68fb, 0x687a, 0x429a, 0xd8f8];
    assert_eq!(arm(plain, 6, 0, 0), "Some(Counts(30))");
    // subs r3, #1; bne
    let down: &[u16] = &[0x3b01, 0xd1fd];
    assert_eq!(arm(down, 0, 0, 1000), "Some(Counts(999))");
    // In the middle of a round the flags are from before.
    assert_eq!(arm(down, 2, 0, 1000), "Some(Counts(999))");
    // ldr r2, [r0]; subs r3, #1; bne: it reads something else
    assert_eq!(arm(&[0x6802, 0x3b01, 0xd1fc], 0, 0x4002_1000, 1000), "None");
    // subs r3, #1; bl …; bne
    assert_eq!(arm(&[0x3b01, 0xf7ff, 0xffd4, 0xd1fa], 0, 0, 1000), "None");
    let risc_v = |code: &[u16], pc, a5| {
        let registers = [("x15", a5), ("x2", CODE + 0x80), ("x8", CODE + 0x94)];
        found_on(Core::RiscV, code, pc, &registers, &[0, 7, 100, 0])
    };
    // addi a5, a5, -1; bnez
    assert_eq!(risc_v(&[0x17fd, 0xfffd], 0, 5000), "Some(Counts(4999))");
    // lw a5, 4(sp); addi a5, a5, 1; sw a5, 4(sp); lw a4, 8(sp); bltu a5, a4
    let with_stack = [0x4792, 0x0785, 0xc23e, 0x4722, 0xece3, 0xfee7];
    assert_eq!(risc_v(&with_stack, 0, 0), "Some(Counts(92))");
}

//! The instructions of a block: from its start to the first instruction after which another one
//! than the next may run.
//!
//! Emulators also end their blocks elsewhere, such as at the end of a page. What follows there is
//! the start of another block, so it makes no difference.

use std::collections::BTreeSet;

use object::read::{Object, ObjectSymbol};
use object::{Architecture, File};

/// An instruction set whose branches are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InstructionSet {
    /// Cortex-M.
    Thumb,
    RiscV32,
    RiscV64,
}

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    length: u64,
    ends_block: bool,
}

impl InstructionSet {
    /// Returns the instruction set of a program; `None` if its branches are not known.
    pub(super) fn of(program: &File<'_>) -> Option<Self> {
        if !program.is_little_endian() {
            return None;
        }
        Some(match program.architecture() {
            Architecture::Arm if has_arm_code(program) => return None,
            Architecture::Arm => Self::Thumb,
            Architecture::Riscv32 => Self::RiscV32,
            Architecture::Riscv64 => Self::RiscV64,
            _ => return None,
        })
    }

    /// Decodes an instruction from its first half-word and the next one.
    fn decode(self, first: u16, second: u16) -> Instruction {
        let (wide, ends_block) = match self {
            Self::Thumb => {
                let wide = first >> 11 >= 0b11101;
                let ends = match wide {
                    true => thumb_wide_ends(first, second),
                    false => thumb_narrow_ends(first),
                };
                (wide, ends)
            }
            Self::RiscV32 | Self::RiscV64 => {
                let wide = first & 3 == 3;
                let ends = match wide {
                    true => riscv_wide_ends(first, second),
                    false => riscv_narrow_ends(first, self == Self::RiscV64),
                };
                (wide, ends)
            }
        };
        Instruction {
            length: if wide { 4 } else { 2 },
            ends_block,
        }
    }
}

/// Returns true if code is in the instruction set of larger processors than a Cortex-M: the symbol
/// `$a` is where it begins.
fn has_arm_code(program: &File<'_>) -> bool {
    let mut names = program.symbols().filter_map(|it| it.name().ok());
    names.any(|name| name == "$a" || name.starts_with("$a."))
}

/// Adds the addresses of the instructions of the block at `start` to `covered`. `half_word` reads
/// the code.
pub(super) fn cover(
    set: InstructionSet,
    start: u64,
    half_word: impl Fn(u64) -> Option<u16>,
    covered: &mut BTreeSet<u64>,
) {
    let mut address = start;
    while let Some(first) = half_word(address)
        // The rest of a block that is covered already is covered as well.
        && covered.insert(address)
    {
        let second = half_word(address + 2).unwrap_or_default();
        let instruction = set.decode(first, second);
        if instruction.ends_block {
            return;
        }
        address += instruction.length;
    }
}

fn thumb_narrow_ends(code: u16) -> bool {
    let high_register = (code & 7) | (code >> 4 & 8);
    match code >> 8 {
        // B<c>, UDF, SVC; B; BX and BLX; POP with PC; BKPT.
        0xd0..=0xdf | 0xe0..=0xe7 | 0x47 | 0xbd | 0xbe => true,
        // CBZ, CBNZ.
        0xb1 | 0xb3 | 0xb9 | 0xbb => true,
        // ADD and MOV to PC.
        0x44 | 0x46 => high_register == 15,
        // WFI.
        0xbf => code == 0xbf30,
        _ => false,
    }
}

fn thumb_wide_ends(first: u16, second: u16) -> bool {
    let to_pc = second >> 12 == 15;
    if first >> 11 == 0b11110 && second & 0x8000 != 0 {
        return match second & 0xd000 {
            // B<c>.W; UDF.W, SVC's relatives; WFI.W; SUBS PC, LR.
            0x8000 => {
                first >> 6 & 0xf < 14
                    || first & 0xfff0 == 0xf7f0
                    || (first, second) == (0xf3af, 0x8003)
                    || first == 0xf3de
            }
            0x9000 | 0xd000 => true,
            // BLX of other profiles, LE and WLS; the others prepare a loop or a branch.
            _ => second & 1 == 0 || second & 0xf001 == 0xc001,
        };
    }
    match first & 0xfff0 {
        // TBB, TBH.
        0xe8d0 if second & 0xffe0 == 0xf000 => true,
        // LDM with PC.
        _ if matches!(first & 0xffd0, 0xe890 | 0xe910) => second & 0x8000 != 0,
        // LDR to PC.
        _ if first & 0xff70 == 0xf850 => to_pc,
        _ => false,
    }
}

fn riscv_wide_ends(first: u16, second: u16) -> bool {
    match first & 0x7f {
        // Branches, JALR, JAL.
        0x63 | 0x67 | 0x6f => true,
        // ECALL, EBREAK, MRET, WFI; the others access a register.
        0x73 => first >> 12 & 7 == 0 && second & 0xfe00 != 0x1200,
        _ => false,
    }
}

fn riscv_narrow_ends(code: u16, is_64: bool) -> bool {
    let operation = code >> 13;
    match code & 3 {
        1 => matches!(operation, 5..=7) || (operation == 1 && !is_64),
        // C.JR, C.JALR, C.EBREAK.
        2 => code & 0xe07f == 0x8002,
        _ => code == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instructions are those that binutils assembles.
    #[test]
    fn a_block_of_thumb_ends_with_a_branch() {
        for (first, second, ends, text) in [
            (0xd307, 0, true, "blo"),
            (0xe7f2, 0, true, "b"),
            (0xf7ff, 0xff0a, true, "bl"),
            (0xf000, 0x8011, true, "beq.w"),
            (0xf000, 0xb811, true, "b.w"),
            (0x4770, 0, true, "bx lr"),
            (0x4798, 0, true, "blx r3"),
            (0xb108, 0, true, "cbz r0"),
            (0xb9fb, 0, true, "cbnz r3"),
            (0xbd10, 0, true, "pop {r4, pc}"),
            (0xe8bd, 0x81f0, true, "ldmia.w sp!, {r4-r8, pc}"),
            (0xe8bd, 0x41f0, false, "ldmia.w sp!, {r4-r8, lr}"),
            (0xe8df, 0xf003, true, "tbb [pc, r3]"),
            (0xe8df, 0xf013, true, "tbh [pc, r3, lsl #1]"),
            (0xe8d2, 0x3f4f, false, "ldrexb r3, [r2]"),
            (0xf85d, 0xfb04, true, "ldr.w pc, [sp], #4"),
            (0xf8df, 0xf004, true, "ldr.w pc, [pc, #4]"),
            (0xf8d3, 0x2400, false, "ldr.w r2, [r3, #1024]"),
            (0x4687, 0, true, "mov pc, r0"),
            (0x4608, 0, false, "mov r0, r1"),
            (0x44f7, 0, true, "add pc, lr"),
            (0x4580, 0, false, "cmp r8, r0"),
            (0xdf00, 0, true, "svc 0"),
            (0xde00, 0, true, "udf"),
            (0xbe00, 0, true, "bkpt"),
            (0xbf30, 0, true, "wfi"),
            (0xf3af, 0x8003, true, "wfi.w"),
            (0xbf20, 0, false, "wfe"),
            (0xf3bf, 0x8f6f, false, "isb"),
            (0xf3ef, 0x8010, false, "mrs r0, primask"),
            (0xf380, 0x8811, false, "msr basepri, r0"),
            (0xb672, 0, false, "cpsid i"),
            (0xbf08, 0, false, "it eq"),
            (0xf042, 0xe001, false, "dls lr, r2"),
            (0xf00f, 0xc005, true, "le lr"),
            (0xf04f, 0x2340, false, "mov.w r3, #0x40004000"),
            (0xf8c2, 0x3404, false, "str.w r3, [r2, #1028]"),
            (0xba00, 0, false, "rev r0, r0"),
        ] {
            let decoded = InstructionSet::Thumb.decode(first, second);
            assert_eq!(decoded.ends_block, ends, "{text}");
            let length = if first >> 11 >= 0b11101 { 4 } else { 2 };
            assert_eq!(decoded.length, length, "{text}");
        }
    }

    #[test]
    fn a_block_of_risc_v_ends_with_a_branch() {
        for (first, second, ends, text) in [
            (0x8082, 0, true, "ret"),
            (0x9782, 0, true, "jalr a5"),
            (0x9002, 0, true, "ebreak"),
            (0x852e, 0, false, "mv a0, a1"),
            (0x952e, 0, false, "add a0, a0, a1"),
            (0xa001, 0, true, "j"),
            (0xc119, 0, true, "beqz a0"),
            (0xe119, 0, true, "bnez a0"),
            (0x1141, 0, false, "addi sp, sp, -16"),
            (0x4501, 0, false, "li a0, 0"),
            (0x0463, 0x00b5, true, "beq a0, a1"),
            (0x00ef, 0x0140, true, "jal"),
            (0x8067, 0x0005, true, "jr a1"),
            (0x0073, 0x1050, true, "wfi"),
            (0x0073, 0x3020, true, "mret"),
            (0x0073, 0x0000, true, "ecall"),
            (0x0073, 0x1200, false, "sfence.vma"),
            (0x2573, 0x3420, false, "csrr a0, mcause"),
            (0x0513, 0x0010, false, "addi a0, zero, 1"),
            (0, 0, true, "an illegal instruction"),
        ] {
            let decoded = InstructionSet::RiscV32.decode(first, second);
            assert_eq!(decoded.ends_block, ends, "{text}");
        }
        let (jal, addiw) = (InstructionSet::RiscV32, InstructionSet::RiscV64);
        assert!(jal.decode(0x2501, 0).ends_block && !addiw.decode(0x2501, 0).ends_block);
    }

    #[test]
    fn a_block_covers_its_instructions_up_to_the_branch() {
        // push; ldr.w; lsls; bpl; uxtb; bx lr
        let code = [0xb508, 0xf8d3, 0x2400, 0x0692, 0xd5fb, 0xb2c0, 0x4770];
        let read = |address: u64| {
            let index = usize::try_from(address.checked_sub(0x100)? / 2).ok()?;
            code.get(index).copied()
        };
        let mut covered = BTreeSet::new();
        cover(InstructionSet::Thumb, 0x102, read, &mut covered);
        assert_eq!(Vec::from_iter(covered.clone()), [0x102, 0x106, 0x108]);
        cover(InstructionSet::Thumb, 0x100, read, &mut covered);
        assert_eq!(
            Vec::from_iter(covered.clone()),
            [0x100, 0x102, 0x106, 0x108]
        );
        // What is no code of the program is left out.
        cover(InstructionSet::Thumb, 0x10e, read, &mut covered);
        assert_eq!(covered.len(), 4);
    }
}

use super::Address::{Index, Literal, Offset};
use super::Operation::*;
use super::*;

/// The words are what the GNU assembler makes of the text, at address 0.
#[test]
fn instructions_are_decoded_as_the_assembler_has_encoded_them() {
    let load = |to, size, address| Load {
        to,
        size,
        signed: false,
        address,
    };
    let sum = |to, from, value, flags| Add {
        to,
        from,
        value,
        flags,
    };
    let branch = |to, condition| Branch { to, condition };
    let bits = |to, mask, flags| And {
        to,
        from: 3,
        mask,
        flags,
    };
    let field = |low, width| Extract {
        to: 3,
        from: 3,
        low,
        width,
        signed: false,
    };
    let cases: &[(&str, u64, u16, u16, Operation)] = &[
        ("ldr r3, [pc, #16]", 0, 0x4b04, 0, load(3, 4, Literal(20))),
        ("ldr r2, [r3, #8]", 2, 0x689a, 0, load(2, 4, Offset(3, 8))),
        ("ldrb r1, [r0, #4]", 4, 0x7901, 0, load(1, 1, Offset(0, 4))),
        (
            "ldrh r1, [r0, r2]",
            6,
            0x5a81,
            0,
            load(1, 2, Index(0, 2, 0)),
        ),
        (
            "ldr.w r2, [r3, #2048]",
            8,
            0xf8d3,
            0x2800,
            load(2, 4, Offset(3, 2048)),
        ),
        (
            "ldr.w r2, [r3, #-4]",
            0xc,
            0xf853,
            0x2c04,
            load(2, 4, Offset(3, -4)),
        ),
        (
            "ldr.w r2, [r3, r1, lsl #2]",
            0x10,
            0xf853,
            0x2021,
            load(2, 4, Index(3, 1, 2)),
        ),
        (
            "tst r2, r1",
            0x14,
            0x420a,
            0,
            AndRegister {
                to: None,
                from: 2,
                with: 1,
            },
        ),
        (
            "tst.w r3, #0x20000",
            0x16,
            0xf413,
            0x3f00,
            bits(None, 0x2_0000, true),
        ),
        (
            "ands r2, r1",
            0x1a,
            0x400a,
            0,
            AndRegister {
                to: Some(2),
                from: 2,
                with: 1,
            },
        ),
        (
            "and r3, r3, #0x2000000",
            0x1c,
            0xf003,
            0x7300,
            bits(Some(3), 0x200_0000, false),
        ),
        (
            "bic r3, r3, #1",
            0x20,
            0xf023,
            0x0301,
            bits(Some(3), 0xffff_fffe, false),
        ),
        ("ubfx r3, r3, #17, #1", 0x24, 0xf3c3, 0x4340, field(17, 1)),
        (
            "lsls r3, r2, #14",
            0x28,
            0x0393,
            0,
            ShiftLeft {
                to: 3,
                from: 2,
                by: 14,
                word: 32,
                flags: true,
            },
        ),
        ("cmp r3, #7", 0x2a, 0x2b07, 0, Compare { from: 3, with: 7 }),
        (
            "cmp r3, r2",
            0x2c,
            0x4293,
            0,
            CompareRegister { from: 3, with: 2 },
        ),
        (
            "cmp.w r3, #256",
            0x2e,
            0xf5b3,
            0x7f80,
            Compare { from: 3, with: 256 },
        ),
        ("subs r1, #1", 0x32, 0x3901, 0, sum(1, 1, -1, true)),
        (
            "add.w r9, r1, #4",
            0x34,
            0xf101,
            0x0904,
            sum(9, 1, 4, false),
        ),
        (
            "subw r9, r1, #1000",
            0,
            0xf2a1,
            0x39e8,
            sum(9, 1, -1000, false),
        ),
        ("subs r3, r2, #1", 0, 0x1e53, 0, sum(3, 2, -1, true)),
        ("adds r0, #255", 0, 0x30ff, 0, sum(0, 0, 255, true)),
        ("subs r0, r0, r1", 0, 0x1a40, 0, Unknown { to: 0 }),
        (
            "adds r0, r1, r2",
            0,
            0x1888,
            0,
            AddRegister {
                to: 0,
                from: 1,
                with: 2,
            },
        ),
        (
            "movw r2, #0xdead",
            0x38,
            0xf64d,
            0x62ad,
            Constant {
                to: 2,
                value: 0xdead,
            },
        ),
        ("mov r8, r3", 0x3c, 0x4698, 0, Copy { to: 8, from: 3 }),
        ("uxtb r3, r3", 0x3e, 0xb2db, 0, field(0, 8)),
        (
            "cbz r3, 0x48",
            0x40,
            0xb113,
            0,
            branch(0x48, Condition::Zero(3)),
        ),
        (
            "cbnz r2, 0x48",
            0x42,
            0xb90a,
            0,
            branch(0x48, Condition::NotZero(2)),
        ),
        (
            "strb r3, [r0, #1]",
            0x44,
            0x7043,
            0,
            Store {
                from: 3,
                size: 1,
                address: Offset(0, 1),
            },
        ),
        ("wfi", 0x46, 0xbf30, 0, Wait),
        ("beq 0", 0x48, 0xd0da, 0, branch(0, Condition::Flags(0))),
        ("b 0", 0x4a, 0xe7d9, 0, branch(0, Condition::Always)),
        (
            "bne.w 0",
            0x4c,
            0xf47f,
            0xafd8,
            branch(0, Condition::Flags(1)),
        ),
        ("b.w 0", 0x50, 0xf7ff, 0xbfd6, branch(0, Condition::Always)),
        ("bl 0", 0x54, 0xf7ff, 0xffd4, Other),
        ("bx lr", 0x58, 0x4770, 0, Return),
    ];
    for (text, address, first, second, operation) in cases {
        let decoded = decode(*address, *first, *second);
        assert_eq!(decoded.operation, *operation, "{text}");
        assert_eq!(decoded.length == 4, *second != 0, "{text}");
    }
}

#[test]
fn all_words_are_decoded_or_left_out() {
    for first in 0..=u16::MAX {
        for second in [
            0,
            0x0fff,
            0x5555,
            0x8000,
            0x9fff,
            0xaaaa,
            0xbfff,
            0xd000,
            u16::MAX,
        ] {
            decode(0, first, second);
            decode(u64::MAX, first, second);
        }
    }
}

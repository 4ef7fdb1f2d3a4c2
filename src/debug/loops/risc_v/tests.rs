use proptest::prelude::*;

use super::Address::Offset;
use super::Operation::*;
use super::operations::SP;
use super::*;

const S0: usize = 8;
const A0: usize = 10;
const A4: usize = 14;
const A5: usize = 15;
const A6: usize = 16;
const T3: usize = 28;
const T4: usize = 29;
const T5: usize = 30;

fn load(to: usize, size: u64, signed: bool, base: usize, offset: i64) -> Operation {
    Load {
        to,
        size,
        signed,
        address: Offset(base, offset),
    }
}

fn store(from: usize, size: u64, base: usize, offset: i64) -> Operation {
    Store {
        from,
        size,
        address: Offset(base, offset),
    }
}

fn left(to: usize, by: u32, word: u32) -> Operation {
    ShiftLeft {
        to,
        from: to,
        by,
        word,
        flags: false,
    }
}

fn field(to: usize, low: u32, width: u32, signed: bool) -> Operation {
    Extract {
        to,
        from: to,
        low,
        width,
        signed,
    }
}

fn value(to: usize, value: u64) -> Operation {
    Constant { to, value }
}

fn sum(to: usize, from: usize, value: i64) -> Operation {
    Add {
        to,
        from,
        value,
        flags: false,
    }
}

fn goes(to: u64, condition: Condition) -> Operation {
    Branch { to, condition }
}

fn order(first: usize, second: usize, signed: bool) -> Order {
    Order {
        first,
        second,
        signed,
    }
}

/// The numbers are what the GNU assembler makes of the text, at an address.
fn check(is_64: bool, cases: &[(&str, u64, u32, Operation)]) {
    for (text, address, code, operation) in cases {
        let decoded = decode(*address, *code as u16, (code >> 16) as u16, is_64);
        assert_eq!(decoded.operation, *operation, "{text}");
        assert_eq!(decoded.length == 4, code & 3 == 3, "{text}");
    }
}

#[test]
fn instructions_are_decoded_as_the_assembler_has_encoded_them() {
    check(
        false,
        &[
            ("lbu a3, -1(s0)", 2, 0xfff4_4683, load(13, 1, false, S0, -1)),
            ("lh a3, 2(a0)", 6, 0x0025_1683, load(13, 2, true, A0, 2)),
            ("sw a5, -20(s0)", 0xa, 0xfef4_2623, store(A5, 4, S0, -20)),
            ("lui a5, 0x10012", 0xe, 0x1001_27b7, value(A5, 0x1001_2000)),
            ("auipc a4, 0x1", 0x12, 0x0000_1717, value(A4, 0x1012)),
            ("addi a5, a5, -2048", 0x16, 0x8007_8793, sum(A5, A5, -2048)),
            ("andi a5, a5, 1024", 0x1a, 0x4007_f793, and(A5, A5, 1024)),
            (
                "seqz a5, a4",
                0x22,
                0x0017_3793,
                IsZero {
                    to: A5,
                    from: A4,
                    not: false,
                },
            ),
            (
                "snez a5, a4",
                0x26,
                0x00e0_37b3,
                IsZero {
                    to: A5,
                    from: A4,
                    not: true,
                },
            ),
            (
                "and a6, a5, t3",
                0x2a,
                0x01c7_f833,
                AndRegister {
                    to: Some(A6),
                    from: A5,
                    with: T3,
                },
            ),
            (
                "add t3, t4, t5",
                0x2e,
                0x01ee_8e33,
                AddRegister {
                    to: T3,
                    from: T4,
                    with: T5,
                },
            ),
            ("mul a0, a1, a2", 0x32, 0x02c5_8533, Unknown { to: A0 }),
            ("csrr a0, mie", 0x36, 0x3040_2573, Unknown { to: A0 }),
            ("fence", 0x3a, 0x0ff0_000f, Nothing),
            (
                "beq a5, t4, 0",
                0x3e,
                0xfdd7_81e3,
                goes(0, Condition::Equal(A5, T4)),
            ),
            (
                "bne a5, t4, 0x5c",
                0x42,
                0x01d7_9d63,
                goes(0x5c, Condition::NotEqual(A5, T4)),
            ),
            (
                "bltz a5, 0",
                0x46,
                0xfa07_cde3,
                goes(0, Condition::Less(order(A5, ZERO, true))),
            ),
            (
                "bgeu t4, a5, 0x5c",
                0x4a,
                0x00fe_f963,
                goes(0x5c, Condition::NotLess(order(T4, A5, false))),
            ),
            ("j 0", 0x4e, 0xfb3f_f06f, goes(0, Condition::Always)),
            ("jal 0", 0x52, 0xfaff_f0ef, Other),
            ("ret", 0, 0x0000_8067, Return),
            ("wfi", 0x56, 0x1050_0073, Wait),
        ],
    );
}

#[test]
fn compressed_instructions_are_decoded_as_the_assembler_has_encoded_them() {
    check(
        false,
        &[
            ("lw a5, 8(a4)", 0, 0x471c, load(A5, 4, true, A4, 8)),
            ("sw a5, 64(a4)", 2, 0xc33c, store(A5, 4, A4, 64)),
            ("lw t3, 140(sp)", 4, 0x4e3a, load(T3, 4, true, SP, 140)),
            ("sw t3, 140(sp)", 6, 0xc772, store(T3, 4, SP, 140)),
            ("addi a4, sp, 600", 8, 0x0cb8, sum(A4, SP, 600)),
            ("addi a5, a5, -1", 0xa, 0x17fd, sum(A5, A5, -1)),
            ("nop", 0xc, 0x0001, Nothing),
            ("li a4, -5", 0xe, 0x576d, value(A4, 0xffff_fffb)),
            ("lui a4, 0x10", 0x10, 0x6741, value(A4, 0x1_0000)),
            ("lui a4, 0xfffe0", 0x12, 0x7701, value(A4, 0xfffe_0000)),
            ("addi sp, sp, -64", 0x14, 0x7139, sum(SP, SP, -64)),
            ("srli a4, a4, 4", 0x16, 0x8311, field(A4, 4, 28, false)),
            ("srai a4, a4, 4", 0x18, 0x8711, field(A4, 4, 28, true)),
            ("andi a4, a4, -8", 0x1a, 0x9b61, and(A4, A4, -8)),
            (
                "and a4, a4, a5",
                0x1c,
                0x8f7d,
                AndRegister {
                    to: Some(A4),
                    from: A4,
                    with: A5,
                },
            ),
            ("or a4, a4, a5", 0x1e, 0x8f5d, Unknown { to: A4 }),
            ("slli a4, a4, 20", 0x20, 0x0752, left(A4, 20, 32)),
            ("srli a5, a5, 21", 0x20, 0x83d5, field(A5, 21, 11, false)),
            ("mv t3, t4", 0x22, 0x8e76, Copy { to: T3, from: T4 }),
            (
                "add t3, t3, t4",
                0x24,
                0x9e76,
                AddRegister {
                    to: T3,
                    from: T3,
                    with: T4,
                },
            ),
            ("ret", 0x26, 0x8082, Return),
            ("jr a4", 0x28, 0x8702, Other),
            ("j 0", 0x2a, 0xbfd9, goes(0, Condition::Always)),
            ("j 0x36", 0x2c, 0xa029, goes(0x36, Condition::Always)),
            (
                "beqz a5, 0",
                0x2e,
                0xdbe9,
                goes(0, Condition::Equal(A5, ZERO)),
            ),
            (
                "bnez a4, 0x36",
                0x30,
                0xe319,
                goes(0x36, Condition::NotEqual(A4, ZERO)),
            ),
            ("jalr a4", 0x32, 0x9702, Other),
            ("ebreak", 0x34, 0x9002, Other),
            ("jal 0: a call of RV32", 0, 0x2001, Other),
            ("no instruction", 0, 0, Other),
        ],
    );
}

#[test]
fn a_register_of_64_bits_has_its_own_instructions() {
    check(
        true,
        &[
            ("ld a5, 8(t4)", 0, 0x008e_b783, load(A5, 8, true, T4, 8)),
            ("lwu a5, 8(a4)", 4, 0x0087_6783, load(A5, 4, false, A4, 8)),
            ("sext.w a5, a5", 8, 0x2781, Copy { to: A5, from: A5 }),
            ("slliw a5, a5, 6", 0xa, 0x0067_979b, left(A5, 6, 32)),
            ("srliw a5, a5, 6", 0xe, 0x0067_d79b, field(A5, 6, 26, false)),
            ("ld a5, 72(a4)", 0x12, 0x673c, load(A5, 8, true, A4, 72)),
            ("sd a5, 72(a4)", 0x14, 0xe73c, store(A5, 8, A4, 72)),
            ("ld t3, 328(sp)", 0x16, 0x6e36, load(T3, 8, true, SP, 328)),
            ("sd t3, 328(sp)", 0x18, 0xe6f2, store(T3, 8, SP, 328)),
            ("addiw a5, a5, -1", 0x1c, 0x37fd, sum(A5, A5, -1)),
            ("slli a5, a5, 40", 0x1e, 0x17a2, left(A5, 40, 64)),
            (
                "lui a5, 0x80000",
                0x20,
                0x8000_07b7,
                value(A5, 0xffff_ffff_8000_0000),
            ),
        ],
    );
}

#[test]
fn all_short_codes_are_decoded_or_left_out() {
    for code in 0..=u16::MAX {
        for is_64 in [false, true] {
            let decoded = decode(u64::from(code), code, code, is_64);
            assert!(matches!(decoded.length, 2 | 4), "{code:x}");
        }
    }
}

proptest! {
    #[test]
    fn any_code_is_decoded_or_left_out(address: u64, first: u16, second: u16, is_64: bool) {
        let decoded = decode(address, first | 3, second, is_64);
        prop_assert_eq!(decoded.length, 4);
    }
}

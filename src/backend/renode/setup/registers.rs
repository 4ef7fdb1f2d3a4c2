//! The registers in Renode's table of them.

use crate::debug::Core;

/// Returns the registers of a processor that have a name in a [`CpuState`](crate::debug::CpuState).
///
/// A row of the table is `| SP / R13  | 13    | 0x2001FFD0 |`.
pub(crate) fn registers(core: Core, table: &str) -> Vec<(String, u64)> {
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
        let (names, _index, value) = (cells.next()?, cells.next()?, cells.next()?);
        Some((names, number(value)?))
    });
    match core {
        Core::CortexM => cortex_m(rows),
        Core::RiscV => rows
            .filter_map(|(names, it)| Some((risc_v(names)?, it)))
            .collect(),
    }
}

/// Returns the number `0x800079A`.
pub(crate) fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn cortex_m<'a>(rows: impl Iterator<Item = (&'a str, u64)>) -> Vec<(String, u64)> {
    let mut registers = Vec::new();
    // Both stack pointers: the one in use is `sp`.
    let (mut sp, mut other, mut is_process) = (None, None, None);
    for (names, value) in rows {
        let name = match names {
            "SP / R13" => {
                sp = Some(value);
                "sp"
            }
            "LR / R14" => "lr",
            "PC / R15" => "pc",
            "CPSR" => "xpsr",
            "Control" => "control",
            "BasePri" => "basepri",
            "PRIMASK" => "primask",
            "FAULTMASK" => "faultmask",
            "CurrentSP" => {
                is_process = Some(value != 0);
                continue;
            }
            "OtherSP" => {
                other = Some(value);
                continue;
            }
            _ => match general(names, 'R', 12) {
                Some(name) => {
                    registers.push((name, value));
                    continue;
                }
                None => continue,
            },
        };
        registers.push((name.to_owned(), value));
    }
    if let (Some(sp), Some(other), Some(is_process)) = (sp, other, is_process) {
        let (msp, psp) = match is_process {
            true => (other, sp),
            false => (sp, other),
        };
        registers.extend([("msp".to_owned(), msp), ("psp".to_owned(), psp)]);
    }
    registers
}

fn risc_v(names: &str) -> Option<String> {
    let control = ["PC", "MSTATUS", "MIE", "MTVEC", "MCAUSE", "MEPC", "MTVAL"];
    names
        .split(" / ")
        .find_map(|name| match control.contains(&name) {
            true => Some(name.to_ascii_lowercase()),
            false => general(name, 'X', 31),
        })
}

/// Returns the name of a register such as `R7`, in lower case.
fn general(name: &str, prefix: char, last: u8) -> Option<String> {
    let number: u8 = name.strip_prefix(prefix)?.parse().ok()?;
    (number <= last).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cortex_m_has_two_stack_pointers() {
        let table = |current| {
            format!(
                "----------------------------------\r\n\
                 | Name      | Index | Value      |\r\n\
                 ----------------------------------\r\n\
                 | R0        | 0     | 0x20000024 |\r\n\
                 | R12       | 12    | 0x0        |\r\n\
                 | SP / R13  | 13    | 0x2001FFD0 |\r\n\
                 | LR / R14  | 14    | 0x8000557  |\r\n\
                 | PC / R15  | 15    | 0x800079A  |\r\n\
                 | CurrentSP | 21    | {current}        |\r\n\
                 | OtherSP   | 22    | 0x20000400 |\r\n\
                 | CPSR      | 25    | 0x61000003 |\r\n\
                 | D0        | 42    | 0x0        |\r\n\
                 ----------------------------------\r\n"
            )
        };
        for (current, msp, psp) in [
            ("0x0", 0x2001_ffd0, 0x2000_0400),
            ("0x1", 0x2000_0400, 0x2001_ffd0),
        ] {
            let expected = [
                ("r0", 0x2000_0024),
                ("r12", 0),
                ("sp", 0x2001_ffd0),
                ("lr", 0x0800_0557),
                ("pc", 0x0800_079a),
                ("xpsr", 0x6100_0003),
                ("msp", msp),
                ("psp", psp),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value));
            assert_eq!(registers(Core::CortexM, &table(current)), expected);
        }
    }

    #[test]
    fn a_register_of_risc_v_has_several_names() {
        let table = "| ZERO / X0    | 0     | 0x0        |\n\
                     | FP / X8 / S0 | 8     | 0x8        |\n\
                     | X9 / S1      | 9     | 0x80000000 |\n\
                     | PC           | 32    | 0x200106EE |\n\
                     | F0           | 33    | 0x0        |\n\
                     | #336         | 336   | 0x0        |\n\
                     | MCAUSE       | 899   | 0x5        |";
        let expected = [
            ("x0", 0),
            ("x8", 8),
            ("x9", 0x8000_0000),
            ("pc", 0x2001_06ee),
            ("mcause", 5),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(registers(Core::RiscV, table), expected);
    }
}

//! The exception that a processor handles, and the cause of a fault, by the names of the
//! architecture.

use super::snapshot::{Core, CpuState};

/// Returns the name of an exception of a Cortex-M by its number (IPSR); `None` for none.
pub(super) fn name(number: u64) -> Option<String> {
    Some(match number {
        0 => return None,
        2 => "NMI".to_owned(),
        3 => "HardFault".to_owned(),
        4 => "MemManage".to_owned(),
        5 => "BusFault".to_owned(),
        6 => "UsageFault".to_owned(),
        7 => "SecureFault".to_owned(),
        11 => "SVCall".to_owned(),
        12 => "DebugMonitor".to_owned(),
        14 => "PendSV".to_owned(),
        15 => "SysTick".to_owned(),
        16.. => format!("interrupt {}", number - 16),
        _ => format!("exception {number}"),
    })
}

/// Returns the number of the exception that is handled; 0 is none.
pub(super) fn active(cpu: &CpuState) -> u64 {
    match cpu.core {
        Core::CortexM => cpu.register("xpsr").unwrap_or_default() & 0x1ff,
        Core::RiscV => 0,
    }
}

/// Returns true for the exceptions that an error of the program causes.
pub(super) fn is_fault(number: u64) -> bool {
    matches!(number, 3..=7)
}

const MMFAR_VALID: u64 = 1 << 7;
const BFAR_VALID: u64 = 1 << 15;

/// The bits of the Configurable Fault Status Register, and what each means.
const CFSR: [(u64, &str); 19] = [
    (
        1 << 0,
        "instruction fetch where execution is forbidden (IACCVIOL)",
    ),
    (1 << 1, "forbidden access to data (DACCVIOL)"),
    (
        1 << 3,
        "forbidden access at the return from an exception (MUNSTKERR)",
    ),
    (
        1 << 4,
        "forbidden access when registers were pushed for an exception: a stack overflow? (MSTKERR)",
    ),
    (
        1 << 5,
        "forbidden access when FPU registers were pushed (MLSPERR)",
    ),
    (
        1 << 8,
        "instruction fetch from where nothing answers (IBUSERR)",
    ),
    (1 << 9, "access to where nothing answers (PRECISERR)"),
    (
        1 << 10,
        "write to where nothing answers, some instructions earlier (IMPRECISERR)",
    ),
    (
        1 << 11,
        "bus error at the return from an exception (UNSTKERR)",
    ),
    (
        1 << 12,
        "bus error when registers were pushed for an exception: a stack overflow? (STKERR)",
    ),
    (1 << 13, "bus error when FPU registers were pushed (LSPERR)"),
    (1 << 16, "undefined instruction (UNDEFINSTR)"),
    (
        1 << 17,
        "jump to an address with bit 0 clear, such as a null pointer's: no Thumb code is there (INVSTATE)",
    ),
    (1 << 18, "invalid return from an exception (INVPC)"),
    (
        1 << 19,
        "floating-point instruction while the FPU is off (NOCP)",
    ),
    (1 << 20, "stack overflow (STKOF)"),
    (1 << 24, "unaligned access (UNALIGNED)"),
    (1 << 25, "division by zero (DIVBYZERO)"),
    (1 << 31, "debug event"),
];

/// Returns the causes of a fault, as far as the engine models the registers with them.
pub(super) fn causes(cpu: &CpuState) -> Vec<String> {
    match cpu.core {
        Core::CortexM => cortex_m_causes(cpu),
        Core::RiscV => risc_v_cause(cpu).into_iter().collect(),
    }
}

fn cortex_m_causes(cpu: &CpuState) -> Vec<String> {
    let mut causes = Vec::new();
    let cfsr = cpu.register("cfsr").unwrap_or_default();
    for (bit, meaning) in CFSR.iter().filter(|it| cfsr & it.0 != 0) {
        let register = match *bit {
            0..=0x80 if cfsr & MMFAR_VALID != 0 => Some("mmfar"),
            0x100..=0x8000 if cfsr & BFAR_VALID != 0 => Some("bfar"),
            _ => None,
        };
        let address = register.and_then(|it| cpu.register(it));
        causes.push(match address {
            Some(address) => format!("{meaning} at 0x{address:08x}"),
            None => (*meaning).to_owned(),
        });
    }
    if cpu.register("hfsr").is_some_and(|it| it & 2 != 0) {
        causes.push("the vector table could not be read (VECTTBL)".to_owned());
    }
    causes
}

fn risc_v_cause(cpu: &CpuState) -> Option<String> {
    let cause = cpu.register("mcause")?;
    let meaning = match cause {
        0 => "misaligned instruction",
        1 => "instruction fetch where that is not possible",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "misaligned load",
        5 => "load where that is not possible",
        6 => "misaligned store",
        7 => "store where that is not possible",
        8..=11 => "environment call",
        12 => "page fault of an instruction fetch",
        13 => "page fault of a load",
        15 => "page fault of a store",
        _ => return None,
    };
    let value = cpu.register("mtval").filter(|it| *it != 0);
    let value = value.map(|it| format!(", mtval 0x{it:08x}"));
    Some(format!(
        "{meaning} (mcause {cause}{})",
        value.unwrap_or_default()
    ))
}

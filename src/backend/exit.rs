//! Describes how an emulator exited, from its exit status, its last output and the host's memory
//! statistics.

use super::EmulatorExit;
use super::error::ExitReason;
use crate::config::BackendKind;
use crate::process::{Exit, largest_child};

/// The memory use from which a killed process is suspected to have used up the memory: more than
/// twice the memory that Renode needs for a usual board.
const SUSPECT_MEMORY: u64 = 3 << 29;

/// Describes the exit of an emulator of `kind` that the harness has not ended.
pub(super) fn describe(kind: BackendKind, exit: Exit, output: String) -> EmulatorExit {
    if let Some(lock_up) = LockUp::parse(&output) {
        return EmulatorExit {
            kind,
            reason: ExitReason::LockedUp {
                pc: lock_up.pc,
                fault: lock_up.fault,
            },
            hints: Vec::new(),
            output: lock_up.output,
        };
    }
    let memory = match exit.is_kill() {
        true => suspected(largest_child()),
        false => None,
    };
    EmulatorExit {
        kind,
        reason: ExitReason::Ended {
            status: exit.0,
            memory,
        },
        hints: Vec::new(),
        output,
    }
}

/// Returns `largest`, the memory use of the largest child process, if it is enough to suspect that
/// a killed process ran out of memory.
fn suspected(largest: u64) -> Option<u64> {
    (largest >= SUSPECT_MEMORY).then_some(largest)
}

/// A fault of the guest that its processor cannot handle, so that the processor locks up.
#[derive(Debug, PartialEq, Eq)]
struct LockUp {
    pc: String,
    fault: String,
    /// The output of QEMU without the floating-point registers, which fill a screen.
    output: String,
}

impl LockUp {
    /// Parses the report that QEMU prints when it aborts: `qemu: fatal: Lockup: REASON`, then the
    /// registers.
    fn parse(output: &str) -> Option<Self> {
        let (_, rest) = output.split_once("qemu: fatal: Lockup: ")?;
        let reason = rest.lines().next()?;
        let (_, pc) = rest.split_once("R15=")?;
        let (pc, _) = pc.split_once(char::is_whitespace)?;
        let is_floating = |line: &&str| {
            let mut start = line.chars();
            start.next() == Some('s') && start.next().is_some_and(|c| c.is_ascii_digit())
                || line.starts_with("FPSCR")
        };
        let lines: Vec<&str> = output.lines().filter(|it| !is_floating(it)).collect();
        Some(Self {
            pc: pc.to_owned(),
            fault: reason.to_owned(),
            output: lines.join("\n"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_up_is_reported_with_its_place_and_key_registers() {
        let output = "qemu: warning: something\n\
                      qemu: fatal: Lockup: can't escalate 3 to HardFault (current priority -1)\n\n\
                      R00=00000000 R01=00000000 R02=00000000 R03=00000000\n\
                      R12=00000000 R13=20000fe0 R14=fffffff9 R15=0800001e\n\
                      XPSR=41000003 -Z-- T handler\n\
                      s00=00000000 s01=00000000 d00=0000000000000000\n\
                      FPSCR: 00000000\n";
        let lock_up = LockUp::parse(output).unwrap();
        assert_eq!(lock_up.pc, "0800001e");
        let fault = "can't escalate 3 to HardFault (current priority -1)";
        assert_eq!(lock_up.fault, fault);
        assert!(lock_up.output.ends_with("\nXPSR=41000003 -Z-- T handler"));
        assert!(lock_up.output.starts_with("qemu: warning: something\n"));
        // A report that is cut off.
        let cuts = (0..output.len()).filter_map(|end| LockUp::parse(&output[..end]));
        for cut in cuts {
            assert_eq!((&cut.pc, &cut.fault), (&lock_up.pc, &lock_up.fault));
        }
        assert_eq!(LockUp::parse("qemu: fatal: Trying to execute code"), None);
    }

    #[test]
    fn lack_of_memory_is_suspected_only_for_a_large_process() {
        assert_eq!(suspected(600 << 20), None);
        let exit = EmulatorExit {
            kind: BackendKind::Renode,
            reason: ExitReason::Ended {
                status: None,
                memory: suspected(13 << 28),
            },
            hints: Vec::new(),
            output: String::new(),
        };
        let exit = exit.to_string();
        assert!(exit.contains(", perhaps because memory ran out (the largest "));
        assert!(exit.contains(" had 3.2 GiB; "), "{exit}");
    }
}

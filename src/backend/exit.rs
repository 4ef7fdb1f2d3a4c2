//! Says how an emulator ended, as far as its exit, its last output and the host tell.

use super::EmulatorExit;
use crate::config::BackendKind;
use crate::process::{Exit, largest_child};

/// A process that was killed and had less is not suspected to have used up the memory: more
/// than twice what Renode takes for a usual board.
const LARGE: u64 = 3 << 29;

/// The end of an emulator of that `kind` that nobody here had ended.
pub(super) fn of(kind: BackendKind, exit: Exit, output: String) -> EmulatorExit {
    if let Some(lock_up) = LockUp::told(&output) {
        return EmulatorExit {
            kind,
            what: format!("{kind} gave up, because {}", lock_up.what),
            output: lock_up.output,
        };
    }
    let memory = match exit.is_kill() {
        true => memory(largest_child()),
        false => None,
    };
    EmulatorExit {
        kind,
        what: format!("{kind} {exit}{}", memory.unwrap_or_default()),
        output,
    }
}

/// What to suspect of a process that was killed, if the largest process of this one's had
/// so many bytes.
fn memory(largest: u64) -> Option<String> {
    (largest >= LARGE).then(|| {
        format!(
            ", perhaps because memory ran out (the largest process that this test has started had {:.1} GiB; \
             the kernel's log says more: `dmesg`)",
            largest as f64 / f64::from(1 << 30)
        )
    })
}

/// A fault of the guest's that its processor could not even handle.
#[derive(Debug, PartialEq, Eq)]
struct LockUp {
    what: String,
    /// What QEMU wrote, without its registers for floating point, which fill a screen.
    output: String,
}

impl LockUp {
    /// The one that QEMU tells of as it aborts: `qemu: fatal: Lockup: REASON`, then the registers.
    fn told(output: &str) -> Option<Self> {
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
            what: format!("the processor locked up at PC=0x{pc}: {reason}"),
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
        let lock_up = LockUp::told(output).unwrap();
        assert_eq!(
            lock_up.what,
            "the processor locked up at PC=0x0800001e: can't escalate 3 to HardFault (current priority -1)"
        );
        assert!(lock_up.output.ends_with("\nXPSR=41000003 -Z-- T handler"));
        assert!(lock_up.output.starts_with("qemu: warning: something\n"));
        // As much of it as has come.
        let cuts = (0..output.len()).filter_map(|end| LockUp::told(&output[..end]));
        for cut in cuts {
            assert_eq!(cut.what, lock_up.what);
        }
        assert_eq!(LockUp::told("qemu: fatal: Trying to execute code"), None);
    }

    #[test]
    fn lack_of_memory_is_suspected_only_for_a_large_process() {
        assert_eq!(memory(600 << 20), None);
        let suspected = memory(13 << 28).unwrap();
        assert!(suspected.starts_with(", perhaps because memory ran out (the largest "));
        assert!(suspected.contains(" had 3.2 GiB; "), "{suspected}");
    }
}

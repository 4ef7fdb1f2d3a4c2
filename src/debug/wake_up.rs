//! What can wake a processor that sleeps: the interrupts that are enabled.

use super::guest::Guest;
use super::snapshot::Core;

/// The number of the first interrupt's exception on a Cortex-M.
const FIRST_IRQ: u64 = 16;

/// Reading the timer's control register clears a flag of it.
const SYSTICK: &str = "; whether SysTick is on, which could wake it too, is not known";

/// The largest number of interrupts that are named.
const MOST_NAMED: usize = 4;

/// Returns which interrupts could wake a processor that sleeps; `None` if the engine does not say
/// which are enabled.
pub(super) fn wake_ups(guest: &mut Guest<'_>) -> Option<String> {
    match guest.cpu.core {
        Core::CortexM => of_cortex_m(guest),
        Core::RiscV => of_risc_v(guest),
    }
}

fn of_cortex_m(guest: &mut Guest<'_>) -> Option<String> {
    let (enabled, pending) = (bits(guest, "iser"), bits(guest, "ispr"));
    let [enabled, pending] = [enabled?, pending.unwrap_or_default()];
    let handlers = Handlers::read(guest, enabled.iter().chain(&pending).max());
    let name = |number: &u64| match handlers.name(guest, *number) {
        Some(name) => format!("{name} (interrupt {number})"),
        None => format!("interrupt {number}"),
    };
    let mut text = match enabled.is_empty() {
        true => "no interrupt is enabled in the NVIC".to_owned(),
        false => {
            let names = enabled.iter().map(|it| match pending.contains(it) {
                true => format!("{}, which is pending", name(it)),
                false => name(it),
            });
            format!("enabled interrupts, which could wake it: {}", list(names))
        }
    };
    text += SYSTICK;
    let only_pending = pending.iter().filter(|it| !enabled.contains(it));
    let only_pending: Vec<_> = only_pending.map(name).collect();
    if !only_pending.is_empty() {
        text += &format!("; pending, but not enabled: {}", list(only_pending));
    }
    if let Some(mask) = guest.cpu.register("basepri").filter(|it| *it != 0) {
        text += &format!("; BASEPRI 0x{mask:02x} masks some priorities");
    }
    Some(text)
}

/// Returns the numbers of the bits that are set in registers with a name such as `iser0`.
fn bits(guest: &Guest<'_>, name: &str) -> Option<Vec<u64>> {
    let words = (0..8).map_while(|index| guest.cpu.register(&format!("{name}{index}")));
    let words: Vec<_> = words.collect();
    let is_set = |it: &u64| words[(it / 32) as usize] >> (it % 32) & 1 == 1;
    let all = 0..32 * words.len() as u64;
    (!words.is_empty()).then(|| all.filter(is_set).collect())
}

/// Writes at most [`MOST_NAMED`] of some names.
fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    let mut text = names[..names.len() - more].join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

/// The vector table, up to the last interrupt that matters.
struct Handlers(Vec<Option<u64>>);

impl Handlers {
    fn read(guest: &mut Guest<'_>, last: Option<&u64>) -> Self {
        let (Some(table), Some(last)) = (guest.cpu.register("vtor"), last) else {
            return Self(Vec::new());
        };
        let entries = 0..=FIRST_IRQ + last;
        let read = |index: u64| guest.number(table.checked_add(4 * index)?, 4);
        Self(entries.map(read).collect())
    }

    /// Returns the name of the handler of an interrupt. A handler that several exceptions share
    /// says nothing.
    fn name(&self, guest: &Guest<'_>, number: u64) -> Option<String> {
        let index = (FIRST_IRQ + number) as usize;
        let handler = self.0.get(index).copied().flatten()?;
        let same = self.0.iter().filter(|it| **it == Some(handler));
        let function = guest.programs.function(handler & !1)?;
        let is_start = function.address == handler & !1 && handler & 1 == 1;
        (is_start && same.count() == 1).then(|| function.name.clone())
    }
}

fn of_risc_v(guest: &Guest<'_>) -> Option<String> {
    let enabled = guest.cpu.register("mie")?;
    let numbers = (0..64).filter(|it| enabled >> it & 1 == 1);
    let names: Vec<_> = numbers
        .map(|number| match number {
            3 => "software".to_owned(),
            7 => "timer".to_owned(),
            11 => "external".to_owned(),
            _ => format!("interrupt {number}"),
        })
        .collect();
    Some(match names.is_empty() {
        true => "no interrupt is enabled in mie: nothing can wake it".to_owned(),
        false => format!("enabled in mie, which could wake it: {}", list(names)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debug::program::Programs;
    use crate::debug::recorded::program;
    use crate::debug::snapshot::{CpuState, MemoryImage, RunState};

    fn text(core: Core, programs: &Programs, registers: &[(&str, u64)]) -> Option<String> {
        let cpu = CpuState {
            core,
            state: RunState::Waiting,
            registers: registers.iter().map(|it| (it.0.to_owned(), it.1)).collect(),
            memories: Vec::new(),
        };
        let mut memory = MemoryImage::default();
        wake_ups(&mut Guest::new(&cpu, programs, &mut memory))
    }

    #[test]
    fn an_interrupt_has_the_name_of_its_handler() {
        let shell = program("shell.elf");
        let on_shell = |registers: &[(&str, u64)]| {
            let all = [("vtor", 0x0800_0000)];
            let all: Vec<_> = all.into_iter().chain(registers.iter().copied()).collect();
            text(Core::CortexM, &shell, &all).unwrap()
        };
        let could = "enabled interrupts, which could wake it";
        for (registers, expected) in [
            (
                &[("iser0", 0), ("iser1", 0x40)][..],
                format!("{could}: uart_interrupt (interrupt 38){SYSTICK}"),
            ),
            (
                &[("iser0", 2), ("iser1", 0x40), ("ispr0", 0), ("ispr1", 0x40)],
                format!(
                    "{could}: interrupt 1, uart_interrupt (interrupt 38), which is pending{SYSTICK}"
                ),
            ),
            (
                &[("iser0", 0x7f)],
                format!(
                    "{could}: interrupt 0, interrupt 1, interrupt 2, interrupt 3 and 3 more{SYSTICK}"
                ),
            ),
            (
                &[
                    ("iser0", 0),
                    ("ispr0", 0),
                    ("ispr1", 0x40),
                    ("basepri", 0x50),
                ],
                format!(
                    "no interrupt is enabled in the NVIC{SYSTICK}; pending, but not enabled: \
                     uart_interrupt (interrupt 38); BASEPRI 0x50 masks some priorities"
                ),
            ),
        ] {
            assert_eq!(on_shell(registers), expected);
        }
    }

    #[test]
    fn the_kinds_of_a_risc_v_have_names() {
        for (enabled, expected) in [
            (0, "no interrupt is enabled in mie: nothing can wake it"),
            (
                0x888,
                "enabled in mie, which could wake it: software, timer, external",
            ),
            (1 << 16, "enabled in mie, which could wake it: interrupt 16"),
        ] {
            let found = text(Core::RiscV, &Programs::default(), &[("mie", enabled)]);
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_engine_that_does_not_say_it_is_no_reason_to_guess() {
        let programs = Programs::default();
        for core in [Core::CortexM, Core::RiscV] {
            assert_eq!(text(core, &programs, &[("vtor", 0)]), None);
        }
        // Without the vector table there are no names.
        let found = text(Core::CortexM, &programs, &[("iser0", 1), ("ispr7", 1)]);
        let expected = format!("enabled interrupts, which could wake it: interrupt 0{SYSTICK}");
        assert_eq!(found, Some(expected));
    }
}

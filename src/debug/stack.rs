//! A stack pointer that is not in its stack.

use super::guest::Guest;
use super::snapshot::Core;

/// Returns what is wrong with the stack pointer, if anything is.
pub(super) fn problem(guest: &Guest<'_>) -> Option<String> {
    let name = match guest.cpu.core {
        Core::CortexM => "sp",
        Core::RiscV => "x2",
    };
    let sp = guest.cpu.register(name)?;
    let ranges = &guest.cpu.memories;
    // An empty stack begins at the first address after its memory.
    let inside = ranges.iter().any(|it| it.contains(&sp) || it.end == sp);
    if !ranges.is_empty() && !inside {
        let above = ranges
            .iter()
            .filter(|it| it.start > sp)
            .min_by_key(|it| it.start);
        let near = above.filter(|it| it.start - sp < NEAR);
        return Some(match near {
            Some(it) => format!(
                "stack overflow: the stack pointer 0x{sp:08x} is below the memory at 0x{:08x}",
                it.start
            ),
            None => format!("the stack pointer 0x{sp:08x} is in no memory"),
        });
    }
    // The main stack lies above the variables; tasks may have theirs in one of them.
    let on_main_stack = guest.cpu.register("control").is_none_or(|it| it & 2 == 0);
    // A boot loader's variables may be where the application has its stack.
    let program = guest.programs.running(guest.cpu.register("pc")?)?;
    let top = TOPS.iter().find_map(|name| program.mark(name))?;
    let variables = program.statics.iter();
    let hit = variables
        .filter(|it| it.range.end <= top && !it.name.contains("stack"))
        .find(|it| it.range.contains(&sp))?;
    let variable = program.variable(sp);
    if !on_main_stack || variable.is_some() {
        return None;
    }
    Some(format!(
        "stack overflow: the stack pointer 0x{sp:08x} is in {}, below the stack",
        hit.name
    ))
}

/// How far below its memory a stack pointer is still taken for an overflow.
const NEAR: u64 = 0x1_0000;

/// Names that linker scripts give to the upper end of the main stack.
const TOPS: [&str; 6] = [
    "_estack",
    "__StackTop",
    "__stack_top",
    "_stack_top",
    "_stack_start",
    "__stack",
];

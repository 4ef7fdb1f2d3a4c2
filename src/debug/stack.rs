//! A stack pointer that is not in its stack.

use super::guest::Guest;
use super::program::Program;
use super::snapshot::Core;

/// What is wrong with a stack pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) is_overflow: bool,
    /// Where the stack pointer is.
    pub(super) place: String,
}

/// Returns what is wrong with the stack pointer, if anything is.
pub(super) fn problem(guest: &Guest<'_>) -> Option<Problem> {
    let problem = |is_overflow, place| Some(Problem { is_overflow, place });
    let sp = pointer(guest)?;
    if let Some(bottom) = overflowed(guest) {
        let place = format!(
            "the stack pointer 0x{sp:08x} is below the stack's memory, which begins at 0x{bottom:08x}"
        );
        return problem(true, place);
    }
    let ranges = &guest.cpu.memories;
    if !ranges.is_empty() && !is_inside(guest, sp) {
        let place = format!("the stack pointer 0x{sp:08x} is in no memory");
        return problem(false, place);
    }
    // The main stack lies above the variables; tasks may have theirs in one of them.
    let on_main_stack = guest.cpu.register("control").is_none_or(|it| it & 2 == 0);
    // A boot loader's variables may be where the application has its stack.
    let program = guest.programs.running(guest.cpu.register("pc")?)?;
    let top = top(program)?;
    let variables = program.statics.iter();
    let hit = variables
        .filter(|it| it.range.end <= top && !it.name.contains("stack"))
        .find(|it| it.range.contains(&sp))?;
    let variable = program.variable(sp);
    if !on_main_stack || variable.is_some() {
        return None;
    }
    let place = format!(
        "the stack pointer 0x{sp:08x} is in {}, below the stack",
        hit.name
    );
    problem(true, place)
}

/// Returns the start of the stack's memory, if the stack pointer is below it: the stack has
/// overflowed.
pub(super) fn overflowed(guest: &Guest<'_>) -> Option<u64> {
    let sp = pointer(guest)?;
    let ranges = &guest.cpu.memories;
    if is_inside(guest, sp) {
        return None;
    }
    let program = guest.programs.running(guest.cpu.register("pc")?);
    let bottom = match program.and_then(|it| Some((it, top(it)?))) {
        Some((_, top)) if !ranges.is_empty() => {
            ranges
                .iter()
                .find(|it| it.start < top && top <= it.end)?
                .start
        }
        // Without the engine's memories, the variables begin where the memory does.
        Some((program, top)) => {
            let variables = program.statics.iter().map(|it| it.range.start);
            variables
                .filter(|it| (1..FAR).contains(&top.saturating_sub(*it)))
                .min()?
        }
        None => {
            let above = ranges.iter().map(|it| it.start).filter(|it| *it > sp);
            above.min().filter(|it| it - sp < NEAR)?
        }
    };
    bottom
        .checked_sub(sp)
        .filter(|below| (1..FAR).contains(below))?;
    Some(bottom)
}

fn pointer(guest: &Guest<'_>) -> Option<u64> {
    guest.cpu.register(match guest.cpu.core {
        Core::CortexM => "sp",
        Core::RiscV => "x2",
    })
}

/// Returns true if a stack pointer is in a memory; an empty stack begins at the first address
/// after its memory.
fn is_inside(guest: &Guest<'_>, sp: u64) -> bool {
    let mut ranges = guest.cpu.memories.iter();
    ranges.any(|it| it.contains(&sp) || it.end == sp)
}

fn top(program: &Program) -> Option<u64> {
    TOPS.iter().find_map(|name| program.mark(name))
}

/// How far below its memory a stack pointer is still taken for an overflow, if the program does
/// not say where its stack is.
const NEAR: u64 = 0x1_0000;
/// The same, if the program says it: a recursion goes on where writes have no effect.
const FAR: u64 = 0x1000_0000;

/// Names that linker scripts give to the upper end of the main stack.
const TOPS: [&str; 7] = [
    "_estack",
    "__StackTop",
    "__stack_top",
    "_stack_top",
    "_stack_start",
    "__stack",
    "stack_top",
];

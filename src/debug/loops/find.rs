//! [`Loop`]: the loop around the program counter.

use super::counting::rounds_left;
use super::evaluation::Evaluation;
use super::instruction::{Condition, Instruction, Operation, Placed};
use super::poll::Poll;
use super::{risc_v, thumb};
use crate::debug::guest::Guest;
use crate::debug::snapshot::Core;

/// A loop that is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) enum Loop {
    /// It has no way out.
    Endless,
    /// It has no way out, and sleeps until an interrupt comes.
    Sleeps,
    /// Its end depends on a place in memory that it does not write.
    Polls(Poll),
    /// It only counts, and ends after so many more rounds.
    Counts(u64),
}

/// The largest loop in bytes.
const LARGEST: u64 = 64;

/// Returns the loop that a stopped processor executes, if it is a small one without calls.
pub(in crate::debug) fn find(guest: &mut Guest<'_>) -> Option<Loop> {
    let pc = guest.cpu.register("pc")? & !1;
    let (start, end) = bounds(guest, pc)?;
    let body = body(guest, start, end)?;
    let known = |it: &Placed| it.1.operation != Operation::Other;
    let leaves = |it: &Placed| match it.1.operation {
        Operation::Branch { to, condition } => {
            condition != Condition::Always || !(start..=end).contains(&to)
        }
        Operation::Return => true,
        _ => false,
    };
    if body.iter().all(known) && !body.iter().any(leaves) {
        let sleeps = body.iter().any(|it| it.1.operation == Operation::Wait);
        return Some(if sleeps { Loop::Sleeps } else { Loop::Endless });
    }
    let (body, exits) = without_exits(body);
    if let Some(rounds) = rounds_left(guest, &body, &exits, &(start..=end)) {
        return Some(Loop::Counts(rounds));
    }
    Evaluation::new(guest, &body, &exits, start..=end)
        .run()
        .map(Loop::Polls)
}

/// Returns the addresses of the first and the last instruction of the loop around an address: the
/// last one branches back to the first.
fn bounds(guest: &mut Guest<'_>, pc: u64) -> Option<(u64, u64)> {
    let mut address = pc;
    while address < pc.checked_add(LARGEST)? {
        let instruction = fetch(guest, address)?;
        if let Operation::Branch { to, .. } = instruction.operation
            && to <= pc
            && address - to <= LARGEST
        {
            return Some((to, address));
        }
        address = address.checked_add(instruction.length)?;
    }
    None
}

fn body(guest: &mut Guest<'_>, start: u64, end: u64) -> Option<Vec<Placed>> {
    let mut body = Vec::new();
    let mut address = start;
    while address <= end {
        let instruction = fetch(guest, address)?;
        body.push((address, instruction));
        address = address.checked_add(instruction.length)?;
    }
    Some(body)
}

/// Removes instructions that a branch jumps over and that return: they are not in the loop, which
/// ends if the branch is not taken. Returns also the addresses of such branches.
fn without_exits(body: Vec<Placed>) -> (Vec<Placed>, Vec<u64>) {
    let mut exits: Vec<(u64, u64)> = Vec::new();
    for (address, instruction) in &body {
        let Operation::Branch { to, .. } = instruction.operation else {
            continue;
        };
        let returns =
            |it: &Placed| it.1.operation == Operation::Return && *address < it.0 && it.0 < to;
        if body.iter().any(returns) {
            exits.push((*address, to));
        }
    }
    let skipped = |at: u64| exits.iter().any(|it| it.0 < at && at < it.1);
    let kept = body.into_iter().filter(|it| !skipped(it.0)).collect();
    (kept, exits.into_iter().map(|it| it.0).collect())
}

fn fetch(guest: &mut Guest<'_>, address: u64) -> Option<Instruction> {
    let half = |guest: &mut Guest<'_>, at: u64| guest.number(at, 2).map(|it| it as u16);
    let first = half(guest, address)?;
    let second = half(guest, address.checked_add(2)?).unwrap_or_default();
    Some(match guest.cpu.core {
        Core::CortexM => thumb::decode(address, first, second),
        Core::RiscV => risc_v::decode(address, first, second, guest.word_size() == 8),
    })
}

#[cfg(test)]
mod tests;

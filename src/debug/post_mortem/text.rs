//! The text of a post-mortem, of a few lines.

use std::fmt;

use super::{PostMortem, SLEEPS};
use crate::debug::exception;
use crate::debug::loops::Loop;
use crate::debug::snapshot::RunState;
use crate::debug::unwind::{Call, End, How};

/// The largest number of functions that are written.
const MOST_FRAMES: usize = 12;

impl fmt::Display for PostMortem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(backtrace) = &self.backtrace else {
            return f.write_str("firmware: the engine gives no program counter");
        };
        let calls = &backtrace.calls;
        let interrupted = calls
            .iter()
            .position(|it| matches!(it.how, How::Interrupted(_)));
        // After a fault the place of the error comes first, the handler later.
        let first = interrupted
            .filter(|_| self.is_fault() && self.state != RunState::LockedUp)
            .unwrap_or(0);
        write!(f, "firmware: {}", self.headline(first > 0))?;
        let Some(place) = calls.get(first) else {
            return Ok(());
        };
        write!(f, ", at 0x{:08x}", place.frame.address)?;
        if place.frame.function.is_some() {
            write!(f, " in {}", place.frame)?;
        } else if place.frame.address == 0 {
            f.write_str(": a call of a null pointer?")?;
        } else if self.outside.contains(&place.frame.address) {
            f.write_str(": a jump to an address where the board has no memory")?;
        }
        match &self.stack {
            Some(problem) if problem.is_overflow && !self.is_overflow_alone() => {
                write!(f, "\n  stack overflow: {}", problem.place)?;
            }
            Some(problem) => write!(f, "\n  {}", problem.place)?,
            None => {}
        }
        self.write_causes(f)?;
        // A handler that sleeps is not what is looked for after an error.
        if let Some(line) = self.wake_ups.as_ref().filter(|_| first == 0) {
            write!(f, "\n  {line}")?;
        }
        if let Some(interrupted) = interrupted.and_then(|it| calls.get(it))
            && first == 0
            && let Some(Loop::Polls(poll)) = &self.waits
            && let Some(variable) = poll.changed_by_program()
        {
            let function = interrupted.frame.function.as_deref();
            let function = function.unwrap_or("what it has interrupted");
            write!(
                f,
                "\n  {function} stands still until this handler ends: if it is what changes {variable}, \
                 the wait has no end"
            )?;
        }
        let chain = calls.get(first + 1..).unwrap_or_default();
        self.write_chain(f, chain)?;
        if chain.iter().any(|it| !it.frame.certain) {
            f.write_str("\n  ?: a guess, from the stack or the link register")?;
        }
        if let Some(why) = &self.nameless {
            write!(f, "\n  {why}: name the ELF file that has them in `symbols`")?;
        } else if backtrace.end == End::MemoryGone && self.is_first_fault_lost() {
            // This has been said.
        } else if backtrace.end != End::Complete {
            write!(f, "\n  the chain ends here: {}", backtrace.end)?;
        }
        Ok(())
    }
}

impl PostMortem {
    /// Returns true if the processor is in a handler that has no number, as on a RISC-V.
    fn is_in_trap(&self) -> bool {
        let mut calls = self.backtrace.iter().flat_map(|it| &it.calls);
        calls.any(|it| matches!(it.how, How::Interrupted(_)))
    }

    fn is_fault(&self) -> bool {
        exception::is_fault(self.exception) || !self.causes.is_empty()
    }

    /// Returns the name of the function that has interrupted the program.
    fn handler(&self) -> Option<&str> {
        let calls = &self.backtrace.as_ref()?.calls;
        let interrupted = calls
            .iter()
            .position(|it| matches!(it.how, How::Interrupted(_)))?;
        let handler = calls.get(interrupted.checked_sub(1)?)?;
        handler.frame.function.as_deref()
    }

    /// Returns true if a stack overflow is all that is known of what the processor does.
    fn is_overflow_alone(&self) -> bool {
        let is_overflow = self.stack.as_ref().is_some_and(|it| it.is_overflow);
        let runs = self.state == RunState::Running && self.waits.is_none();
        is_overflow && runs && self.exception == 0 && !self.is_fault()
    }

    /// Returns true if the emulator has ended with a lock-up: what the first fault was is lost.
    fn is_first_fault_lost(&self) -> bool {
        self.state == RunState::LockedUp && self.is_memory_gone && self.causes.is_empty()
    }

    fn write_causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, &*self.causes) {
            (RunState::LockedUp, []) if self.is_first_fault_lost() => f.write_str(
                "\n  what the first fault was, and where, is not known: the emulator has ended, and the fault \
                 registers and the stack are lost",
            ),
            // The registers do not tell the faults apart.
            (RunState::LockedUp, [cause]) => write!(
                f,
                "\n  the only cause that is recorded, of one fault or of both: {cause}"
            ),
            (RunState::LockedUp, [_, ..]) => write!(
                f,
                "\n  the causes of both faults together: {}",
                self.causes.join("; ")
            ),
            (_, causes) => causes
                .iter()
                .try_for_each(|cause| write!(f, "\n  {cause}")),
        }
    }

    /// Returns what the processor does; `at_error` if the place of an error follows, not that of its
    /// handler.
    fn headline(&self, at_error: bool) -> String {
        let what = match (&self.waits, self.state) {
            (_, RunState::LockedUp) => "locked up".to_owned(),
            (_, RunState::Halted) => "halted".to_owned(),
            (Some(Loop::Polls(poll)), RunState::Waiting) => format!("{SLEEPS}, polls {poll}"),
            (_, RunState::Waiting) => SLEEPS.to_owned(),
            (Some(Loop::Polls(poll)), _) => format!("polls {poll}"),
            (Some(Loop::Sleeps), _) => SLEEPS.to_owned(),
            (Some(Loop::Endless), _) => "in an endless loop".to_owned(),
            (Some(Loop::Counts(rounds)), _) => {
                format!("in a loop that counts, {} rounds to go", grouped(*rounds))
            }
            (None, _) if self.is_overflow_alone() => "stack overflow".to_owned(),
            (None, _) => "runs".to_owned(),
        };
        match exception::name(self.exception) {
            Some(name) if self.is_fault() && self.state == RunState::LockedUp => {
                format!("{what}: a fault in the handler of a {name}")
            }
            Some(name) if self.is_fault() && at_error => match self.handler() {
                // Another fault's handler may serve it.
                Some(handler) if !handler.contains(&name) => {
                    format!("{name} (handled by {handler})")
                }
                _ => name,
            },
            Some(name) => format!("{name} handler: {what}"),
            None if at_error => "trap".to_owned(),
            None if self.is_in_trap() => format!("trap handler: {what}"),
            None => what,
        }
    }

    /// Writes the calls that have led to a place.
    fn write_chain(&self, f: &mut fmt::Formatter<'_>, calls: &[Call]) -> fmt::Result {
        let mut last = None;
        let mut repeated = 0;
        let mut written = 0;
        for call in calls {
            let how = match call.how {
                How::Executed => continue,
                How::Inlines => "inlined in",
                How::Calls => "called by",
                How::Interrupted(_) if self.state == RunState::LockedUp => "the first fault was in",
                How::Interrupted(_) => "has interrupted",
            };
            let line = format!("\n  {how} {}", call.frame);
            if last.as_ref() == Some(&line) {
                repeated += 1;
                continue;
            }
            if repeated > 0 {
                write!(f, ", {repeated} times more")?;
                repeated = 0;
            }
            if written == MOST_FRAMES {
                f.write_str("\n  …")?;
                break;
            }
            f.write_str(&line)?;
            written += 1;
            last = Some(line);
        }
        match repeated {
            0 => Ok(()),
            _ => write!(f, ", {repeated} times more"),
        }
    }
}

/// Writes a number with a comma after each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (3_812_004, "3,812,004"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}

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
        }
        match self.state {
            // Each fault has added its own.
            RunState::LockedUp if !self.causes.is_empty() => {
                write!(
                    f,
                    "\n  the causes of both faults: {}",
                    self.causes.join("; ")
                )?;
            }
            _ => {
                for cause in &self.causes {
                    write!(f, "\n  {cause}")?;
                }
            }
        }
        // A handler that sleeps is not what is looked for after an error.
        let wake_ups = self.wake_ups.iter().filter(|_| first == 0);
        for line in wake_ups.chain(&self.stack) {
            write!(f, "\n  {line}")?;
        }
        self.write_chain(f, calls.get(first + 1..).unwrap_or_default())?;
        if let Some(why) = &self.nameless {
            write!(f, "\n  {why}: name the ELF file that has them in `symbols`")?;
        } else if backtrace.end != End::Complete {
            write!(f, "\n  the chain ends here: {}", backtrace.end)?;
        }
        Ok(())
    }
}

impl PostMortem {
    fn is_fault(&self) -> bool {
        exception::is_fault(self.exception) || !self.causes.is_empty()
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
            (None, _) => "runs".to_owned(),
        };
        match exception::name(self.exception) {
            Some(name) if self.is_fault() && self.state == RunState::LockedUp => {
                format!("{what}: a fault in the handler of a {name}")
            }
            Some(name) if self.is_fault() && at_error => name,
            Some(name) => format!("{name} handler: {what}"),
            None if at_error => "trap".to_owned(),
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
                How::Interrupted(_) => "interrupts",
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

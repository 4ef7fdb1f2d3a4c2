//! [`Stat`]: what Linux tells of a process or a thread.

use std::time::Duration;

/// The unit of processor times in `/proc`, on every architecture that Rust supports.
const TICK: Duration = Duration::from_millis(10);

/// Some fields of a file such as `/proc/4711/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    /// `R` runs or waits for a processor, `D` waits for the disk, `Z` has ended.
    pub(super) state: &'a str,
    /// The process group.
    pub(super) group: i32,
    /// The processor time that it has used.
    pub(super) used: Duration,
    /// The time at which it began, in ticks since the start of the system.
    pub(super) began: u64,
    /// The memory that it occupies, in pages.
    pub(super) pages: u64,
}

impl<'a> Stat<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        // The second field, the program's name in parentheses, may contain anything.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
        Some(Self {
            state: fields.first()?,
            group: fields.get(2)?.parse().ok()?,
            used: TICK * number(11)?.saturating_add(number(12)?),
            began: fields.get(19)?.parse().ok()?,
            pages: fields.get(21)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_after_any_name() {
        let text = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        let expected = Stat {
            state: "S",
            group: 2,
            used: Duration::from_millis(230),
            began: 4711,
            pages: 21,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a) S 1 2"), None);
    }
}

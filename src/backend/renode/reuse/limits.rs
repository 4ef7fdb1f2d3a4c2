//! The number of Renodes that may be parked, each of which has some hundred MB of memory, and of
//! boards that one may run.

use std::fs;

/// The memory of a parked Renode: 300 to 600 MB were seen after its first board.
const PARKED: u64 = 600 << 20;

/// The time in seconds after which a parked Renode of a run is ended.
pub(super) const LONGEST_IDLE: u32 = 60;

/// The same, for the second one of tests that have two in turn.
const LONGEST_IN_TURN: u32 = 5;

/// The number of boards that a Renode runs however much memory it takes: each leaves up to 9 MB
/// behind.
const LEAST_BOARDS: u32 = 25;

/// The number of boards that a Renode runs at most.
const MOST_BOARDS: u32 = 200;

/// The memory that a Renode may take to run more than [`LEAST_BOARDS`]. On Mono it goes up and down
/// between 550 and 930 MB in 150 boards.
const MOST_MEMORY: u64 = 1 << 30;

/// Returns true if a Renode that has run so many boards, and takes so much memory, may run another;
/// the memory is `None` if the system does not tell.
pub(super) fn allow_another_board(boards: u32, memory: impl FnOnce() -> Option<u64>) -> bool {
    boards < LEAST_BOARDS
        || boards < MOST_BOARDS && memory().is_some_and(|memory| memory < MOST_MEMORY)
}

/// Returns true if another Renode may be parked beside `parked`: one for every two cores, in less
/// than half of the memory that is free.
pub(crate) fn allow_another(parked: usize) -> bool {
    parked < cores().div_ceil(2) && free_memory().is_none_or(|free| PARKED < free / 2)
}

/// Returns the number of seconds that another Renode may be parked beside those that are, each for
/// so many seconds; `None` if there is no room. For tests that have two in turn, there may be as many
/// again as [`allow_another`] says, for a moment.
pub(super) fn longest_idle(parked: &[u32]) -> Option<u32> {
    let (long, short): (Vec<u32>, Vec<u32>) = parked.iter().partition(|it| **it >= LONGEST_IDLE);
    match (allow_another(long.len()), allow_another(short.len())) {
        (true, _) => Some(LONGEST_IDLE),
        (false, true) => Some(LONGEST_IN_TURN),
        (false, false) => None,
    }
}

/// Returns true if a Renode may be started before a boot asks for it, beside `running` others:
/// while one of them is made ready, the other cores are free for a board.
pub(crate) fn allow_ahead(running: usize) -> bool {
    running < cores() && allow_another(0)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the number of bytes that the host or the control group has free; `None` if the system
/// does not tell.
fn free_memory() -> Option<u64> {
    let host = fs::read_to_string("/proc/meminfo").ok();
    let host = host.as_deref().and_then(available);
    let number = |file| {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/memory.{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let group = number("max")
        .zip(number("current"))
        .map(|(most, used)| most.saturating_sub(used));
    match (host, group) {
        (Some(host), Some(group)) => Some(host.min(group)),
        (host, group) => host.or(group),
    }
}

/// Returns `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renode_runs_some_boards_and_more_while_it_is_small() {
        let (small, large) = (Some(MOST_MEMORY - 1), Some(MOST_MEMORY));
        for (boards, memory, expected) in [
            (1, None, true),
            (24, large, true),
            (25, None, false),
            (25, large, false),
            (25, small, true),
            (199, small, true),
            (200, small, false),
        ] {
            let allowed = allow_another_board(boards, || memory);
            assert_eq!(allowed, expected, "{boards} {memory:?}");
        }
    }

    #[test]
    fn of_two_renodes_in_turn_one_may_wait_long() {
        let (long, short) = (LONGEST_IDLE, LONGEST_IN_TURN);
        let allowed = cores().div_ceil(2);
        assert_eq!(longest_idle(&[]), Some(long));
        assert_eq!(longest_idle(&vec![short; allowed]), Some(long));
        assert_eq!(longest_idle(&vec![long; allowed]), Some(short));
        let mut all = vec![long; allowed];
        all.extend(vec![short; allowed]);
        assert_eq!(longest_idle(&all), None);
    }

    #[test]
    fn available_memory_is_read() {
        let text =
            "MemTotal:       24604104 kB\nMemFree:          512 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(available(text), Some(1 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}

//! The number of Renodes that may be parked: each has about 350 MB of memory.

use std::fs;

/// The memory of a parked Renode.
const PARKED: u64 = 350 << 20;

/// The number of boards after which a Renode is ended: each leaves about 9 MB behind.
pub(crate) const MOST_BOARDS: u32 = 25;

/// Returns true if another Renode may be parked beside `parked`: one for every two cores, in less
/// than half of the memory that is free.
pub(crate) fn allow_another(parked: usize) -> bool {
    parked < cores().div_ceil(2) && free_memory().is_none_or(|free| PARKED < free / 2)
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
    fn available_memory_is_read() {
        let text =
            "MemTotal:       24604104 kB\nMemFree:          512 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(available(text), Some(1 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}

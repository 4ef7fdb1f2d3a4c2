//! Many boards in one process, one after the other and in parallel.

use std::time::{Duration, Instant};

use virtual_target::Result;
use virtual_target::config::BackendKind;

use crate::leftovers::{descendants, emulators, held, listening_sockets, paths};
use crate::shell_on;

/// The totals of many boots and drops.
#[derive(Debug, Default)]
pub struct Cycles {
    pub count: usize,
    /// The duration of each drop.
    pub drops: Vec<Duration>,
    /// The processes left after a drop, summed over all drops.
    pub processes: usize,
    pub paths: usize,
    /// The increase from the first few boards to the end.
    pub descriptors: usize,
    pub threads: usize,
    /// The growth of memory over the same time, in KiB.
    pub memory: u64,
    /// The listening sockets of this process and its descendants while a board ran.
    pub listening: usize,
}

/// Boots a board and drops it, `count` times.
pub fn cycles(engine: BackendKind, count: usize) -> Result<Cycles> {
    // The first boards create what stays: threads, the helper, the allocator's pools.
    for _ in 0..3 {
        greeted(engine)?;
    }
    let before = held();
    // A Renode of earlier boards may be parked.
    let parked = (emulators().len(), private_paths());
    let mut cycles = Cycles {
        count,
        ..Cycles::default()
    };
    for _ in 0..count {
        let board = greeted(engine)?;
        let mut family = descendants(std::process::id());
        family.insert(std::process::id().cast_signed());
        cycles.listening += listening_sockets(&family).unwrap_or(usize::MAX);
        let since = Instant::now();
        drop(board);
        cycles.drops.push(since.elapsed());
        cycles.processes += emulators().len() - parked.0;
        cycles.paths += private_paths() - parked.1;
    }
    // The I/O thread closes its descriptors asynchronously.
    let since = Instant::now();
    while held().0 > before.0 && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let after = held();
    cycles.descriptors = after.0.saturating_sub(before.0);
    cycles.threads = after.1.saturating_sub(before.1);
    cycles.memory = after.2.saturating_sub(before.2);
    cycles.drops.sort();
    Ok(cycles)
}

/// Returns the number of directories and links of this process.
pub fn private_paths() -> usize {
    let prefix = format!("virtual-target-{}-", std::process::id());
    paths(&std::env::temp_dir(), &prefix).len() + paths("/tmp".as_ref(), &prefix).len()
}

fn greeted(engine: BackendKind) -> Result<virtual_target::VirtualTarget> {
    let board = shell_on(engine).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Boots `count` boards in parallel and talks to each.
pub fn at_once(engine: BackendKind, count: usize) -> Result<()> {
    let talk = move |number: usize| -> Result<()> {
        let board = greeted(engine)?;
        board
            .uart()
            .send_line(format!("echo board {number}"))
            .wait()?;
        board
            .uart()
            .expect_line(format!("re:^board {number}$"))
            .wait()?;
        board.shutdown().wait()
    };
    std::thread::scope(|scope| {
        let boards: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || talk(number)))
            .collect();
        boards
            .into_iter()
            .try_for_each(|board| board.join().expect("no panic"))
    })
}

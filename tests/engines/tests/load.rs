//! Many boards: the numbers of descriptors and threads and the memory stay constant, boards do
//! not affect each other, and nothing listens.

use engine_tests::{load, on_each_engine};
use virtual_target::config::BackendKind;

/// Boots and drops boards; an allocator's pools may grow by a few MiB in hundreds of them.
fn cycles(engine: BackendKind, count: usize) -> virtual_target::Result<()> {
    let cycles = load::cycles(engine, count)?;
    assert_eq!(cycles.processes, 0, "{cycles:?}");
    assert_eq!(cycles.paths, 0, "{cycles:?}");
    assert_eq!(cycles.descriptors, 0, "{cycles:?}");
    assert_eq!(cycles.threads, 0, "{cycles:?}");
    assert_eq!(cycles.listening, 0, "{cycles:?}");
    assert!(cycles.memory < 16 << 10, "{cycles:?}");
    Ok(())
}

fn slice(engine: BackendKind, on_qemu: usize, on_renode: usize) -> usize {
    match engine {
        BackendKind::Qemu => on_qemu,
        _ => on_renode,
    }
}

on_each_engine! {
    fn boots_and_drops_leave_nothing_and_never_listen(engine) {
        cycles(engine, slice(engine, 25, 1))
    }

    fn parallel_boards_do_not_conflict(engine) {
        load::at_once(engine, slice(engine, 8, 2))
    }
}

#[cfg(qemu)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_boots_and_drops_on_qemu() {
    cycles(BackendKind::Qemu, 500).unwrap();
}

#[cfg(renode)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_boots_and_drops_on_renode() {
    cycles(BackendKind::Renode, 50).unwrap();
}

#[cfg(qemu)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_parallel_boards_on_qemu() {
    load::at_once(BackendKind::Qemu, 16).unwrap();
}

#[cfg(renode)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_parallel_boards_on_renode() {
    load::at_once(BackendKind::Renode, 4).unwrap();
}

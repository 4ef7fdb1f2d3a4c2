//! Numbered lines, as fast as the firmware can print: all arrive, in
//! order, whatever the speed of the reader.

use std::thread::sleep;

use engine_tests::{on_each_engine, shell_on, tests_in_virtual_time};
use virtual_target::config::BackendKind;
use virtual_target::{Result, millis, secs};

/// The speed at which a test reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Quickly,
    /// With a pause at intervals.
    Slowly,
    /// Only after five seconds.
    Late,
}

fn flood(engine: BackendKind, lines: usize, reading: Reading) -> Result<()> {
    let board = shell_on(engine).boot().wait()?;
    let uart = board.uart();
    uart.expect("> ").wait()?;
    uart.send_line(format!("flood {lines}")).wait()?;
    assert_eq!(
        uart.read_line().wait()?,
        format!("flood {lines}"),
        "the echo"
    );
    if reading == Reading::Late {
        sleep(secs(5));
    }
    let width = lines.to_string().len().max(6);
    for number in 1..=lines {
        let line = uart.read_line().within(secs(60)).wait()?;
        assert_eq!(line, format!("line {number:0width$}"));
        if reading == Reading::Slowly && number % 200 == 0 {
            sleep(millis(1));
        }
    }
    assert_eq!(uart.read_line().wait()?, format!("flood done {lines}"));
    board.shutdown().wait()
}

/// Returns the number of lines for a short run.
fn daily_line_count(engine: BackendKind) -> usize {
    match engine {
        BackendKind::Renode => 2_000,
        _ => 50_000,
    }
}

fn soak_line_count(engine: BackendKind) -> usize {
    match engine {
        BackendKind::Renode => 20_000,
        _ => 1_000_000,
    }
}

on_each_engine! {
    fn read_quickly(engine) {
        flood(engine, daily_line_count(engine), Reading::Quickly)
    }

    fn read_slowly(engine) {
        flood(engine, daily_line_count(engine), Reading::Slowly)
    }

    #[cfg_attr(not(soak), ignore = "takes minutes: make soak")]
    fn soak_read_quickly(engine) {
        flood(engine, soak_line_count(engine), Reading::Quickly)
    }

    #[cfg_attr(not(soak), ignore = "takes minutes: make soak")]
    fn soak_read_slowly(engine) {
        flood(engine, soak_line_count(engine), Reading::Slowly)
    }

    #[cfg_attr(not(soak), ignore = "takes minutes: make soak")]
    fn soak_read_late(engine) {
        flood(engine, soak_line_count(engine), Reading::Late)
    }
}

tests_in_virtual_time! { read_quickly::renode, read_slowly::renode }

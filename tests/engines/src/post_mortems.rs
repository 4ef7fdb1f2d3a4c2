//! Figures of the state of the board in failures: what a failed wait takes for it, and that
//! nothing of it is left.

use std::time::{Duration, Instant};

use expect_bench::Figures;
use virtual_target::config::BackendKind;
use virtual_target::uart::UartErrorKind;
use virtual_target::{ErrorKind, Result, VirtualTarget, millis};

use crate::shell_on;

/// The dialogues of which the time is measured: each sends a command and waits for the answer.
const DIALOGUES: usize = 500;

/// Measures the first failed wait of a board on each engine, without the wait itself; and the time
/// of operations that pass after a failure, relative to the time before any.
pub fn measure(figures: &mut Figures) -> Result<()> {
    const RATIO: &str = "why.passing_test_overhead_ratio";
    for (name, engine) in [("renode", BackendKind::Renode), ("qemu", BackendKind::Qemu)] {
        let key = format!("why.post_mortem_ms.{name}");
        if let Err(missing) = shell_on(engine).build() {
            figures.missing(&key, &missing);
            continue;
        }
        let times = (0..5).map(|_| failed_wait(&ready(engine)?));
        figures.set(&key, 1000.0 * median(times.collect::<Result<_>>()?));
    }
    if let Err(missing) = shell_on(BackendKind::Qemu).build() {
        figures.missing(RATIO, &missing);
        return Ok(());
    }
    let board = ready(BackendKind::Qemu)?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        before.push(dialogues(&ready(BackendKind::Qemu)?)?);
        failed_wait(&board)?;
        after.push(dialogues(&board)?);
    }
    figures.set(RATIO, median(after) / median(before));
    Ok(())
}

fn ready(engine: BackendKind) -> Result<VirtualTarget> {
    let board = shell_on(engine).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Returns the time that a failed wait takes longer than it has waited.
fn failed_wait(board: &VirtualTarget) -> Result<Duration> {
    let since = Instant::now();
    let failed = board.uart().expect("never").within(millis(100)).wait();
    let took = since.elapsed();
    match failed.map_err(virtual_target::Error::into_kind) {
        Err(ErrorKind::Uart(failure)) if failure.post_mortem().is_some() => match failure.kind() {
            UartErrorKind::Timeout { waited, .. } => Ok(took.saturating_sub(*waited)),
            _ => Err(ErrorKind::Uart(failure).into()),
        },
        Err(other) => Err(other.into()),
        Ok(_) => Ok(took),
    }
}

fn dialogues(board: &VirtualTarget) -> Result<Duration> {
    let since = Instant::now();
    for _ in 0..DIALOGUES {
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        board.uart().expect("> ").wait()?;
    }
    Ok(since.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

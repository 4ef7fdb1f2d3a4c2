//! The state of a board for the message of an operation that has failed on one of its UARTs.

use std::fmt::Write;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::inner::{Inner, PostMortem};
use super::inspect::StoppedMachine;
use super::power::Board;
use crate::backend::NamedCpu;
use crate::debug::RunState;
use crate::error::Result;
use crate::runtime::spawn;
use crate::uart::{Explain, Explanation};

/// The time limits on the host for an emulator to pause, and then to tell its state. If it does
/// not, it hangs, and the failure is reported without the state of the board. Half a second is
/// enough for Renode, unless the host is very busy.
const LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// Lets the UARTs ask for the state of their machines.
pub(super) fn explain_failures(inner: &Arc<Inner>) {
    for (number, machine) in inner.machines.iter().enumerate() {
        let weak = Arc::downgrade(inner);
        let explain: Arc<Explain> = Arc::new(move || explanation(&weak, number));
        machine.ports.set_explain(&explain);
    }
}

fn explanation(inner: &Weak<Inner>, machine: usize) -> Explanation {
    let Some(inner) = inner.upgrade() else {
        return Box::pin(async { None });
    };
    let asked = Instant::now();
    // A task of its own, which ends even if the operation is dropped: the board must go on.
    let task = spawn(async move {
        let mut last = inner.post_mortems.lock().await;
        if let Some(last) = &*last
            && last.machine == machine
            && last.done >= asked
        {
            return last.text.clone();
        }
        // A board that is being flashed, reset or turned off explains nothing.
        let mut board = inner.board.try_lock().ok()?;
        let text = board.post_mortem(machine).await;
        *last = Some(PostMortem {
            machine,
            text: text.clone(),
            done: Instant::now(),
        });
        text
    });
    Box::pin(async move { task.ok()?.await.ok()? })
}

impl Board {
    /// Describes what the processors of a machine do.
    async fn post_mortem(&mut self, machine: usize) -> Option<String> {
        if let Some(last) = self.backend.guest_access()?.last_state() {
            return Some(describe(&[last]));
        }
        let found = self.inspect(
            machine,
            "look into",
            LIMITS,
            |mut machine: StoppedMachine<'_>| {
                Box::pin(async move { Ok(machine.processors().await?) })
            },
        );
        let found: Result<Vec<NamedCpu>> = found.await;
        match found {
            Ok(processors) => Some(describe(&processors)).filter(|it| !it.is_empty()),
            Err(error) => {
                tracing::debug!(%error, "a failure is reported without the state of the board");
                None
            }
        }
    }
}

/// Describes processors in one line each.
fn describe(processors: &[NamedCpu]) -> String {
    let mut text = String::new();
    for (name, cpu) in processors {
        let state = match cpu.state {
            RunState::Running => "running",
            RunState::Waiting => "waiting for an interrupt (WFI)",
            RunState::Halted => "halted",
            RunState::LockedUp => "locked up",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}: {state}");
        for register in ["pc", "lr", "sp", "x1", "x2", "xpsr", "cfsr", "mcause"] {
            if let Some(value) = cpu.register(register) {
                let _ = write!(text, ", {register}={value:#010x}");
            }
        }
        text.push('\n');
    }
    text
}

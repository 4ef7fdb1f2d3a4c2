//! Looking into a board of QEMU, which QMP pauses.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::hmp;
use super::{KIND, Qemu};
use crate::backend::error::RefusalReason;
use crate::backend::{
    Attached, BoxFuture, DebuggerLink, EmulatorError, EmulatorErrorKind, GuestAccess, INTERRUPTS,
    NamedCpu, Outcome, chunks,
};
use crate::debug::{Core, RunState};
use crate::process::Process;

const STEP: &str = "looking into the board";

/// The number of bytes of one command; each takes 5 in QEMU's answer.
const CHUNK: u64 = 32 << 10;

/// The registers of the System Control Block that say why a Cortex-M has a fault. Reading them
/// has no effect.
const FAULTS: [(&str, u64); 4] = [
    ("cfsr", 0xe000_ed28),
    ("hfsr", 0xe000_ed2c),
    ("mmfar", 0xe000_ed34),
    ("bfar", 0xe000_ed38),
];

impl Qemu {
    /// Returns the answer of QEMU's monitor for people to `command`.
    pub(super) async fn hmp(&mut self, command: String) -> Result<String, EmulatorError> {
        const COMMAND: &str = "human-monitor-command";
        let Some(running) = &mut self.running else {
            return Ok(String::new());
        };
        let reply = running
            .qmp
            .send_with(COMMAND, json!({ "command-line": command }));
        let reply = reply.await;
        match self.wait_for_reply(STEP, &command, reply).await? {
            Value::String(answer) => Ok(answer),
            _ => Ok(String::new()),
        }
    }

    async fn numbers(&mut self, command: String) -> Result<Vec<u32>, EmulatorError> {
        let answer = self.hmp(command.clone()).await?;
        hmp::numbers(&answer).ok_or_else(|| {
            let reason = RefusalReason::Refused(answer.trim().to_owned());
            EmulatorError::new(KIND, EmulatorErrorKind::Refused { command, reason })
        })
    }
}

impl GuestAccess for Qemu {
    fn stop(&mut self) -> Outcome<'_> {
        Box::pin(self.execute(STEP, "stop", None))
    }

    fn go_on(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(running) = &mut self.running
                && let Some(run) = running.run_command
            {
                // An exit is reported by whatever comes next.
                drop(running.qmp.send(run).await);
            }
        })
    }

    fn memories(
        &mut self,
        _machine: usize,
    ) -> BoxFuture<'_, Result<Vec<Range<u64>>, EmulatorError>> {
        Box::pin(async { Ok(hmp::memories(&self.hmp(hmp::MEMORIES.to_owned()).await?)) })
    }

    fn processors(
        &mut self,
        _machine: usize,
    ) -> BoxFuture<'_, Result<Vec<NamedCpu>, EmulatorError>> {
        Box::pin(async {
            let printed = self.hmp(hmp::REGISTERS.to_owned()).await?;
            let mut processors = hmp::processors(&printed, RunState::Running);
            // The addresses are those of the first processor.
            if let Some((_, first)) = processors.first_mut()
                && first.core == Core::CortexM
            {
                for (name, address) in FAULTS {
                    let value = self
                        .numbers(hmp::words_at(address, 1))
                        .await
                        .unwrap_or_default();
                    let value = value.first().map(|it| (name.to_owned(), u64::from(*it)));
                    first.registers.extend(value);
                }
            }
            Ok(processors)
        })
    }

    fn interrupts<'a>(
        &'a mut self,
        _machine: usize,
        processor: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(String, u64)>, EmulatorError>> {
        Box::pin(async move {
            let mut registers = Vec::new();
            // The addresses are those of the first processor.
            if processor != hmp::name(0) {
                return Ok(registers);
            }
            for register in INTERRUPTS {
                let words = hmp::words_at(register.address, register.count);
                // Another board may have none.
                let values = self.numbers(words).await.unwrap_or_default();
                registers.extend(register.named(values.into_iter().map(u64::from)));
            }
            Ok(registers)
        })
    }

    fn read(
        &mut self,
        _machine: usize,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Vec<u8>, EmulatorError>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            for part in chunks(range, CHUNK) {
                let read = self.numbers(hmp::bytes_at(&part)).await?;
                bytes.extend(read.into_iter().map(|byte| byte as u8));
            }
            Ok(bytes)
        })
    }

    fn write<'a>(&'a mut self, _machine: usize, address: u64, bytes: &'a [u8]) -> Outcome<'a> {
        Box::pin(self.write_memory(address, bytes))
    }

    fn process(&self) -> Option<Arc<Process>> {
        Some(self.running.as_ref()?.emulator.process())
    }

    fn attach_debugger(
        &mut self,
        _machine: usize,
    ) -> BoxFuture<'_, Result<Attached, EmulatorError>> {
        Box::pin(async {
            Ok(Attached {
                link: Box::new(self.attach().await?),
                exposed: None,
            })
        })
    }

    fn detach_debugger(&mut self, link: Box<dyn DebuggerLink>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            drop(link);
            self.detach().await;
            self.go_on().await;
        })
    }

    fn last_state(&self) -> Option<NamedCpu> {
        let exit = self.running.as_ref()?.emulator.ended()?;
        let (_, dump) = exit.output.split_once("qemu: fatal: ")?;
        let state = match dump.starts_with("Lockup: ") {
            true => RunState::LockedUp,
            false => RunState::Halted,
        };
        hmp::processors(dump, state).into_iter().next()
    }
}

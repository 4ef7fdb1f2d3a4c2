//! Looking into a running board: [`StoppedMachine`], one machine while the board is paused.

use std::ops::Range;

use tokio::task::JoinHandle;

use super::patience::{Patience, TooSlow};
use super::power::Board;
use crate::backend::error::Unsupported;
use crate::backend::{BoxFuture, EmulatorError, EmulatorErrorKind, GuestAccess, LogNote, NamedCpu};
use crate::config::BackendKind;
use crate::debug::{
    BEFORE_PC, BLOCK, Core, DebugError, MemoryImage, MemoryValue, Registers, RunState, sleeps,
};
use crate::error::Result;

const STEP: &str = "looking into the board";

/// Operations, for errors.
pub(super) const READ: &str = "read the memory of";
pub(super) const WRITE: &str = "write the memory of";

/// One machine of a board that is paused for a short time.
pub(super) struct StoppedMachine<'a> {
    access: &'a mut dyn GuestAccess,
    engine: BackendKind,
    /// The name in messages.
    name: String,
    number: usize,
    /// The ranges of its memories, in order, without gaps or overlaps within a range.
    memories: Vec<Range<u64>>,
}

impl Board {
    /// Pauses the board, runs `act` with one of its machines, and lets the board go on. The pause
    /// and `act` have a time limit each. Must not be dropped before its end: the board would stay paused.
    pub(super) async fn inspect<T>(
        &mut self,
        machine: usize,
        operation: &'static str,
        (to_pause, to_answer): (impl Into<Patience>, impl Into<Patience>),
        act: impl for<'a> FnOnce(StoppedMachine<'a>) -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        self.check_runs(operation)?;
        let engine = self.backend.identity().engine().kind;
        let name = self.name(machine).to_owned();
        let Some(access) = self.backend.guest_access() else {
            let request = Unsupported::Operation {
                operation,
                machine: name,
            };
            return Err(EmulatorError::unsupported(engine, request).into());
        };
        let looked = async {
            let process = access.process();
            to_pause
                .into()
                .wait(process.clone(), access.stop())
                .await??;
            let look = async {
                let memories = access.memories(machine).await?;
                act(StoppedMachine {
                    access: &mut *access,
                    engine,
                    name,
                    number: machine,
                    memories: joined(memories),
                })
                .await
            };
            Ok(to_answer.into().wait(process, look).await?)
        };
        let looked: Result<Result<T>, Unfinished> = looked.await;
        access.go_on().await;
        match looked {
            Ok(looked) => looked,
            Err(Unfinished::Failed(error)) => Err(error.into()),
            Err(Unfinished::TooSlow(TooSlow { after })) => {
                let kind = EmulatorErrorKind::TooSlow {
                    step: STEP,
                    unfinished: self.backend.unfinished(),
                    limit: after,
                    field: "command",
                };
                Err(EmulatorError::new(engine, kind).into())
            }
        }
    }
}

/// The reason why a board was not looked into.
enum Unfinished {
    Failed(EmulatorError),
    TooSlow(TooSlow),
}

impl From<EmulatorError> for Unfinished {
    fn from(error: EmulatorError) -> Self {
        Self::Failed(error)
    }
}

impl From<TooSlow> for Unfinished {
    fn from(why: TooSlow) -> Self {
        Self::TooSlow(why)
    }
}

impl<'a> StoppedMachine<'a> {
    /// Returns the registers of the processor that runs the firmware.
    pub(super) async fn registers(&mut self) -> Result<Registers> {
        let processors = self.access.processors(self.number).await?;
        match processors.into_iter().next() {
            Some((_, cpu)) => Ok(Registers::new(cpu.registers)),
            None => Err(self.unsupported().into()),
        }
    }

    /// Returns the processors, the one that runs the firmware first.
    pub(super) async fn processors(&mut self) -> Result<Vec<NamedCpu>, EmulatorError> {
        let mut processors = self.access.processors(self.number).await?;
        for (name, cpu) in &mut processors {
            cpu.memories.clone_from(&self.memories);
            let pc = cpu.register("pc").unwrap_or_default();
            if cpu.state == RunState::Running
                && let Some(bytes) = self.read(pc.saturating_sub(BEFORE_PC)..pc).await?
                && sleeps(cpu.core, &bytes)
            {
                cpu.state = RunState::Waiting;
                if cpu.core == Core::CortexM {
                    let interrupts = self.access.interrupts(self.number, name).await?;
                    cpu.registers.extend(interrupts);
                }
            }
        }
        Ok(processors)
    }

    /// Returns what the engine's log says of accesses that have done nothing.
    pub(super) async fn log_notes(&mut self) -> Vec<LogNote> {
        self.access.log_notes(self.number).await
    }

    /// Reads a number.
    pub(super) async fn read_value<T: MemoryValue>(&mut self, address: u64) -> Result<T> {
        let length = size_of::<T>() as u64;
        let bytes = self.read_all(address, length).await?;
        T::from_memory(&bytes).ok_or_else(|| self.no_memory(READ, address, length).into())
    }

    /// Reads bytes, which must all be in a memory.
    pub(super) async fn read_all(&mut self, address: u64, length: u64) -> Result<Vec<u8>> {
        let end = address.saturating_add(length);
        if length == 0 {
            return Ok(Vec::new());
        }
        match self.read(address..end).await? {
            Some(bytes) => Ok(bytes),
            None => Err(self.no_memory(READ, address, length).into()),
        }
    }

    /// Writes bytes, which must all be in a memory.
    pub(super) async fn write(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        let length = bytes.len() as u64;
        let range = address..address.saturating_add(length);
        if length > 0 && !is_in(&self.memories, &range) {
            return Err(self.no_memory(WRITE, address, length).into());
        }
        Ok(self.access.write(self.number, address, bytes).await?)
    }

    fn no_memory(&self, operation: &'static str, address: u64, length: u64) -> DebugError {
        DebugError::NoMemory {
            operation,
            machine: self.name.clone(),
            address,
            length,
        }
    }

    pub(super) fn unsupported(&self) -> EmulatorError {
        let machine = self.name.clone();
        EmulatorError::unsupported(self.engine, Unsupported::Registers { machine })
    }

    /// Reads a range that an examination has missed.
    pub(super) async fn fill(
        &mut self,
        image: &mut MemoryImage,
        range: Range<u64>,
    ) -> Result<(), EmulatorError> {
        if let Some(bytes) = self.read(range.clone()).await? {
            image.insert(range, Some(bytes));
            return Ok(());
        }
        for start in range.step_by(BLOCK as usize) {
            let block = start..start.saturating_add(BLOCK);
            let bytes = self.read(block.clone()).await?;
            image.insert(block, bytes);
        }
        Ok(())
    }

    /// Reads bytes; `None` if they are not all in memories.
    pub(super) async fn read(
        &mut self,
        range: Range<u64>,
    ) -> Result<Option<Vec<u8>>, EmulatorError> {
        if !is_in(&self.memories, &range) {
            return Ok(None);
        }
        Ok(Some(self.access.read(self.number, range).await?))
    }
}

/// Returns the result of a task, in which it may have panicked.
pub(super) async fn finished<T>(task: JoinHandle<Result<T>>) -> Result<T> {
    match task.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await, // aborted, which nobody does
        },
    }
}

/// Joins ranges that overlap or follow each other.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Returns true if a range is not empty and a part of one of `memories`.
fn is_in(memories: &[Range<u64>], range: &Range<u64>) -> bool {
    let mut memories = memories.iter();
    range.start < range.end
        && memories.any(|memory| memory.start <= range.start && range.end <= memory.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_that_follow_each_other_are_read_as_one() {
        let memories = joined(vec![0x30..0x40, 0x10..0x20, 0x20..0x28, 0x12..0x14]);
        assert_eq!(memories, [0x10..0x28, 0x30..0x40]);
        assert!(is_in(&memories, &(0x1e..0x28)));
        for outside in [0x1e..0x29, 0x28..0x30, 0x0f..0x11, 0x20..0x20] {
            assert!(!is_in(&memories, &outside), "{outside:x?}");
        }
    }
}

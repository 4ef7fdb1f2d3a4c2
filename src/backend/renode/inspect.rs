//! Looking into a board of Renode, which stands still meanwhile.

use std::ops::Range;
use std::sync::Arc;

use super::Renode;
use super::monitor::command::MonitorCommand;
use super::monitor::plain::Name;
use super::setup::cpu::Processor;
use super::setup::emulation::MAIN;
use super::setup::{log_notes, memory, registers};
use super::stop::Stop;
use crate::backend::error::Unexpected;
use crate::backend::{
    Attached, BoxFuture, DebuggerLink, EmulatorError, GuestAccess, INTERRUPTS, LogNote, NamedCpu,
    Outcome, chunks,
};
use crate::debug::{Core, CpuState, RunState};
use crate::firmware::Architecture;
use crate::process::Process;

const STEP: &str = "looking into the board";

/// The number of bytes of one read; each takes 6 in Renode's answer.
const READ_CHUNK: u64 = 16 << 10;
/// The number of bytes of one write; each word takes a command of 50 characters.
const WRITE_CHUNK: usize = 64;

impl Renode {
    async fn stop_in_real_time(&mut self) -> Result<(), EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        // Until the first answer it counts as running, as nearly every board is.
        self.stop = Some(Stop::Paused);
        let is_started = session.run(STEP, &MonitorCommand::is_started()).await?;
        if is_started.text.trim() == "False" {
            self.stop = Some(Stop::Found);
            return Ok(());
        }
        session.run(STEP, &MonitorCommand::pause()).await?;
        Ok(())
    }

    /// Runs a command on one machine, which stays selected.
    pub(super) async fn on_machine(
        &self,
        machine: usize,
        command: MonitorCommand,
    ) -> Result<String, EmulatorError> {
        let Some(session) = &self.session else {
            return Ok(String::new());
        };
        self.emulation.select(session, machine).await?;
        Ok(session.run(STEP, &command).await?.text)
    }

    /// Returns the state of a processor of which Renode's log says that it has halted or locked up:
    /// its properties do not say it.
    fn reported_state(&self, machine: usize, processor: &Name) -> Option<RunState> {
        let halt = self.emulation.machines[machine].ports.main().halt()?;
        // `m/cpu0: CPU abort …` or `m/cpu0 locked up …`
        let (reported, what) = halt.split_once([':', ' '])?;
        let name = processor.to_string();
        let is_this = reported.rsplit('/').next() == name.rsplit('.').next();
        is_this.then(|| match what.starts_with("locked up") {
            true => RunState::LockedUp,
            false => RunState::Halted,
        })
    }

    async fn processor(
        &self,
        machine: usize,
        core: Core,
        processor: &Processor,
    ) -> Result<CpuState, EmulatorError> {
        let name = &processor.name;
        let table = self.on_machine(machine, MonitorCommand::registers(name));
        let table = table.await?;
        let mut found = registers::registers(core, &table);
        if found.is_empty()
            && let Some(session) = &self.session
        {
            return Err(session.nonsense(STEP, Unexpected::Text(table)));
        }
        if core == Core::CortexM {
            for (register, command) in [
                ("cfsr", MonitorCommand::fault_status(name)),
                ("mmfar", MonitorCommand::memory_fault_address(name)),
            ] {
                // Earlier versions do not have it.
                let value = self.on_machine(machine, command).await.ok();
                let value = value.and_then(|it| registers::number(it.trim()));
                found.extend(value.map(|value| (register.to_owned(), value)));
            }
        }
        let halted = self.on_machine(machine, MonitorCommand::is_halted(name));
        let is_halted = halted.await?.trim() == "True";
        Ok(CpuState {
            core,
            state: match self.reported_state(machine, name) {
                Some(state) => state,
                None if is_halted => RunState::Halted,
                None => RunState::Running,
            },
            registers: found,
            memories: Vec::new(),
        })
    }
}

/// Returns the kind of a processor whose registers have known names.
fn core(processor: &Processor) -> Option<Core> {
    match processor.architecture {
        _ if processor.is_cortex_m() => Some(Core::CortexM),
        Some(Architecture::RiscV32 | Architecture::RiscV64) => Some(Core::RiscV),
        _ => None,
    }
}

impl GuestAccess for Renode {
    fn stop(&mut self) -> Outcome<'_> {
        Box::pin(async {
            if self.emulation.clock.is_none() {
                return self.stop_in_real_time().await;
            }
            let _hold = self.pause().await?;
            self.stop = Some(Stop::Held { _hold });
            Ok(())
        })
    }

    fn go_on(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let (Some(stop), Some(session)) = (self.stop.take(), &self.session) else {
                return;
            };
            self.emulation.select_ahead(session, MAIN);
            if let Stop::Paused = stop {
                self.emulation.run(session);
            }
        })
    }

    fn memories(
        &mut self,
        machine: usize,
    ) -> BoxFuture<'_, Result<Vec<Range<u64>>, EmulatorError>> {
        Box::pin(async move {
            let listed = self.on_machine(machine, MonitorCommand::peripherals());
            Ok(memory::ranges(&listed.await?))
        })
    }

    fn processors(
        &mut self,
        machine: usize,
    ) -> BoxFuture<'_, Result<Vec<NamedCpu>, EmulatorError>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for processor in &self.emulation.machines[machine].processors {
                if let Some(core) = core(processor) {
                    let cpu = self.processor(machine, core, processor).await?;
                    found.push((processor.name.to_string(), cpu));
                }
            }
            Ok(found)
        })
    }

    fn interrupts<'a>(
        &'a mut self,
        machine: usize,
        processor: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(String, u64)>, EmulatorError>> {
        Box::pin(async move {
            let mut all = self.emulation.machines[machine].processors.iter();
            let Some(processor) = all.find(|it| it.name.to_string() == processor) else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for words in INTERRUPTS {
                let addresses = (0..words.count).map(|index| words.address + 4 * index);
                let read = MonitorCommand::read_words(&processor.name, addresses);
                // A version that refuses it says nothing of interrupts.
                let printed = self.on_machine(machine, read).await.unwrap_or_default();
                let values = printed.lines().map_while(|it| registers::number(it.trim()));
                found.extend(words.named(values));
            }
            Ok(found)
        })
    }

    fn read(
        &mut self,
        machine: usize,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Vec<u8>, EmulatorError>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            for part in chunks(range, READ_CHUNK) {
                let read = MonitorCommand::read_memory(&part);
                let printed = self.on_machine(machine, read).await?;
                let length = part.end - part.start;
                let read = memory::bytes(&printed).filter(|it| it.len() as u64 == length);
                match (read, &self.session) {
                    (Some(read), _) => bytes.extend(read),
                    (None, Some(session)) => {
                        return Err(session.nonsense(STEP, Unexpected::Text(printed)));
                    }
                    (None, None) => return Ok(bytes),
                }
            }
            Ok(bytes)
        })
    }

    fn write<'a>(&'a mut self, machine: usize, address: u64, bytes: &'a [u8]) -> Outcome<'a> {
        Box::pin(async move {
            let mut at = address;
            for part in bytes.chunks(WRITE_CHUNK) {
                let write = MonitorCommand::write_memory(at, part);
                self.on_machine(machine, write).await?;
                at += part.len() as u64;
            }
            Ok(())
        })
    }

    fn log_notes(&mut self, machine: usize) -> BoxFuture<'_, Vec<LogNote>> {
        Box::pin(async move {
            let Some(session) = &self.session else {
                return Vec::new();
            };
            session.read_log().await;
            let name = &self.emulation.machines[machine].config.name;
            log_notes::notes(&session.logs().log.text_from(self.log_before), name)
        })
    }

    fn process(&self) -> Option<Arc<Process>> {
        Some(self.session.as_ref()?.process())
    }

    fn attach_debugger(
        &mut self,
        machine: usize,
    ) -> BoxFuture<'_, Result<Attached, EmulatorError>> {
        self.attach(machine)
    }

    fn detach_debugger(&mut self, link: Box<dyn DebuggerLink>) -> BoxFuture<'_, ()> {
        self.detach(link)
    }
}

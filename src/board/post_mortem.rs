//! The state of a board for the message of an operation that has failed on one of its UARTs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::debugger;
use super::inner::{Inner, LastStop};
use super::inspect::StoppedMachine;
use super::patience::Patience;
use super::power::Board;
use super::program_files::ProgramFiles;
use crate::backend::{EmulatorError, EmulatorErrorKind, LogNote};
use crate::debug::{CpuState, Frame, MemoryImage, PostMortem, Programs, RunState};
use crate::error::{Error, ErrorKind, Result};
use crate::notice::announce;
use crate::runtime::{Hold, spawn};
use crate::uart::{Address, Answer, Explain, Explanation, Question, named};

/// How much an emulator may work to pause, and then to tell its state. If it needs more, or does not
/// work at all, the failure is reported without the state of the board. Half of it is enough for
/// Renode at its first failure.
const LIMITS: (Patience, Patience) = (
    Patience::Working(Duration::from_millis(1500)),
    Patience::Working(Duration::from_secs(2)),
);

/// Lets the UARTs ask for the state of their machines.
pub(super) fn explain_failures(inner: &Arc<Inner>) {
    for (number, machine) in inner.machines.iter().enumerate() {
        let explain: Arc<dyn Explain> = Arc::new(ExplainedMachine {
            inner: Arc::downgrade(inner),
            number,
        });
        machine.ports.set_explain(&explain);
    }
}

/// A machine of a board that tells its state.
struct ExplainedMachine {
    inner: Weak<Inner>,
    number: usize,
}

impl Explain for ExplainedMachine {
    fn ask(&self, question: Question) -> Explanation {
        let Some(inner) = self.inner.upgrade() else {
            return Box::pin(async { Answer::default() });
        };
        // A task of its own, which ends even if the operation is dropped: the board must go on.
        let task = spawn(answer(inner, self.number, question));
        Box::pin(async move {
            match task {
                Ok(task) => task.await.unwrap_or_default(),
                Err(_) => Answer::default(),
            }
        })
    }

    fn names(&self, addresses: &[Address]) -> Vec<String> {
        let Some(inner) = self.inner.upgrade().filter(|_| !addresses.is_empty()) else {
            return Vec::new();
        };
        let files = files(&inner, self.number);
        files.map_or(Vec::new(), |it| named(addresses, &it.read_now()))
    }
}

/// Answers what the error of an operation asks.
async fn answer(inner: Arc<Inner>, machine: usize, question: Question) -> Answer {
    let asked = Instant::now();
    let state = match question.state {
        true => state(&inner, machine, question.hold, asked).await,
        false => None,
    };
    let names = match files(&inner, machine) {
        Some(files) if !question.addresses.is_empty() => files.names(question.addresses).await,
        _ => Vec::new(),
    };
    Answer { state, names }
}

/// Returns the files of the program in a machine, unless the board is busy.
fn files(inner: &Inner, machine: usize) -> Option<ProgramFiles> {
    let board = inner.board.try_lock();
    board.ok().map(|board| board.program_files(machine))
}

/// Returns where the firmware of a machine is, and why; `asked` is when an operation has failed.
async fn state(
    inner: &Arc<Inner>,
    machine: usize,
    mut hold: Option<Hold>,
    asked: Instant,
) -> Option<String> {
    // The debugger's guest must not be held.
    if inner.is_debugged.load(Ordering::Acquire) {
        return None;
    }
    let mut last = match inner.post_mortems.try_lock() {
        Ok(last) => last,
        Err(_) => {
            hold = hold.filter(|_| !inner.debugs_failures);
            inner.post_mortems.lock().await
        }
    };
    if let Some(last) = &*last
        && last.machine == machine
        && last.done >= asked
    {
        return last.text.clone();
    }
    // A board that is being flashed, reset or turned off explains nothing.
    let mut board = inner.board.try_lock().ok()?;
    let text = board.post_mortem(machine).await;
    drop(hold);
    if inner.debugs_failures {
        debug_failure(inner, &mut board, machine, text.as_deref()).await;
    }
    *last = Some(LastStop {
        machine,
        text: text.clone(),
        done: Instant::now(),
    });
    text
}

/// Stops the board of a failed wait for a debugger.
async fn debug_failure(inner: &Arc<Inner>, board: &mut Board, machine: usize, text: Option<&str>) {
    let why = format!("because a wait has failed\n{}", text.unwrap_or_default());
    if let Err(error) = debugger::debug(inner, board, machine, why.trim_end()).await {
        announce(format_args!("no debugger can be attached: {error}"));
    }
}

impl Board {
    /// Says where the firmware of a machine is, and why.
    async fn post_mortem(&mut self, machine: usize) -> Option<String> {
        let programs = self.program_files(machine).read().await;
        if let Some((_, last)) = self.backend.guest_access()?.last_state() {
            let examined = examine(last, programs, MemoryImage::gone()).await?;
            return Some(examined.post_mortem.to_string());
        }
        let looked = self.inspect(
            machine,
            "look into",
            LIMITS,
            |mut machine: StoppedMachine<'_>| {
                Box::pin(async move { Ok(explain(&mut machine, programs).await?) })
            },
        );
        let looked: Result<Option<String>> = looked.await;
        looked.unwrap_or_else(|error| {
            tracing::debug!(%error, "a failure is reported without the state of the board");
            unknown(&error)
        })
    }
}

/// Returns the text for an emulator that does not tell its state.
fn unknown(error: &Error) -> Option<String> {
    let ErrorKind::Emulator(error) = error.kind() else {
        return None;
    };
    let why = match error.kind() {
        EmulatorErrorKind::TooSlow { .. } | EmulatorErrorKind::Unanswered { .. } => {
            "the emulator does not answer"
        }
        EmulatorErrorKind::Exited { .. } => "the emulator has exited when it was asked",
        EmulatorErrorKind::Protocol { .. } | EmulatorErrorKind::Refused { .. } => {
            "the emulator has answered with something else"
        }
        _ => return None,
    };
    Some(format!("firmware: what it does is not known: {why}"))
}

/// Says what the processors of a stopped machine do. Of several, those that were never started are
/// left out.
async fn explain(
    machine: &mut StoppedMachine<'_>,
    mut programs: Programs,
) -> Result<Option<String>, EmulatorError> {
    let processors = machine.processors().await?;
    let several = processors.len() > 1;
    let mut texts = Vec::new();
    for (number, (name, cpu)) in processors.into_iter().enumerate() {
        if number > 0 && cpu.state == RunState::Halted {
            continue;
        }
        let Some(examined) = examine_in(machine, cpu, programs).await? else {
            return Ok(None);
        };
        programs = examined.programs;
        let text = examined.post_mortem.to_string();
        texts.push(match several {
            true => format!("{name}: {text}"),
            false => text,
        });
    }
    if !texts.is_empty() {
        let notes = machine.log_notes().await;
        let notes = notes.iter().filter(|note| !is_fetch(note));
        texts.extend(notes.map(|note| in_log(note, &programs)));
    }
    Ok((!texts.is_empty()).then(|| texts.join("\n")))
}

/// Returns true if a message is of the instruction itself, where the board has no memory: the first line
/// of a post-mortem says that.
fn is_fetch(note: &LogNote) -> bool {
    let accessed = note.text.rsplit_once(" at 0x").map(|it| it.1);
    let accessed = accessed.and_then(|it| u64::from_str_radix(it, 16).ok());
    accessed.is_some() && accessed == note.pc
}

/// Returns a line for a message in the emulator's log.
fn in_log(note: &LogNote, programs: &Programs) -> String {
    let mut line = format!("  in the emulator's log: {}", note.text);
    if let Some(pc) = note.pc {
        line += &format!(", by the code at 0x{pc:08x}");
        let frames = programs.frames(pc);
        if let Some(frame) = frames.first().filter(|it| it.function.is_some()) {
            line += &format!(" in {frame}");
        }
    }
    line
}

/// Returns the chain of calls of the processor that runs the firmware.
pub(super) async fn backtrace(
    machine: &mut StoppedMachine<'_>,
    files: ProgramFiles,
) -> Result<Vec<Frame>> {
    let programs = files.clone().read().await;
    let processors = machine.processors().await?;
    let Some((_, cpu)) = processors.into_iter().next() else {
        return Err(machine.unsupported().into());
    };
    let examined = examine_in(machine, cpu, programs).await?;
    let frames = examined.map(|it| it.post_mortem.frames().cloned().collect());
    let frames: Vec<Frame> = frames.unwrap_or_default();
    if frames.iter().all(|it| it.function.is_none()) {
        files.check().await?;
    }
    Ok(frames)
}

/// Examines a processor of a stopped machine, of whose memory it reads what it needs.
async fn examine_in(
    machine: &mut StoppedMachine<'_>,
    cpu: CpuState,
    mut programs: Programs,
) -> Result<Option<Examined>, EmulatorError> {
    let mut memory = MemoryImage::default();
    loop {
        let Some(mut examined) = examine(cpu.clone(), programs, memory).await else {
            return Ok(None);
        };
        let missing = examined.memory.take_missing();
        if missing.is_empty() {
            return Ok(Some(examined));
        }
        (programs, memory) = (examined.programs, examined.memory);
        for range in missing {
            machine.fill(&mut memory, range).await?;
        }
    }
}

/// The result of an examination, and what it was made of.
struct Examined {
    post_mortem: PostMortem,
    programs: Programs,
    memory: MemoryImage,
}

/// Examines a processor, outside of the I/O thread; `None` if that has panicked.
async fn examine(cpu: CpuState, programs: Programs, mut memory: MemoryImage) -> Option<Examined> {
    let examine = move || Examined {
        post_mortem: PostMortem::examine(&cpu, &programs, &mut memory),
        programs,
        memory,
    };
    tokio::task::spawn_blocking(examine).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_of_an_instruction_is_no_access_by_code() {
        let note = |text: &str, pc| LogNote {
            text: text.to_owned(),
            pc,
        };
        let read = "ReadByte from non existing peripheral at 0xF0000000";
        assert!(is_fetch(&note(read, Some(0xf000_0000))));
        assert!(!is_fetch(&note(read, Some(0x0800_0042))));
        assert!(!is_fetch(&note(read, None)));
        assert!(!is_fetch(&note("the UART is not enabled", None)));
    }
}

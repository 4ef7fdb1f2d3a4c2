//! The ways in which a test process ends, and a check of what each leaves behind.
//!
//! A `subject` process boots a board and enters a state; it ends by itself or
//! by a signal. Afterwards every descendant process and every file in its TMPDIR must
//! be gone within a time limit.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::emulator_variant::{EmulatorVariant, program};
use crate::leftovers::{descendants, gone_within, listening_sockets};

/// The promised limit after a `kill -9`; a process that ends by itself leaves nothing at all.
pub const KILLED: Duration = Duration::from_secs(5);

/// The longest time that a subject takes to end, on a busy host.
const TO_END: Duration = Duration::from_secs(60);

/// A way in which a subject ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By itself, with or without success.
    Itself(bool),
    /// By a signal.
    Signal(Signal),
    /// By SIGTERM to its group, which it ignores, then SIGKILL, as nextest ends a slow test.
    Group,
    /// By SIGKILL, while its emulator is stopped.
    Frozen,
    /// By SIGKILL, after its cleanup helper has been killed.
    HelperFirst,
}

/// One ending: its name, the state of the subject, and the way in which it ends.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    pub name: &'static str,
    pub state: &'static str,
    pub way: Way,
}

const fn ending(name: &'static str, state: &'static str, way: Way) -> Ending {
    Ending { name, state, way }
}

/// All endings.
pub const ENDINGS: [Ending; 37] = [
    ending("normal return", "return", Way::Itself(true)),
    ending("early `?`", "error", Way::Itself(false)),
    ending("panic", "panic", Way::Itself(false)),
    ending("panic while panicking", "panic-twice", Way::Itself(false)),
    ending("process::exit", "exit", Way::Itself(false)),
    ending("abort", "abort", Way::Itself(false)),
    ending("board leaked (mem::forget)", "leak", Way::Itself(true)),
    ending("shutdown", "shutdown", Way::Itself(true)),
    ending("drop without a runtime", "drop", Way::Itself(true)),
    ending(
        "drop in a current-thread runtime",
        "drop-current-thread",
        Way::Itself(true),
    ),
    ending(
        "drop in a multi-thread runtime",
        "drop-multi-thread",
        Way::Itself(true),
    ),
    ending("drop in a LocalSet", "drop-local-set", Way::Itself(true)),
    ending("drop in spawn_blocking", "drop-blocking", Way::Itself(true)),
    ending(
        "drop by an aborted task",
        "drop-aborted-task",
        Way::Itself(true),
    ),
    ending(
        "drop after a dropped wait",
        "drop-after-wait",
        Way::Itself(true),
    ),
    ending(
        "drop beside a held operation",
        "drop-held",
        Way::Itself(true),
    ),
    ending("drop of a boot under way", "drop-boot", Way::Itself(true)),
    ending(
        "drop of a stopped emulator",
        "drop-stopped",
        Way::Itself(true),
    ),
    ending(
        "runtime shut down first",
        "runtime-first",
        Way::Itself(true),
    ),
    ending("spawning thread ended", "thread", Way::Itself(true)),
    ending(
        "forked child drops the board",
        "fork-drop",
        Way::Itself(true),
    ),
    ending(
        "forked child stays, return",
        "fork-return",
        Way::Itself(true),
    ),
    ending("SIGINT", "wait", Way::Signal(Signal::SIGINT)),
    ending("SIGTERM", "wait", Way::Signal(Signal::SIGTERM)),
    ending("SIGHUP", "wait", Way::Signal(Signal::SIGHUP)),
    ending("SIGTERM, guest busy", "busy", Way::Signal(Signal::SIGTERM)),
    ending("nextest's slow-timeout", "wait", Way::Group),
    ending("nextest's slow-timeout, guest busy", "busy", Way::Group),
    ending("kill -9, idle", "wait", Way::Signal(Signal::SIGKILL)),
    ending("kill -9, guest busy", "busy", Way::Signal(Signal::SIGKILL)),
    ending(
        "kill -9, command running",
        "command",
        Way::Signal(Signal::SIGKILL),
    ),
    ending(
        "kill -9, nobody reads",
        "flood",
        Way::Signal(Signal::SIGKILL),
    ),
    ending("kill -9, emulator stopped", "wait", Way::Frozen),
    ending("kill -9, helper killed first", "wait", Way::HelperFirst),
    ending(
        "kill -9, spawning thread ended",
        "thread-wait",
        Way::Signal(Signal::SIGKILL),
    ),
    ending(
        "kill -9, forked child stays",
        "fork-wait",
        Way::Signal(Signal::SIGKILL),
    ),
    ending("kill -9, two boards", "two", Way::Signal(Signal::SIGKILL)),
];

/// A process that holds a board.
pub struct Subject {
    child: Child,
    stdin: ChildStdin,
    tmp: tempfile::TempDir,
    launcher: tempfile::TempDir,
    /// True if its emulator listens for connections.
    listens: bool,
}

impl Subject {
    /// Starts a subject; it is in its state when [`ready`](Self::ready) returns.
    pub fn start(variant: EmulatorVariant, state: &str) -> Self {
        Self::start_with(variant, state, false)
    }

    fn start_with(variant: EmulatorVariant, state: &str, ignores_term: bool) -> Self {
        // The directory's name contains every kind of character that a path may have.
        let tmp = tempfile::Builder::new()
            .prefix("tm p;$'\"ü-")
            .tempdir()
            .expect("a directory");
        let launcher = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(program("subject"));
        command
            .args([variant.engine(), state])
            // A dropped board leaves nothing at once; `tests/reuse.rs` ends a process that keeps one.
            .env("VTARGET_REUSE", "off")
            .env("TMPDIR", tmp.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(launcher.path().join("stderr")).expect("a file"))
            .process_group(0);
        if ignores_term {
            command.env("IGNORES_TERM", "");
        }
        variant.configure(&mut command, launcher.path());
        let mut child = command.spawn().expect("the subject starts");
        let stdin = child.stdin.take().expect("a pipe");
        Self {
            child,
            stdin,
            tmp,
            launcher,
            listens: variant == EmulatorVariant::RenodeOverTelnet,
        }
    }

    /// Waits for `ready`; the emulator and the helper are then among the subject's descendants.
    pub fn ready(&mut self) -> Result<(), String> {
        let mut line = String::new();
        let stdout = self.child.stdout.take().ok_or("ready twice")?;
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(|e| e.to_string())?;
        match line.as_str() {
            "ready\n" => Ok(()),
            other => Err(format!("not ready but {other:?}: {}", self.said())),
        }
    }

    /// Ends the subject, and waits at most [`KILLED`] until nothing is left.
    pub fn ends(mut self, way: Way) -> Result<Ended, String> {
        let pid = self.pid();
        match way {
            Way::Signal(Signal::SIGKILL) => {}
            Way::HelperFirst => kill_helper(pid)?,
            _ => {}
        }
        if way != Way::Itself(true) && way != Way::Itself(false) {
            // A stopped process starts no children while its descendants are listed.
            let _ = kill(pid, Signal::SIGSTOP);
        }
        let (family, forked) = self.family();
        let sockets = listening_sockets(&family)?;
        if way == Way::Frozen {
            for emulator in emulators(&family) {
                let _ = killpg(Pid::from_raw(emulator), Signal::SIGSTOP);
            }
        }
        match way {
            Way::Itself(_) => self.stdin.write_all(b"go\n").map_err(|e| e.to_string())?,
            Way::Signal(signal) => {
                let _ = kill(pid, signal);
                let _ = kill(pid, Signal::SIGCONT);
            }
            Way::Group => {
                let _ = killpg(pid, Signal::SIGTERM);
                let _ = killpg(pid, Signal::SIGCONT);
                let _ = killpg(pid, Signal::SIGKILL);
            }
            Way::Frozen | Way::HelperFirst => {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        let status = self.wait().map_err(|why| format!("{way:?}: {why}"))?;
        let gone = gone_within(KILLED, &family, self.tmp.path(), pid.as_raw());
        for pid in forked {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let after = gone.map_err(|left| format!("{left}; it said: {}", self.said()))?;
        if let Way::Itself(well) = way
            && status.success() != well
        {
            return Err(format!("it ended with {status}: {}", self.said()));
        }
        if (sockets > 0) != self.listens {
            return Err(format!("{sockets} listening sockets"));
        }
        Ok(Ended { status, after })
    }

    /// Waits at most [`TO_END`] until the subject has ended.
    fn wait(&mut self) -> Result<ExitStatus, String> {
        let pid = self.pid();
        let (ended, wait) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            let late = wait.recv_timeout(TO_END) == Err(RecvTimeoutError::Timeout);
            late && kill(pid, Signal::SIGKILL).is_ok()
        });
        let status = self.child.wait().map_err(|e| e.to_string());
        drop(ended);
        match watchdog.join() {
            Ok(false) => status,
            _ => Err(format!("it did not end within {TO_END:?}: {}", self.said())),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Returns the subject's descendants, and separately the forks of the subject itself.
    fn family(&self) -> (BTreeSet<i32>, BTreeSet<i32>) {
        let subject = fs::canonicalize(program("subject")).ok();
        let of_itself = |pid: &i32| fs::read_link(exe(*pid)).ok() == subject;
        descendants(self.child.id())
            .into_iter()
            .partition(|pid| !of_itself(pid))
    }

    fn said(&self) -> String {
        fs::read_to_string(self.launcher.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Subject {
    /// Kills a subject that did not reach its ending.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a subject, and the time until nothing was left.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub after: Duration,
}

/// Ends a subject; returns the time until nothing was left, or what is wrong.
pub fn run(variant: EmulatorVariant, ending: Ending) -> Result<Duration, String> {
    let mut subject = Subject::start_with(variant, ending.state, ending.way == Way::Group);
    subject.ready()?;
    if descendants(subject.child.id()).len() < 2 {
        return Err("no emulator and helper to be seen".into());
    }
    subject.ends(ending.way).map(|ended| ended.after)
}

fn exe(pid: i32) -> PathBuf {
    format!("/proc/{pid}/exe").into()
}

fn is_helper(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.contains("virtual-target-reaper"))
}

/// Returns the leaders of the groups that are not the helper's.
fn emulators(family: &BTreeSet<i32>) -> impl Iterator<Item = i32> {
    family.iter().copied().filter(|pid| !is_helper(*pid))
}

/// Kills the helper of `subject`, and waits for its replacement.
fn kill_helper(subject: Pid) -> Result<(), String> {
    let pid = subject.as_raw().cast_unsigned();
    let family = descendants(pid);
    let helper = family
        .iter()
        .copied()
        .find(|pid| is_helper(*pid))
        .ok_or("no helper")?;
    kill(Pid::from_raw(helper), Signal::SIGKILL).map_err(|e| e.to_string())?;
    // The library sends it everything while it still looks like a starting shell.
    let new = || {
        descendants(pid)
            .into_iter()
            .any(|pid| pid != helper && is_helper(pid))
    };
    let since = Instant::now();
    while !new() {
        if since.elapsed() > KILLED {
            return Err("the helper was not replaced".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(200));
    Ok(())
}

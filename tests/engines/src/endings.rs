//! The ways in which a test process ends, and what each leaves behind.
//!
//! A `subject` process boots a board and gets into a state; it ends, by itself or
//! by a signal; then every descendant it had and every file in its TMPDIR must
//! be gone in time.

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

/// What is promised after a `kill -9`; a process that ends by itself leaves nothing at all.
pub const KILLED: Duration = Duration::from_secs(5);

/// The most that a subject takes to end, on a busy host.
const TO_END: Duration = Duration::from_secs(60);

/// How a subject ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By itself, with success or without.
    Itself(bool),
    /// By a signal.
    Signal(Signal),
    /// As nextest ends a slow test: SIGTERM to its group, which it ignores, then SIGKILL.
    Group,
    /// By SIGKILL, while its emulator is stopped.
    Frozen,
    /// By SIGKILL, after its cleanup helper has been killed.
    HelperFirst,
}

/// One ending: its name, the subject's state, and how it ends then.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    pub name: &'static str,
    pub state: &'static str,
    pub way: Way,
}

const fn ending(name: &'static str, state: &'static str, way: Way) -> Ending {
    Ending { name, state, way }
}

/// All of them.
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
    /// Whether its emulator waits for connections.
    listens: bool,
}

impl Subject {
    /// Starts one; it is in its state when it is [`ready`](Self::ready).
    pub fn start(variant: EmulatorVariant, state: &str) -> Self {
        Self::start_with(variant, state, false)
    }

    fn start_with(variant: EmulatorVariant, state: &str, ignores_term: bool) -> Self {
        // A directory with everything in its name that a path may have.
        let tmp = tempfile::Builder::new()
            .prefix("tm p;$'\"ü-")
            .tempdir()
            .expect("a directory");
        let launcher = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(program("subject"));
        command
            .args([variant.engine(), state])
            .env("TMPDIR", tmp.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(launcher.path().join("stderr")).expect("a file"))
            .process_group(0);
        if ignores_term {
            command.env("IGNORES_TERM", "");
        }
        variant.enlist(&mut command, launcher.path());
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

    /// Waits for `ready`; the emulator and the helper are among its descendants then.
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

    /// Ends it, and waits until nothing is left, at most [`KILLED`].
    pub fn ends(mut self, way: Way) -> Result<Ended, String> {
        let pid = self.pid();
        match way {
            Way::Signal(Signal::SIGKILL) => {}
            Way::HelperFirst => kill_helper(pid)?,
            _ => {}
        }
        if way != Way::Itself(true) && way != Way::Itself(false) {
            // It starts nothing more while it is looked at.
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

    /// Waits for its end, at most [`TO_END`].
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

    /// Its descendants, and apart from them those that it has forked of itself.
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
    /// One that did not come as far as to end.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a subject ended, and how long it took then until nothing was left.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub after: Duration,
}

/// Lets a subject end; how long it took until nothing was left, or what is wrong.
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

/// The leaders of the groups that are not the helper's.
fn emulators(family: &BTreeSet<i32>) -> impl Iterator<Item = i32> {
    family.iter().copied().filter(|pid| !is_helper(*pid))
}

/// Kills the helper of `subject`, and waits for the one that replaces it.
fn kill_helper(subject: Pid) -> Result<(), String> {
    let pid = subject.as_raw().cast_unsigned();
    let family = descendants(pid);
    let helper = family
        .iter()
        .copied()
        .find(|pid| is_helper(*pid))
        .ok_or("no helper")?;
    kill(Pid::from_raw(helper), Signal::SIGKILL).map_err(|e| e.to_string())?;
    // The library tells it everything while it still looks like a shell that starts.
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

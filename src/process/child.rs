//! [`Process`]: a supervised process, killed with its whole group and reaped as soon as it exits.
//!
//! A lock makes sure that its number is never signalled after it was reaped: the number could then
//! belong to another process.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};

use crate::sync::lock;

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use tokio::sync::watch;

use super::keeper::{self, KeeperGuard, Taken};
use super::spawn_spec::{SpawnGate, SpawnSpec};
use super::{ProcessError, reaper};

/// The exit of a process; its `Display` is the text of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(
    /* `None`: other code has reaped the process */ pub(crate) Option<ExitStatus>,
);

impl Exit {
    /// Returns true if the process exited with status 0.
    pub(crate) fn is_success(self) -> bool {
        self.0.is_some_and(|status| status.success())
    }

    /// Returns true if the process was killed by SIGKILL, or if it is a shell whose status reports
    /// that of its child.
    pub(crate) fn is_kill(self) -> bool {
        const SHELL_STATUS: i32 = 128 + Signal::SIGKILL as i32;
        self.0.is_some_and(|status| {
            status.signal() == Some(Signal::SIGKILL as i32) || status.code() == Some(SHELL_STATUS)
        })
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(status) = self.0 else {
            return f.write_str("ended (its status was taken by somebody else)");
        };
        match (status.code(), status.signal()) {
            (Some(code), _) => write!(f, "exited with status {code}"),
            (None, Some(signal)) => match Signal::try_from(signal) {
                Ok(name) => write!(f, "was killed by {name}"),
                Err(_) => write!(f, "was killed by signal {signal}"),
            },
            (None, None) => write!(f, "ended: {status}"),
        }
    }
}

/// Returns the largest memory use of a reaped child of this process, in bytes; 0 if it is not
/// known.
pub(crate) fn largest_child() -> u64 {
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    // macOS counts bytes, other systems count KiB.
    let unit = if cfg!(target_os = "macos") {
        1
    } else {
        1 << 10
    };
    u64::try_from(most).unwrap_or_default() * unit
}

/// A running or exited process, in a process group of its own: a child, or one that a [keeper]
/// has started.
///
/// [keeper]: super::keeper
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    owner: u32,
    /// True once the process is reaped, or has been left to its keeper. Locked while signalling and
    /// while reaping, so that the number cannot become another process's in between.
    pub(crate) reaped: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<Exit>>,
    watcher: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// What must not be closed before the process is left to its keeper.
    held: Mutex<Option<OwnedFd>>,
}

impl Process {
    pub(crate) fn spawn(launch: SpawnSpec) -> Result<Self, ProcessError> {
        let SpawnGate { child, gate } = SpawnGate::spawn(launch)?;
        let group = pid(&child);
        // If the gate does not open, `process` is dropped and killed, and the watcher reaps it.
        let process = Self::watched(child, group, None)?;
        gate.open()?;
        Ok(process)
    }

    /// Starts a process with a keeper.
    pub(super) fn spawn_kept(launch: SpawnSpec, guard: KeeperGuard) -> Result<Self, ProcessError> {
        let SpawnGate { child, gate } = SpawnGate::spawn(launch)?;
        let group = pid(&child);
        let status = guard.status().map_err(ProcessError::Keeper)?;
        let process = Self::watched(child, group, Some(status))?;
        let begun = guard.begin(group.as_raw());
        begun.map_err(ProcessError::Keeper)?;
        gate.open()?;
        Ok(process)
    }

    /// Becomes the owner of a process that another process has started, by a process of our own in
    /// its group; `None` if it has ended. `status` is the file with its exit status.
    pub(super) fn adopt(taken: &Taken, status: File) -> Result<Option<Self>, ProcessError> {
        let SpawnGate { mut child, gate } = SpawnGate::join(taken.group)?;
        // From here on, the group's number cannot become another group's.
        if !taken.is_there() {
            drop(gate);
            child.wait().map_err(ProcessError::Keeper)?;
            return Ok(None);
        }
        let group = Pid::from_raw(taken.group);
        let process = Self::watched(child, group, Some(status))?;
        *lock(&process.held) = Some(gate.into_end());
        Ok(Some(process))
    }

    /// Watches a child in `group`, whose exit is that of the group's program. A keeper writes the
    /// status of that exit to `status`.
    fn watched(child: Child, group: Pid, status: Option<File>) -> Result<Self, ProcessError> {
        let member = pid(&child);
        reaper::register(reaper::Cleanup::Group(group.as_raw()))
            .inspect_err(|_| kill_unwatched(group, member))?;
        let (ended, exit) = watch::channel(None);
        let reaped = Arc::new(Mutex::new(false));
        let watched = Arc::clone(&reaped);
        let watcher = std::thread::Builder::new()
            .name(format!("virtual-target-{group}"))
            .spawn(move || {
                let exit = watch(child, group, &watched, status);
                ended.send_replace(Some(exit));
            })
            .map_err(|error| {
                kill_unwatched(group, member);
                ProcessError::Watcher(error)
            })?;
        Ok(Self {
            group,
            owner: std::process::id(),
            reaped,
            exit,
            watcher: Mutex::new(Some(watcher)),
            held: Mutex::default(),
        })
    }

    /// Leaves the process to its keeper: it is not signalled by this process any more.
    pub(super) fn leave(&self) {
        if std::process::id() != self.owner {
            return;
        }
        let mut reaped = lock(&self.reaped);
        if !std::mem::replace(&mut *reaped, true) {
            reaper::forget(reaper::Cleanup::Group(self.group.as_raw()));
        }
        *lock(&self.held) = None;
    }

    /// Returns the number of the process group.
    pub(super) fn group(&self) -> i32 {
        self.group.as_raw()
    }

    #[cfg(test)]
    pub(crate) fn pid(&self) -> i32 {
        self.group.as_raw()
    }

    /// Returns the exit of the process, if it has exited.
    pub(crate) fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits until the process has exited.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit(None)),
            Err(_) => Exit(None),
        }
    }

    /// Returns true if the process is stopped by a signal. Always false on a system that does not
    /// report this.
    pub(crate) fn is_stopped(&self) -> bool {
        self.unless_reaped(is_stopped).unwrap_or_default()
    }

    /// Kills the process and its group; does not wait for the exit.
    pub(crate) fn kill(&self) {
        self.unless_reaped(kill_group);
    }

    /// Runs `act` on the group, unless the process is reaped and the number may be another one's.
    pub(crate) fn unless_reaped<T>(&self, act: impl FnOnce(Pid) -> T) -> Option<T> {
        // In a forked child, a thread that does not exist there may hold the lock.
        if std::process::id() != self.owner {
            return None;
        }
        let reaped = lock(&self.reaped);
        // The lock is held until `act` returns: the group is not reaped meanwhile.
        (!*reaped).then(|| act(self.group))
    }

    /// Blocks until the process is reaped. Call [`kill`](Self::kill) first.
    pub(crate) fn wait_reaped(&self) {
        if std::process::id() != self.owner {
            return;
        }
        if let Some(watcher) = lock(&self.watcher).take() {
            let _ = watcher.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `child` exits, kills the rest of its `group`, and reaps `child`.
fn watch(mut child: Child, group: Pid, reaped: &Mutex<bool>, kept: Option<File>) -> Exit {
    wait_without_reaping(pid(&child));
    let mut reaped = lock(reaped);
    if !*reaped {
        // A launcher may leave children behind. While its zombie exists, no other group can have
        // the number.
        kill_group(group);
        reaper::forget(reaper::Cleanup::Group(group.as_raw()));
    }
    let waited = child.wait().ok();
    let kept = kept.and_then(|status| keeper::exit_status(&status));
    let status = kept.or(waited);
    *reaped = true;
    Exit(status)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// Kills a group, and reaps its `member` at the gate, which has no watcher.
fn kill_unwatched(group: Pid, member: Pid) {
    kill_group(group);
    reaper::forget(reaper::Cleanup::Group(group.as_raw()));
    while waitpid(member, None) == Err(Errno::EINTR) {}
}

/// Blocks until the process has exited, and leaves its zombie.
#[cfg(target_os = "linux")]
fn wait_without_reaping(pid: Pid) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
}

#[cfg(target_os = "linux")]
fn is_stopped(pid: Pid) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::Stopped(..)))
}

/// Returns false: this system has no interface that reports it.
#[cfg(not(target_os = "linux"))]
fn is_stopped(_: Pid) -> bool {
    false
}

/// Blocks until the process has exited, as on Linux. An error (`ESRCH`) means that it has already
/// exited.
#[cfg(not(target_os = "linux"))]
fn wait_without_reaping(pid: Pid) {
    use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
    let Ok(queue) = Kqueue::new() else { return };
    let ended = KEvent::new(
        pid.as_raw().cast_unsigned() as usize,
        EventFilter::EVFILT_PROC,
        EvFlags::EV_ADD | EvFlags::EV_ONESHOT,
        FilterFlag::NOTE_EXIT,
        0,
        0,
    );
    let mut events = [ended];
    while queue.kevent(&[ended], &mut events, None) == Err(Errno::EINTR) {}
}

fn kill_group(group: Pid) {
    // ESRCH: the group has already exited.
    let _ = killpg(group, Signal::SIGKILL);
}

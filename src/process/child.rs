//! A supervised process: killed with its whole group, reaped at once when it ends.

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

use super::spawn_spec::{SpawnGate, SpawnSpec};
use super::{ProcessError, reaper};

/// How a process ended, as a person would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(
    /* `None`: somebody else took the status */ Option<ExitStatus>,
);

impl Exit {
    /// Whether it ended with status 0.
    pub(crate) fn is_success(self) -> bool {
        self.0.is_some_and(|status| status.success())
    }

    /// Whether it was killed in a way that it could do nothing about, be it behind a shell that
    /// tells so by its own status.
    pub(crate) fn is_kill(self) -> bool {
        const TOLD_BY_SHELL: i32 = 128 + Signal::SIGKILL as i32;
        self.0.is_some_and(|status| {
            status.signal() == Some(Signal::SIGKILL as i32) || status.code() == Some(TOLD_BY_SHELL)
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

/// How many bytes of memory the largest of this process's children has had that are gone;
/// 0 if that is not known.
pub(crate) fn largest_child() -> u64 {
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    // macOS counts bytes, the others count KiB.
    let unit = if cfg!(target_os = "macos") {
        1
    } else {
        1 << 10
    };
    u64::try_from(most).unwrap_or_default() * unit
}

/// A running or ended process of our own, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    owner: u32,
    /// Held while signalling and while reaping: the number cannot come to mean another process in between.
    pub(crate) reaped: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<Exit>>,
    watcher: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Process {
    pub(crate) fn spawn(launch: SpawnSpec) -> Result<Self, ProcessError> {
        let SpawnGate { child, gate } = SpawnGate::spawn(launch)?;
        let group = Pid::from_raw(child.id().cast_signed());
        reaper::register(reaper::Cleanup::Group(group.as_raw())).inspect_err(|_| abandon(group))?;
        let (ended, exit) = watch::channel(None);
        let reaped = Arc::new(Mutex::new(false));
        let watched = Arc::clone(&reaped);
        let watcher = std::thread::Builder::new()
            .name(format!("virtual-target-{group}"))
            .spawn(move || {
                let exit = watch(child, group, &watched);
                ended.send_replace(Some(exit));
            })
            .map_err(|error| {
                abandon(group);
                ProcessError::Watcher(error)
            })?;
        let process = Self {
            group,
            owner: std::process::id(),
            reaped,
            exit,
            watcher: Mutex::new(Some(watcher)),
        };
        // Should it fail, the watcher reaps what is killed here.
        gate.open()?;
        Ok(process)
    }

    #[cfg(test)]
    pub(crate) fn pid(&self) -> i32 {
        self.group.as_raw()
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit(None)),
            Err(_) => Exit(None),
        }
    }

    /// Whether it has been stopped by a signal and waits to be continued, where the system can tell.
    pub(crate) fn is_stopped(&self) -> bool {
        self.unless_reaped(is_stopped).unwrap_or_default()
    }

    /// Kills it with its group; returns at once.
    pub(crate) fn kill(&self) {
        self.unless_reaped(kill_group);
    }

    /// Does something to the group as long as its number cannot be somebody else's.
    pub(crate) fn unless_reaped<T>(&self, act: impl FnOnce(Pid) -> T) -> Option<T> {
        // In a forked child the lock may be held by a thread that is not there.
        if std::process::id() != self.owner {
            return None;
        }
        let reaped = lock(&self.reaped);
        // The lock is held until `act` is done: nobody reaps the group meanwhile.
        (!*reaped).then(|| act(self.group))
    }

    /// Blocks until it has ended and is reaped. To be called after [`kill`](Self::kill).
    pub(crate) fn wait_gone(&self) {
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

/// Waits for the end of `child`, then of its group, and reaps it.
fn watch(mut child: Child, group: Pid, reaped: &Mutex<bool>) -> Exit {
    wait_unreaped(group);
    let mut reaped = lock(reaped);
    // A launcher may leave children behind; while its zombie stands, the group's number is ours.
    kill_group(group);
    reaper::forget(reaper::Cleanup::Group(group.as_raw()));
    let status = child.wait().ok();
    *reaped = true;
    Exit(status)
}

/// Kills and reaps a process at its gate, which nobody watches.
fn abandon(group: Pid) {
    kill_group(group);
    reaper::forget(reaper::Cleanup::Group(group.as_raw()));
    while waitpid(group, None) == Err(Errno::EINTR) {}
}

/// Blocks until the process has ended, and leaves its zombie.
#[cfg(target_os = "linux")]
fn wait_unreaped(pid: Pid) {
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

/// Not without an interface that this system lacks.
#[cfg(not(target_os = "linux"))]
fn is_stopped(_: Pid) -> bool {
    false
}

/// As on Linux; an error (`ESRCH`) means that it has ended already.
#[cfg(not(target_os = "linux"))]
fn wait_unreaped(pid: Pid) {
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
    // ESRCH: already gone, which is what was wanted.
    let _ = killpg(group, Signal::SIGKILL);
}

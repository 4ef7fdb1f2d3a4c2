//! The reaper: a `/bin/sh` loop that outlives this process and cleans up after it.
//!
//! It reads registrations from a pipe whose only writer is this process. At end-of-file, whatever
//! its cause (return, `abort`, `kill -9`), it kills the registered process groups and removes the
//! registered directories. It runs in a process group of its own, ignores the signals of terminals
//! and test runners, and inherits no stdio, so that no other program waits for it.
//!
//! A child that other code has forked, without an `exec`, holds a copy of that pipe and delays the
//! end-of-file until it exits. On Linux, the system therefore also signals the reaper when its
//! parent dies, by `setpriv` (util-linux) where that is installed.
//!
//! The reaper finds its programs (`rm`, `sleep`, `setpriv`) in the system's directories or, if
//! they are not there (as on NixOS), by this process's PATH. Without `rm` it does not start,
//! because it could not remove directories.
//!
//! If the reaper itself is killed, a new one is started at once and receives all registrations
//! again.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, mpsc};

use super::ProcessError;
use super::error::Missing;
use crate::sync;

/// A registration: a process group to kill, or a path to remove, when this process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cleanup {
    /// A process group, by its number.
    Group(i32),
    /// A directory or link, by its absolute path without a newline.
    Path(PathBuf),
}

/// The directories that contain the script's programs on nearly every system.
const SYSTEM_PATH: &str = "/usr/bin:/bin";

/// Starts the script (`$1`), and has the system signal it when its parent (`$2`) dies, where the
/// system supports that. A program without a handler ignores URG, so an early signal does no harm.
const START_SCRIPT: &str = r#"
setpriv --pdeathsig URG true && exec setpriv --pdeathsig URG /bin/sh -c "$1" "$0" "$2"
exec /bin/sh -c "$1" "$0"
"#;

/// The reaper's loop. `$1` is the parent, if its death is signalled. The handler of that signal
/// writes the mark `end` to the pipe, behind all registrations that the parent has written.
pub(super) const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM PIPE
orphaned() { signalled=1; echo end >/proc/self/fd/0; }
trap orphaned URG
if [ "$1" ]; then
    read -r pid name state parent rest </proc/$$/stat
    [ "$parent" = "$1" ] || orphaned
    shift
fi
groups=' '
while IFS= read -r line || [ "$signalled" ]; do
    signalled=
    value=${line#* }
    case ${line%% *} in
    end) break ;;
    +group) groups="$groups$value " ;;
    -group) groups="${groups%% "$value" *} ${groups#* "$value" }" ;;
    +path) set -- "$@" "$value" ;;
    -path)
        left=$#
        while [ "$left" -gt 0 ]; do
            [ "$1" = "$value" ] || set -- "$@" "$1"
            shift
            left=$((left - 1))
        done ;;
    esac
done
for group in $groups; do kill -KILL "-$group"; done
for path; do
    tries=50
    until rm -rf "$path" || [ "$tries" -eq 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
done
"#;

static REAPER: Mutex<Reaper> = Mutex::new(Reaper {
    cleanups: Vec::new(),
    pipe: None,
});

struct Reaper {
    cleanups: Vec<Cleanup>,
    pipe: Option<ReaperPipe>,
}

/// The pipe to a running reaper.
struct ReaperPipe {
    stdin: ChildStdin,
    /// The process id of the reaper.
    reaper: u32,
    /// The process id of the process that started the reaper.
    owner: u32,
}

/// Registers `cleanup` with the reaper. After this returns, the reaper does it even if this process
/// is killed by `kill -9`.
pub(super) fn register(cleanup: Cleanup) -> Result<(), ProcessError> {
    let mut reaper = lock();
    reaper.cleanups.push(cleanup.clone());
    reaper.send('+', &cleanup).map_err(|error| {
        reaper.cleanups.pop();
        ProcessError::Reaper(error)
    })
}

/// Ends the registration of `cleanup`.
pub(super) fn forget(cleanup: Cleanup) {
    let mut reaper = lock();
    if let Some(place) = reaper.cleanups.iter().position(|known| *known == cleanup) {
        reaper.cleanups.swap_remove(place);
        if let Err(error) = reaper.send('-', &cleanup) {
            tracing::warn!(%error, "the cleanup helper is gone and cannot be started again");
        }
    }
}

fn lock() -> MutexGuard<'static, Reaper> {
    sync::lock(&REAPER)
}

impl Reaper {
    /// Sends one change to the reaper, or all registrations to a new reaper.
    fn send(&mut self, sign: char, cleanup: &Cleanup) -> io::Result<()> {
        let ours = |pipe: &&mut ReaperPipe| pipe.owner == std::process::id();
        if let Some(pipe) = self.pipe.as_mut().filter(ours)
            && pipe.stdin.write_all(&message(sign, cleanup)).is_ok()
        {
            return Ok(());
        }
        self.restart()
    }

    fn restart(&mut self) -> io::Result<()> {
        self.pipe = None;
        // The system signals the reaper already at the end of the thread that has started it, so
        // a thread that outlives the reaper starts it.
        let (sender, started) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("virtual-target-reaper".into())
            .spawn(move || start_and_watch(&sender))?;
        let gone = |_| Err(Missing::Thread.into());
        let mut pipe = started.recv().unwrap_or_else(gone)?;
        for cleanup in &self.cleanups {
            pipe.stdin.write_all(&message('+', cleanup))?;
        }
        self.pipe = Some(pipe);
        Ok(())
    }
}

/// Starts a reaper, sends its pipe to `started`, and waits until the reaper exits.
fn start_and_watch(started: &mpsc::SyncSender<io::Result<ReaperPipe>>) {
    // The receiver waits for the result, so sending does not fail.
    match start() {
        Ok((child, pipe)) => {
            let _ = started.send(Ok(pipe));
            replace_when_dead(child);
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    }
}

fn start() -> io::Result<(Child, ReaperPipe)> {
    let owner = std::process::id();
    let path = search_path(SYSTEM_PATH, env::var_os("PATH").as_deref())?;
    let mut child = command(&path)
        .args(["-c", START_SCRIPT, "virtual-target-reaper", SCRIPT])
        .arg(owner.to_string())
        .spawn()?;
    let Some(stdin) = child.stdin.take() else {
        return Err(Missing::Pipe.into());
    };
    let reaper = child.id();
    Ok((
        child,
        ReaperPipe {
            stdin,
            reaper,
            owner,
        },
    ))
}

/// Starts a reaper that works for another process, which has the writing end of `stdin`.
pub(super) fn start_apart(stdin: Stdio) -> io::Result<Child> {
    let path = search_path(SYSTEM_PATH, env::var_os("PATH").as_deref())?;
    command(&path)
        .args(["-c", SCRIPT, "virtual-target-reaper"])
        .stdin(stdin)
        .spawn()
}

/// Returns a shell that finds programs by `path`, and inherits neither the environment nor stdio of
/// this process.
pub(super) fn command(path: &OsStr) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .current_dir("/")
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// Returns the directories of `system`, then those of `user`, as a PATH. Fails if none contains
/// `rm`.
///
/// Relative directories are left out: the reaper runs in another directory.
pub(super) fn search_path(system: &str, user: Option<&OsStr>) -> io::Result<OsString> {
    let directories: Vec<PathBuf> = env::split_paths(system)
        .chain(user.into_iter().flat_map(env::split_paths))
        .filter(|directory| directory.is_absolute())
        .collect();
    let path = env::join_paths(&directories).map_err(io::Error::other)?;
    if directories
        .iter()
        .any(|directory| directory.join("rm").is_file())
    {
        Ok(path)
    } else {
        let path = path.into();
        Err(Missing::Rm { path }.into())
    }
}

/// Waits until the reaper exits, and starts another one. While this process lives, only an attacker
/// or the OOM killer causes that exit.
fn replace_when_dead(mut child: Child) {
    let status = child.wait();
    let mut reaper = lock();
    let current = reaper
        .pipe
        .as_ref()
        .is_some_and(|pipe| pipe.reaper == child.id());
    if current && !reaper.cleanups.is_empty() {
        tracing::warn!(?status, "the cleanup helper was killed; starting another");
        if let Err(error) = reaper.restart() {
            tracing::warn!(%error, "the cleanup helper cannot be started again");
        }
    }
}

/// Returns the line that begins (`+`) or ends (`-`) a registration.
pub(super) fn message(sign: char, cleanup: &Cleanup) -> Vec<u8> {
    let (kind, value) = match cleanup {
        Cleanup::Group(group) => ("group", group.to_string().into_bytes()),
        Cleanup::Path(path) => ("path", path.as_os_str().as_bytes().to_vec()),
    };
    let mut line = format!("{sign}{kind} ").into_bytes();
    line.extend(value);
    line.push(b'\n');
    line
}

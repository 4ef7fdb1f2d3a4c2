//! The reaper: a `/bin/sh` loop that outlives this process and cleans up after it.
//!
//! It reads registrations from a pipe whose only writer is this process. At
//! end-of-file, however it comes about (return, `abort`, `kill -9`), it kills
//! the registered process groups and removes the registered directories. It
//! runs in a process group of its own, ignores the signals of terminals and
//! test runners, and inherits no stdio, so that nobody waits for it.
//!
//! A child that other code has forked, without an `exec`, holds a copy of that
//! pipe: end-of-file would have to wait for it. On Linux the system therefore
//! also signals the reaper when its parent dies, by `setpriv` (util-linux) where
//! that is installed.
//!
//! It finds the programs that it runs (`rm`, `sleep`, `setpriv`) in the system's
//! directories or, where these hold none (as on NixOS), by this process's PATH.
//! Without `rm` it does not start: it could not keep its promise.
//!
//! Should the reaper itself be killed, a new one is started at once and told
//! everything again.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, mpsc};

use super::ProcessError;
use crate::sync;

/// What is to be ended with this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cleanup {
    /// A process group, by its number.
    Group(i32),
    /// A directory or link, by its absolute path without a newline.
    Path(PathBuf),
}

/// Where nearly every system has the programs that the script runs.
const SYSTEM: &str = "/usr/bin:/bin";

/// Has the script (`$1`) signalled when its parent (`$2`) dies, where the system can.
/// URG does nothing to a program that does not ask for it, so it may come early.
const START: &str = r#"
setpriv --pdeathsig URG true && exec setpriv --pdeathsig URG /bin/sh -c "$1" "$0" "$2"
exec /bin/sh -c "$1" "$0"
"#;

/// `$1` is the parent, if its death is signalled. The mark `end` goes through the
/// pipe, behind whatever the parent has written.
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
    line: None,
});

struct Reaper {
    cleanups: Vec<Cleanup>,
    line: Option<Line>,
}

/// The way to a running reaper, which reaper that is, and who started it.
struct Line {
    stdin: ChildStdin,
    reaper: u32,
    owner: u32,
}

/// Puts `cleanup` into the reaper's care; when this returns, a `kill -9` of this process ends it.
pub(super) fn register(cleanup: Cleanup) -> Result<(), ProcessError> {
    let mut reaper = lock();
    reaper.cleanups.push(cleanup.clone());
    reaper.tell('+', &cleanup).map_err(|error| {
        reaper.cleanups.pop();
        ProcessError::Reaper(error)
    })
}

/// Takes `cleanup` out of the reaper's care.
pub(super) fn forget(cleanup: Cleanup) {
    let mut reaper = lock();
    if let Some(place) = reaper.cleanups.iter().position(|known| *known == cleanup) {
        reaper.cleanups.swap_remove(place);
        if let Err(error) = reaper.tell('-', &cleanup) {
            tracing::warn!(%error, "the cleanup helper is gone and cannot be started again");
        }
    }
}

fn lock() -> MutexGuard<'static, Reaper> {
    sync::lock(&REAPER)
}

impl Reaper {
    /// Tells the reaper of one change; a new reaper is told everything instead.
    fn tell(&mut self, sign: char, cleanup: &Cleanup) -> io::Result<()> {
        let ours = |line: &&mut Line| line.owner == std::process::id();
        if let Some(line) = self.line.as_mut().filter(ours)
            && line.stdin.write_all(&message(sign, cleanup)).is_ok()
        {
            return Ok(());
        }
        self.restart()
    }

    fn restart(&mut self) -> io::Result<()> {
        self.line = None;
        // The system takes the end of the starting thread for that of the parent:
        // the reaper is started by the thread that outlives it.
        let (sender, started) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("virtual-target-reaper".into())
            .spawn(move || keep(&sender))?;
        let gone = |_| Err(io::Error::other("the thread that starts it is gone"));
        let mut line = started.recv().unwrap_or_else(gone)?;
        for cleanup in &self.cleanups {
            line.stdin.write_all(&message('+', cleanup))?;
        }
        self.line = Some(line);
        Ok(())
    }
}

/// Starts a reaper, hands over the way to it, and waits for its end.
fn keep(started: &mpsc::SyncSender<io::Result<Line>>) {
    // Whoever has asked waits for the answer, so sending does not fail.
    match start() {
        Ok((child, line)) => {
            let _ = started.send(Ok(line));
            replace_when_dead(child);
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    }
}

fn start() -> io::Result<(Child, Line)> {
    let owner = std::process::id();
    let path = search_path(SYSTEM, env::var_os("PATH").as_deref())?;
    let mut child = command(&path)
        .args(["-c", START, "virtual-target-reaper", SCRIPT])
        .arg(owner.to_string())
        .spawn()?;
    let Some(stdin) = child.stdin.take() else {
        return Err(io::Error::other("no pipe to it"));
    };
    let reaper = child.id();
    Ok((
        child,
        Line {
            stdin,
            reaper,
            owner,
        },
    ))
}

/// A shell that finds programs by `path`, and has nothing of this process.
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

/// The directories of `system`, then those of the `user`, as a PATH by which `rm` is found.
///
/// A directory that is not absolute would be another one where the reaper runs.
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
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "it removes directories with the program `rm`, which is in none of {}; \
                 install it, or add its directory to PATH",
                path.display()
            ),
        ))
    }
}

/// Waits for the reaper's death, which nobody but an attacker or the OOM killer
/// causes while this process lives, and puts another in its place.
fn replace_when_dead(mut child: Child) {
    let status = child.wait();
    let mut reaper = lock();
    let current = reaper
        .line
        .as_ref()
        .is_some_and(|line| line.reaper == child.id());
    if current && !reaper.cleanups.is_empty() {
        tracing::warn!(?status, "the cleanup helper was killed; starting another");
        if let Err(error) = reaper.restart() {
            tracing::warn!(%error, "the cleanup helper cannot be started again");
        }
    }
}

fn message(sign: char, cleanup: &Cleanup) -> Vec<u8> {
    let (kind, value) = match cleanup {
        Cleanup::Group(group) => ("group", group.to_string().into_bytes()),
        Cleanup::Path(path) => ("path", path.as_os_str().as_bytes().to_vec()),
    };
    let mut line = format!("{sign}{kind} ").into_bytes();
    line.extend(value);
    line.push(b'\n');
    line
}

//! The reaper: a `/bin/sh` loop that outlives this process and cleans up after it.
//!
//! It reads registrations from a pipe whose only writer is this process. At
//! end-of-file, however it comes about (return, `abort`, `kill -9`), it kills
//! the registered process groups and removes the registered directories. It
//! runs in a process group of its own, ignores the signals of terminals and
//! test runners, and inherits no stdio, so that nobody waits for it.
//!
//! Should the reaper itself be killed, a new one is started at once and told
//! everything again.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::CustodyError;

/// What is to be ended with this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ward {
    /// A process group, by its number.
    Group(i32),
    /// A directory or link, by its absolute path without a newline.
    Path(PathBuf),
}

const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM PIPE
groups=' '
while IFS= read -r line; do
    value=${line#* }
    case ${line%% *} in
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
    wards: Vec::new(),
    line: None,
});

struct Reaper {
    wards: Vec<Ward>,
    line: Option<Line>,
}

/// The way to a running reaper, which reaper that is, and who started it.
struct Line {
    stdin: ChildStdin,
    reaper: u32,
    owner: u32,
}

/// Puts `ward` into the reaper's care; when this returns, a `kill -9` of this process ends it.
pub(super) fn register(ward: Ward) -> Result<(), CustodyError> {
    let mut reaper = lock();
    reaper.wards.push(ward.clone());
    reaper.tell('+', &ward).map_err(|error| {
        reaper.wards.pop();
        CustodyError::Reaper(error)
    })
}

/// Takes `ward` out of the reaper's care.
pub(super) fn forget(ward: Ward) {
    let mut reaper = lock();
    if let Some(place) = reaper.wards.iter().position(|known| *known == ward) {
        reaper.wards.swap_remove(place);
        if let Err(error) = reaper.tell('-', &ward) {
            tracing::warn!(%error, "the cleanup helper is gone and cannot be started again");
        }
    }
}

fn lock() -> MutexGuard<'static, Reaper> {
    REAPER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reaper {
    /// Tells the reaper of one change; a new reaper is told everything instead.
    fn tell(&mut self, sign: char, ward: &Ward) -> io::Result<()> {
        let ours = |line: &&mut Line| line.owner == std::process::id();
        if let Some(line) = self.line.as_mut().filter(ours)
            && line.stdin.write_all(&message(sign, ward)).is_ok()
        {
            return Ok(());
        }
        self.restart()
    }

    fn restart(&mut self) -> io::Result<()> {
        self.line = None;
        let mut child = start()?;
        let Some(mut stdin) = child.stdin.take() else {
            return Err(io::Error::other("no pipe to it"));
        };
        for ward in &self.wards {
            stdin.write_all(&message('+', ward))?;
        }
        self.line = Some(Line {
            stdin,
            reaper: child.id(),
            owner: std::process::id(),
        });
        std::thread::Builder::new()
            .name("virtual-target-reaper".into())
            .spawn(move || replace_when_dead(child))?;
        Ok(())
    }
}

fn start() -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "virtual-target-reaper"])
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
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
    if current && !reaper.wards.is_empty() {
        tracing::warn!(?status, "the cleanup helper was killed; starting another");
        if let Err(error) = reaper.restart() {
            tracing::warn!(%error, "the cleanup helper cannot be started again");
        }
    }
}

fn message(sign: char, ward: &Ward) -> Vec<u8> {
    let (kind, value) = match ward {
        Ward::Group(group) => ("group", group.to_string().into_bytes()),
        Ward::Path(path) => ("path", path.as_os_str().as_bytes().to_vec()),
    };
    let mut line = format!("{sign}{kind} ").into_bytes();
    line.extend(value);
    line.push(b'\n');
    line
}

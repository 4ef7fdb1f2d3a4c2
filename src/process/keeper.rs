//! The keeper: a `/bin/sh` process that is the parent of an emulator which may outlive this process.
//!
//! The keeper leads the emulator's process group and waits for the emulator. It holds our ends of the
//! FIFOs that are the emulator's standard streams, so that the emulator goes on between two owners.
//! When the emulator exits, the keeper writes the status to a file and kills the group.
//!
//! Only an owner ends the emulator, or cleans up after itself. In the emulator's directory the file
//! [`PARKED`] says that it has no owner, and [`BETWEEN`] that the owner is changing; the change of
//! one name to the other decides between two processes that want the emulator. Without an owner, it
//! is ended when the run ends, after the time that [`PARKED`] names, or with the keeper. The system's
//! shell has no event for the end of another process than its child, so a loop looks for the runner
//! each second; it also counts the seconds since the time in [`PARKED`].
//!
//! A [reaper] of its own holds the other end of a pipe from the keeper: if the keeper is killed,
//! it kills the group and removes the directory.
//!
//! An owner that has not started the keeper adds a process of its own to the group, which waits
//! for the end of a pipe. Its number is in the group until the owner reaps it, so the group's
//! number cannot become another group's, and its exit shows that the group was killed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::UNIX_EPOCH;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::reaper;
use super::run::{PARKED, Run, began};
use super::spawn_spec::SpawnSpec;

/// The file in the directory of an emulator whose owner is changing.
const BETWEEN: &str = "between";

/// The file with the exit status of the emulator.
const STATUS: &str = "status";

/// The keeper, which starts the program in its last arguments. It inherits its end of the pipe to its
/// reaper.
const SCRIPT: &str = r#"
directory=$1 runner=$2 began=$3
shift 3
exec 9>&3 3>"$directory/stdin" 4<"$directory/stdout" 5<"$directory/stderr" 8>"$directory/status"
(
    PATH="/usr/bin:/bin:$PATH"
    exec 3>&- 4<&- 5<&- 8>&- 9>&- </dev/null >/dev/null 2>&1
    cd "$directory" || kill -KILL 0
    idle=0 last= longest=60
    while sleep 1; do
        [ -e status ] || kill -KILL 0
        state= since=
        [ -e parked ] && state=parked && read -r _ _ longest since <parked
        [ -e between ] && state=between
        if [ "$state" ] && [ "$state$since" = "$last" ]; then idle=$((idle + 1)); else idle=0; fi
        last=$state$since
        read -r stat <"/proc/$runner/stat" && set -- ${stat##*) } || set --
        [ "${20}" = "$began" ] && [ "$idle" -lt "$longest" ] && continue
        case $state in
        parked) mv parked ended && kill -KILL 0 ;;
        between) [ "$idle" -lt 2 ] || kill -KILL 0 ;;
        esac
    done
    kill -KILL 0
) &
"$@" 3>&- 4<&- 5<&- 8>&- 9>&-
echo "$?" >&8
kill -KILL 0
"#;

/// Our ends of an emulator's standard streams.
pub(crate) struct Streams {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// The program of an emulator with a keeper, its arguments and its whole environment.
pub(crate) struct KeptProgram {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// A keeper that is to be started.
pub(super) struct Keeper {
    pub(super) launch: SpawnSpec,
    pub(super) streams: Streams,
    pub(super) guard: KeeperGuard,
}

/// What a new keeper needs beside its process.
pub(super) struct KeeperGuard {
    directory: PathBuf,
    /// The pipe from the keeper to its reaper, from reading to writing end.
    pipe: (File, File),
}

impl Keeper {
    /// Prepares a keeper for an emulator of `run`, with its FIFOs in `directory`.
    pub(super) fn new(run: &Run, directory: &Path, kept: KeptProgram) -> io::Result<Self> {
        let (stdin, our_stdin) = fifo(&directory.join("stdin"), End::Writing)?;
        let (our_stdout, stdout) = fifo(&directory.join("stdout"), End::Reading)?;
        let (our_stderr, stderr) = fifo(&directory.join("stderr"), End::Reading)?;
        let pipe = fifo(&directory.join("keeper"), End::None)?;
        File::create_new(directory.join(STATUS))?;
        let mut args: Vec<OsString> = ["-c", SCRIPT, "virtual-target-keeper"]
            .map(OsString::from)
            .into();
        args.push(directory.into());
        let numbers = [run.runner.to_string(), run.began.to_string()];
        args.extend(numbers.map(OsString::from));
        args.push(kept.program.into());
        args.extend(kept.args);
        Ok(Self {
            launch: SpawnSpec {
                program: "/bin/sh".into(),
                args,
                env: kept.env,
                gate: our_stdin.try_clone()?.into(),
                stdin: stdin.into(),
                stdout: stdout.into(),
                stderr: stderr.into(),
                inherited: vec![pipe.1.try_clone()?.into()],
                directory: None,
            },
            streams: Streams {
                stdin: our_stdin.into(),
                stdout: our_stdout.into(),
                stderr: our_stderr.into(),
            },
            guard: KeeperGuard {
                directory: directory.to_owned(),
                pipe,
            },
        })
    }
}

impl KeeperGuard {
    /// Returns the file with the exit status of the emulator.
    pub(super) fn status(&self) -> io::Result<File> {
        File::open(self.directory.join(STATUS))
    }

    /// Starts the reaper of a keeper that waits at its gate.
    pub(super) fn begin(self, group: i32) -> io::Result<()> {
        let (reading, mut writing) = self.pipe;
        let mut child = reaper::start_apart(Stdio::from(reading))?;
        let cleanups = [
            reaper::Cleanup::Group(group),
            reaper::Cleanup::Path(self.directory),
        ];
        for cleanup in &cleanups {
            writing.write_all(&reaper::message('+', cleanup))?;
        }
        std::thread::Builder::new()
            .name("virtual-target-keeper".into())
            .spawn(move || child.wait())?;
        Ok(())
    }
}

/// An emulator without an owner, whose new owner this process is to be.
pub(super) struct Taken {
    directory: PathBuf,
    /// The process group.
    pub(super) group: i32,
    /// The time at which the keeper began.
    began: u64,
}

impl Taken {
    /// Takes the emulator in `directory`; `None` if another process has it.
    pub(super) fn take(directory: &Path) -> io::Result<Option<Self>> {
        let between = directory.join(BETWEEN);
        match fs::rename(directory.join(PARKED), &between) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            done => done?,
        }
        let text = fs::read_to_string(between)?;
        let mut words = text.split_whitespace();
        let group = words.next().and_then(|word| word.parse().ok());
        let keeper = group.zip(words.next().and_then(|word| word.parse().ok()));
        Ok(keeper.map(|(group, began)| Self {
            directory: directory.to_owned(),
            group,
            began,
        }))
    }

    /// Opens our ends of the streams, and the file with the exit status.
    pub(super) fn open(&self) -> io::Result<(Streams, File)> {
        let open = |write, name| open(&self.directory.join(name), write, OFlag::O_NONBLOCK);
        let streams = Streams {
            stdin: open(true, "stdin")?.into(),
            stdout: open(false, "stdout")?.into(),
            stderr: open(false, "stderr")?.into(),
        };
        Ok((streams, File::open(self.directory.join(STATUS))?))
    }

    /// Returns true if the group still is that of the emulator.
    pub(super) fn is_there(&self) -> bool {
        began(self.group) == Some(self.began)
    }

    /// Tells the keeper that the emulator has an owner.
    pub(super) fn own(&self) -> io::Result<()> {
        fs::remove_file(self.directory.join(BETWEEN))
    }
}

/// Parks the emulator of the keeper that leads `group`, for `longest_idle` seconds; calls `leave`
/// when the keeper is responsible for it, and before another process can take it. Returns false if
/// the run or the keeper has ended.
pub(super) fn park(
    run: &Run,
    directory: &Path,
    group: i32,
    longest_idle: u32,
    leave: impl FnOnce(),
) -> io::Result<bool> {
    let Some(began) = began(group).filter(|_| !run.is_over()) else {
        return Ok(false);
    };
    let between = directory.join(BETWEEN);
    let since = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    fs::write(
        &between,
        format!("{group} {began} {longest_idle} {since}\n"),
    )?;
    leave();
    fs::rename(between, directory.join(PARKED))?;
    Ok(true)
}

/// Writes to the standard input of the emulator in `directory`.
pub(crate) fn write_to(directory: &Path, text: &str) -> io::Result<()> {
    open(&directory.join("stdin"), true, OFlag::O_NONBLOCK)?.write_all(text.as_bytes())
}

/// Returns a copy of what the emulator in `directory` has written and nobody has read.
#[cfg(target_os = "linux")]
pub(crate) fn unread(directory: &Path) -> io::Result<Vec<u8>> {
    use nix::errno::Errno;
    use nix::fcntl::{SpliceFFlags, tee};
    /// The most that a FIFO holds.
    const MOST: usize = 1 << 16;
    let output = open(&directory.join("stdout"), false, OFlag::O_NONBLOCK)?;
    let (mut copy, into) = io::pipe()?;
    match tee(&output, &into, MOST, SpliceFFlags::SPLICE_F_NONBLOCK) {
        Ok(_) | Err(Errno::EAGAIN) => drop(into),
        Err(error) => return Err(error.into()),
    }
    let mut text = Vec::new();
    copy.read_to_end(&mut text)?;
    Ok(text)
}

/// As on Linux, where alone the processes of a run share emulators.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unread(_: &Path) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the exit status that a keeper has written, if it has.
pub(super) fn exit_status(mut status: &File) -> Option<ExitStatus> {
    /// A shell reports a signal as a status from here on.
    const SIGNALS: i32 = 128;
    let mut text = String::new();
    status.read_to_string(&mut text).ok()?;
    let status: i32 = text.trim().parse().ok()?;
    Some(ExitStatus::from_raw(match status > SIGNALS {
        true => status - SIGNALS,
        false => status << 8,
    }))
}

/// Our end of a FIFO, which does not block.
#[derive(PartialEq, Eq)]
enum End {
    Reading,
    Writing,
    None,
}

/// Creates a FIFO, and returns its reading and its writing end.
fn fifo(path: &Path, ours: End) -> io::Result<(File, File)> {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    // The ends are opened without waiting for each other.
    let _both = OpenOptions::new().read(true).write(true).open(path)?;
    let flags = |end| match ours == end {
        true => OFlag::O_NONBLOCK,
        false => OFlag::empty(),
    };
    Ok((
        open(path, false, flags(End::Reading))?,
        open(path, true, flags(End::Writing))?,
    ))
}

fn open(path: &Path, write: bool, flags: OFlag) -> io::Result<File> {
    OpenOptions::new()
        .read(!write)
        .write(write)
        .custom_flags(flags.bits())
        .open(path)
}

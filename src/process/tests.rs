//! Tests of the supervisor with shells as processes. The engine tests cover the ways in which the
//! test process itself can end.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use std::sync::Arc;

use super::*;

/// Runs `script` in a shell of its own; returns the process, its input and its output.
fn shell(
    supervisor: &Supervisor,
    script: &str,
) -> (Arc<Process>, std::io::PipeWriter, std::io::PipeReader) {
    let (theirs_in, stdin) = std::io::pipe().unwrap();
    let (stdout, theirs_out) = std::io::pipe().unwrap();
    let process = supervisor
        .spawn(SpawnSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: std::env::vars_os().collect(),
            gate: stdin.try_clone().unwrap().into(),
            stdin: theirs_in.into(),
            stderr: theirs_out.try_clone().unwrap().into(),
            stdout: theirs_out.into(),
            inherited: Vec::new(),
            directory: None,
        })
        .unwrap();
    (process, stdin, stdout)
}

/// Returns true if the last writer closes the pipe within a minute.
fn is_closed_by_writers(pipe: &std::io::PipeReader) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut pipe = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    let limit = PollTimeout::try_from(60_000).unwrap();
    poll(&mut pipe, limit) == Ok(1)
}

fn exists(pid: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

#[test]
fn release_kills_and_reaps_the_whole_group() {
    let supervisor = Supervisor::new();
    let (process, _stdin, mut stdout) =
        shell(&supervisor, "trap '' TERM; sleep 1000 & echo $!; wait");
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    let child: i32 = String::from_utf8(line).unwrap().trim().parse().unwrap();
    assert!(exists(process.pid()) && exists(child));
    supervisor.release();
    assert!(!exists(process.pid()), "still there, or a zombie");
    assert_eq!(process.exit().unwrap().to_string(), "was killed by SIGKILL");
    // The child's pipe is closed when the child is dead, even before it is reaped.
    assert!(is_closed_by_writers(&stdout), "the child lives on");
}

#[test]
fn exit_reports_a_kill_and_the_largest_child_is_measured() {
    const LARGE: u64 = 100_000_000;
    let supervisor = Supervisor::new();
    for (script, is_kill) in [
        ("kill -9 $$".to_owned(), true),
        ("sh -c 'kill -9 $$'; exit $?".to_owned(), true),
        ("kill -TERM $$".to_owned(), false),
        (
            format!("head -c {LARGE} /dev/zero | tail -c {LARGE} >/dev/null"),
            false,
        ),
    ] {
        let (process, _stdin, stdout) = shell(&supervisor, &script);
        assert!(is_closed_by_writers(&stdout));
        process.wait_reaped();
        assert_eq!(process.exit().unwrap().is_kill(), is_kill, "{script}");
    }
    assert!(largest_child() >= LARGE, "{}", largest_child());
}

#[test]
fn signalling_and_reaping_exclude_each_other() {
    let supervisor = Supervisor::new();
    let (process, _stdin, _stdout) = shell(&supervisor, "read x");
    let held = process.unless_reaped(|_| process.reaped.try_lock().is_err());
    assert_eq!(held, Some(true), "it can be reaped meanwhile");
    supervisor.release();
    let signalled = process.unless_reaped(|_| ());
    assert_eq!(signalled, None, "its number may be another process's");
}

#[test]
fn the_program_receives_the_input_after_the_gate() {
    let supervisor = Supervisor::new();
    let (process, mut stdin, mut stdout) = shell(&supervisor, "cat; exit 7");
    std::io::Write::write_all(&mut stdin, b"first\nsecond\n").unwrap();
    drop(stdin);
    let mut output = String::new();
    stdout.read_to_string(&mut output).unwrap();
    assert_eq!(output, "first\nsecond\n");
    process.wait_reaped();
    assert_eq!(process.exit().unwrap().to_string(), "exited with status 7");
}

#[test]
fn children_of_an_exited_launcher_are_killed() {
    let supervisor = Supervisor::new();
    let (process, _stdin, stdout) = shell(&supervisor, "sleep 1000 & exit 0");
    process.wait_reaped();
    // The pipe is closed only when its last writer, the `sleep`, has exited.
    assert!(is_closed_by_writers(&stdout), "the child lives on");
}

#[test]
fn a_private_directory_is_private_and_removed_with_its_content() {
    let supervisor = Supervisor::new();
    let directory = supervisor.private_dir().unwrap();
    let path = directory.path().to_owned();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o700
    );
    fs::create_dir(path.join("sub")).unwrap();
    fs::write(path.join("sub/file"), "x").unwrap();
    drop(directory);
    supervisor.release();
    assert!(!path.exists());
}

/// The thread that drops a board and the I/O thread that ends its boot may both remove the
/// directory.
#[test]
fn a_second_removal_returns_when_the_first_is_done() {
    let supervisor = Supervisor::new();
    let directory = supervisor.private_dir().unwrap();
    for file in 0..5000 {
        fs::write(directory.path().join(file.to_string()), "").unwrap();
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                directory.remove();
                assert!(!directory.path().exists());
            });
        }
    });
}

/// A boot that is dropped may still copy its firmware.
#[test]
fn files_added_during_a_removal_are_removed_too() {
    let supervisor = Supervisor::new();
    for _ in 0..200 {
        let directory = supervisor.private_dir().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for file in 0..5 {
                    // Fails once the directory is removed.
                    drop(fs::write(directory.path().join(file.to_string()), ""));
                }
            });
            directory.remove();
            assert!(!directory.path().exists());
        });
    }
}

#[test]
fn a_released_supervisor_refuses_new_resources() {
    let supervisor = Supervisor::new();
    supervisor.release();
    assert!(matches!(
        supervisor.private_dir(),
        Err(ProcessError::Released)
    ));
}

#[test]
fn dropping_the_gate_starts_no_program() {
    let (stdin, gate) = std::io::pipe().unwrap();
    let (mut stdout, theirs_out) = std::io::pipe().unwrap();
    let gate = spawn_spec::SpawnGate::spawn(SpawnSpec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), "echo it runs".into()],
        env: std::env::vars_os().collect(),
        gate: gate.into(),
        stdin: stdin.into(),
        stderr: theirs_out.try_clone().unwrap().into(),
        stdout: theirs_out.into(),
        inherited: Vec::new(),
        directory: None,
    });
    let mut gate = gate.unwrap();
    drop(gate.gate);
    gate.child.wait().unwrap();
    let mut output = String::new();
    stdout.read_to_string(&mut output).unwrap();
    assert_eq!(output, "");
}

/// The case of a system that does not signal the parent's death.
#[test]
fn the_reaper_kills_and_removes_at_end_of_file() {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    let directory = tempfile::tempdir().unwrap();
    let [kept, gone] = ["kept", "gone"].map(|name| directory.path().join(name));
    fs::create_dir(&kept).unwrap();
    fs::create_dir(&gone).unwrap();
    let sleeper = || {
        Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .unwrap()
    };
    let (mut spared, mut killed) = (sleeper(), sleeper());
    let mut helper = Command::new("/bin/sh")
        .args(["-c", reaper::SCRIPT, "virtual-target-reaper"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let registrations = format!(
        "+group {0}\n+path {1}\n+group {2}\n+path {3}\n-group {0}\n-path {1}\n",
        spared.id(),
        kept.display(),
        killed.id(),
        gone.display()
    );
    let mut stdin = helper.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, registrations.as_bytes()).unwrap();
    drop(stdin);
    helper.wait().unwrap();
    assert!(!gone.exists());
    assert!(!killed.wait().unwrap().success());
    assert!(kept.exists());
    assert!(spared.try_wait().unwrap().is_none());
    spared.kill().unwrap();
    spared.wait().unwrap();
}

/// The case of NixOS, whose `/bin` contains only `sh`.
#[test]
fn the_reaper_searches_the_users_path_after_the_systems() {
    let directory = tempfile::tempdir().unwrap();
    let [system, user, gone] = ["system", "user", "gone"].map(|name| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    let system = system.to_str().unwrap();
    let users = std::env::join_paths(["relative".as_ref(), user.as_path()]).unwrap();
    let error = reaper::search_path(system, Some(&users)).unwrap_err();
    let expected = format!(
        "it removes directories with the program `rm`, which is in none of {system}:{}; \
         install it, or add its directory to PATH",
        user.display()
    );
    assert_eq!(error.to_string(), expected);

    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|directory| directory.join("rm"))
        .find(|rm| rm.is_file())
        .unwrap();
    std::os::unix::fs::symlink(real, user.join("rm")).unwrap();
    let path = reaper::search_path(system, Some(&users)).unwrap();
    let mut helper = reaper::command(&path)
        .args(["-c", reaper::SCRIPT, "virtual-target-reaper"])
        .spawn()
        .unwrap();
    let registrations = format!("+path {}\n", gone.display());
    let mut stdin = helper.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, registrations.as_bytes()).unwrap();
    drop(stdin);
    helper.wait().unwrap();
    assert!(!gone.exists());
}

/// Runs a test in a process of its own, because the test changes a setting of the whole process.
fn in_own_process(test: &str, act: impl FnOnce()) {
    const ALONE: &str = "VTARGET_TEST_CUSTODY_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return act();
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("process::tests::{test}")])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}", output.status);
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn a_process_that_cannot_be_registered_is_reaped() {
    use nix::errno::Errno;
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::sys::wait::{WaitPidFlag, waitpid};
    in_own_process("a_process_that_cannot_be_registered_is_reaped", || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let mut without_reaper = 0;
        // With so few descriptors the process can start, but the reaper cannot.
        for limit in 6..64 {
            let (theirs_in, stdin) = std::io::pipe().unwrap();
            let (stdout, theirs_out) = std::io::pipe().unwrap();
            let launch = SpawnSpec {
                program: "/bin/cat".into(),
                args: Vec::new(),
                env: Vec::new(),
                // The other end stays open here, as the end of a socket may in a forked child.
                gate: stdin.try_clone().unwrap().into(),
                stdin: theirs_in.into(),
                stderr: theirs_out.try_clone().unwrap().into(),
                stdout: theirs_out.into(),
                inherited: Vec::new(),
                directory: None,
            };
            setrlimit(Resource::RLIMIT_NOFILE, limit, hard).unwrap();
            let spawned = Process::spawn(launch);
            setrlimit(Resource::RLIMIT_NOFILE, hard.min(256), hard).unwrap();
            match spawned {
                Err(ProcessError::Reaper(_)) => {
                    without_reaper += 1;
                    let left = waitpid(None, Some(WaitPidFlag::WNOHANG));
                    assert_eq!(left, Err(Errno::ECHILD), "at {limit} descriptors");
                    assert!(is_closed_by_writers(&stdout));
                }
                Err(_) => {}
                Ok(process) => {
                    process.kill();
                    process.wait_reaped();
                    break;
                }
            }
        }
        assert!(without_reaper > 0);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_works_is_told_from_one_that_waits() {
    let supervisor = Supervisor::new();
    let (busy, _busy_input, _) = shell(&supervisor, "while :; do :; done");
    let (idle, _idle_input, _) = shell(&supervisor, "sleep 600 & wait");
    let used = |process: &Process| process.activity().unwrap().used;
    let before = used(&busy);
    while used(&busy) <= before {
        std::thread::yield_now();
    }
    let seen = busy.activity().unwrap();
    assert!(seen.wants_to_run);
    assert!((100 << 10..1 << 30).contains(&seen.memory), "{seen:?}");
    // Until both of its processes sleep.
    while idle.activity().unwrap().wants_to_run {
        std::thread::yield_now();
    }
    supervisor.release();
    assert_eq!(idle.activity(), None);
}

//! However a test process ends, nothing of it stays: no emulator, no helper, no file.
//!
//! Each test runs the `victim` with a TMPDIR of its own, notes its descendants,
//! lets it end, and waits until all of them and all files are gone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use engine_tests::leftovers::{descendants, gone_within};
use engine_tests::on_each_engine;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use virtual_target::config::BackendKind;

/// What is promised after a kill -9.
const KILLED: Duration = Duration::from_secs(5);

struct Victim {
    child: Child,
    tmp: tempfile::TempDir,
}

impl Victim {
    fn start(engine: BackendKind, ending: &str, adapt: impl FnOnce(&mut Command, &Path)) -> Self {
        // A directory with everything in its name that a path may have.
        let tmp = tempfile::Builder::new()
            .prefix("tm p;$'\"ü-")
            .tempdir()
            .unwrap();
        let engine = match engine {
            BackendKind::Qemu => "qemu",
            _ => "renode",
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
        command.args([engine, ending]).env("TMPDIR", tmp.path());
        command.stdout(Stdio::piped());
        adapt(&mut command, tmp.path());
        let child = command.spawn().unwrap();
        Self { child, tmp }
    }

    /// Waits for `ready`; the emulator and the helper are among the victim's descendants then.
    fn ready(&mut self) {
        let mut line = String::new();
        let stdout = self.child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }

    /// Ends it with `signal` if one is given, else lets it end; then nothing may be left after `limit`.
    fn ends(mut self, signal: Option<Signal>, limit: Duration) -> ExitStatus {
        let family = descendants(self.child.id());
        if let Some(signal) = signal {
            kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        }
        let status = self.child.wait().unwrap();
        if let Err(left) = gone_within(limit, &family, self.tmp.path()) {
            panic!("{left}");
        }
        status
    }
}

fn killed_in(engine: BackendKind, state: &str) {
    let mut victim = Victim::start(engine, state, |_, _| ());
    victim.ready();
    assert!(
        descendants(victim.child.id()).len() >= 2,
        "no emulator and helper to be seen"
    );
    victim.ends(Some(Signal::SIGKILL), KILLED);
}

/// A launcher that does not `exec`, as the distributions' `renode` is.
fn launcher(engine: BackendKind, tmp: &Path) -> (&'static str, PathBuf) {
    let (variable, program) = match engine {
        BackendKind::Qemu => ("VTARGET_QEMU", "qemu-system-arm"),
        _ => ("VTARGET_RENODE", "renode"),
    };
    let real = match std::env::var_os(variable) {
        Some(named) => PathBuf::from(named),
        None => std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .unwrap(),
    };
    let script = tmp.with_file_name(format!(
        "{}-launcher",
        tmp.file_name().unwrap().to_string_lossy()
    ));
    fs::write(
        &script,
        format!("#!/bin/sh\n'{}' \"$@\"\nexit $?\n", real.display()),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    (variable, script)
}

on_each_engine! {
    fn kill_9_while_it_waits(engine) { killed_in(engine, "wait"); Ok(()) }

    fn kill_9_while_the_guest_is_busy(engine) { killed_in(engine, "busy"); Ok(()) }

    fn kill_9_while_a_command_runs(engine) { killed_in(engine, "command"); Ok(()) }

    fn kill_9_behind_a_launcher_that_does_not_exec(engine) {
        let mut script = PathBuf::new();
        let mut victim = Victim::start(engine, "busy", |command, tmp| {
            let (variable, path) = launcher(engine, tmp);
            command.env(variable, &path);
            script = path;
        });
        victim.ready();
        victim.ends(Some(Signal::SIGKILL), KILLED);
        fs::remove_file(script).unwrap();
        Ok(())
    }

    fn kill_9_at_any_moment_of_a_boot(engine) {
        // A slice of the soak run: from before the helper to after the greeting.
        for pause in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 500, 1500] {
            let mut victim = Victim::start(engine, "boot", |_, _| ());
            victim.ready();
            std::thread::sleep(Duration::from_millis(pause));
            victim.ends(Some(Signal::SIGKILL), KILLED);
        }
        Ok(())
    }

    fn kill_9_of_the_helper_first(engine) {
        let mut victim = Victim::start(engine, "wait", |_, _| ());
        victim.ready();
        let family = descendants(victim.child.id());
        let helper = family.iter().find(|pid| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("virtual-target-reaper"))
        });
        kill(Pid::from_raw(*helper.unwrap()), Signal::SIGKILL).unwrap();
        // The next helper is there before the library has noticed anything else.
        let new = || descendants(victim.child.id()).difference(&family).next().copied();
        while new().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        victim.ends(Some(Signal::SIGKILL), KILLED);
        Ok(())
    }

    fn terminated(engine) {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let mut victim = Victim::start(engine, "wait", |_, _| ());
            victim.ready();
            victim.ends(Some(signal), KILLED);
        }
        Ok(())
    }

    fn ended_by_itself(engine) {
        for ending in ["return", "error", "panic", "panic-twice", "exit", "abort", "leak", "thread", "runtime-first"] {
            let mut victim = Victim::start(engine, ending, |_, _| ());
            victim.ready();
            let status = victim.ends(None, KILLED);
            let well = ["return", "leak", "thread", "runtime-first"].contains(&ending);
            assert_eq!(status.success(), well, "{ending}: {status}");
        }
        Ok(())
    }
}

//! What may happen to `vtarget run` and its terminal: a new size, Ctrl-C, a hangup, a closed output.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::leftovers::processes_with_tmpdir;
use engine_tests::on_each_engine;
use nix::pty::{OpenptyResult, openpty};
use tempfile::TempDir;
use virtual_target::config::BackendKind;
use virtual_target::uart::Uart;
use virtual_target::{Result, secs};

use super::run::{Started, assert_nothing_left, run_on};
use super::text;

/// Starts the program as a shell does: with `pty` as the terminal whose signals it gets.
fn in_session(engine: BackendKind, tmp: &TempDir, pty: &OpenptyResult) -> Started {
    let program = run_on(engine, tmp);
    let mut session = Command::new("setsid");
    session
        .arg("--ctty")
        .arg(program.get_program())
        .args(program.get_args());
    session.envs(
        program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(directory) = program.get_current_dir() {
        session.current_dir(directory);
    }
    Started::in_terminal(session, pty)
}

/// Returns a terminal whose ends the program does not inherit besides those that it gets.
fn open_terminal() -> OpenptyResult {
    let pty = openpty(None, None).unwrap();
    // Clones are closed in programs that are started.
    let (master, slave) = (pty.master.try_clone(), pty.slave.try_clone());
    OpenptyResult {
        master: master.unwrap(),
        slave: slave.unwrap(),
    }
}

fn terminal(pty: &OpenptyResult) -> Result<Uart> {
    let terminal = Uart::over_fd(pty.master.try_clone().unwrap())?;
    terminal.set_timeout(secs(60));
    Ok(terminal)
}

/// Waits until the reaper has cleaned up, which outlives a program that was killed.
fn wait_until_nothing_is_left(tmp: &TempDir) {
    let began = Instant::now();
    let is_left = || {
        let files = std::fs::read_dir(tmp).unwrap().next().is_some();
        files || !processes_with_tmpdir(tmp.path()).is_empty()
    };
    while is_left() && began.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(20));
    }
    assert_nothing_left(tmp);
}

on_each_engine! {
    fn a_terminal_may_change_its_size(engine) {
        let tmp = tempfile::tempdir().unwrap();
        let pty = open_terminal();
        let program = in_session(engine, &tmp, &pty);
        let terminal = terminal(&pty)?;
        terminal.expect("> ").wait()?;
        for (rows, columns) in [("1", "1"), ("50", "200"), ("0", "0")] {
            let mut stty = Command::new("stty");
            stty.args(["rows", rows, "cols", columns]);
            let stty = stty.stdin(Stdio::from(pty.slave.try_clone().unwrap())).status();
            assert!(stty.unwrap().success());
            terminal.send("ping\r").wait()?;
            terminal.expect_line("pong").wait()?;
        }
        terminal.send("\x01x").wait()?;
        assert!(program.succeeds());
        assert_nothing_left(&tmp);
        Ok(())
    }

    fn a_terminal_that_goes_away_leaves_nothing(engine) {
        for has_signals in [true, false] {
            let tmp = tempfile::tempdir().unwrap();
            let pty = open_terminal();
            let mut program = match has_signals {
                true => in_session(engine, &tmp, &pty),
                false => Started::in_terminal(run_on(engine, &tmp), &pty),
            };
            let terminal = terminal(&pty)?;
            terminal.expect("> ").wait()?;
            drop((terminal, pty));
            // Killed by SIGHUP, or at the end of its input.
            program.0.wait().unwrap();
            wait_until_nothing_is_left(&tmp);
        }
        Ok(())
    }

    fn ctrl_c_during_the_boot_leaves_nothing(engine) {
        let tmp = tempfile::tempdir().unwrap();
        let pty = open_terminal();
        let mut program = in_session(engine, &tmp, &pty);
        let terminal = terminal(&pty)?;
        let began = Instant::now();
        while processes_with_tmpdir(tmp.path()).len() < 2 && began.elapsed() < secs(60) {
            thread::sleep(Duration::from_millis(1));
        }
        terminal.send("\x03").wait()?;
        // If the session has begun, Ctrl-C is for the board.
        terminal.send("\x01x").wait()?;
        program.0.wait().unwrap();
        wait_until_nothing_is_left(&tmp);
        Ok(())
    }

    fn an_output_that_nobody_reads_keeps_the_verdict(engine) {
        let tmp = tempfile::tempdir().unwrap();
        for (pattern, code) in [("Hello from shell", Some(0)), ("nothing like it", Some(1))] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = run_on(engine, &tmp);
            command.args(["--expect", pattern, "--for", "500ms"]);
            let output = command.stdin(Stdio::null()).stdout(writer).output().unwrap();
            let messages = text(&output.stderr);
            assert_eq!(output.status.code(), code, "{messages}");
            assert!(!messages.contains("panicked"), "{messages}");
            assert_nothing_left(&tmp);
        }
        Ok(())
    }
}

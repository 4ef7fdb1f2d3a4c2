//! `vtarget run`: a person at a terminal, and a script.

use std::fs;
use std::process::{Child, Command, Stdio};

use engine_tests::leftovers::processes_with_tmpdir;
use engine_tests::on_each_engine;
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::tcgetattr;
use tempfile::TempDir;
use virtual_target::config::BackendKind;
use virtual_target::uart::Uart;
use virtual_target::{Result, secs};

use super::{text, vtarget};

pub(super) const BOARD: [&str; 3] = [
    "run",
    "fixtures/stm32f4.yaml",
    "firmware-samples/prebuilt/stm32f4/shell.elf",
];

/// Returns the program with a board on this engine and its own directory for temporary files.
pub(super) fn run_on(engine: BackendKind, tmp: &TempDir) -> Command {
    let name = match engine {
        BackendKind::Qemu => "qemu",
        _ => "renode",
    };
    let mut command = vtarget();
    command.args(BOARD).env("VTARGET_BACKEND", name);
    command.env("TMPDIR", tmp.path());
    command
}

/// A program that a failed test ends.
pub(super) struct Started(pub(super) Child);

impl Started {
    /// Starts a command with `pty` as its terminal.
    pub(super) fn in_terminal(mut command: Command, pty: &OpenptyResult) -> Self {
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn();
        Self(child.unwrap())
    }

    pub(super) fn succeeds(mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn assert_nothing_left(tmp: &TempDir) {
    assert_eq!(processes_with_tmpdir(tmp.path()), [].into());
    let left = fs::read_dir(tmp).unwrap().map(|it| it.unwrap().path());
    assert_eq!(left.collect::<Vec<_>>(), [] as [std::path::PathBuf; 0]);
}

/// Plays a person who looks at the board, tries all keys and leaves.
fn session(engine: BackendKind, arguments: &[&str]) -> Result<()> {
    let tmp = tempfile::tempdir().unwrap();
    let pty = openpty(None, None).unwrap();
    let before = tcgetattr(&pty.slave).unwrap();
    let mut command = run_on(engine, &tmp);
    command.args(arguments);
    let program = Started::in_terminal(command, &pty);
    let terminal = Uart::over_fd(pty.master.try_clone().unwrap())?;
    terminal.set_timeout(secs(60));

    terminal.expect_line("Ctrl-A, then x: exit").wait()?;
    terminal.expect_line("Hello from shell on stm32f4").wait()?;
    terminal.expect("> ").wait()?;
    assert_ne!(tcgetattr(&pty.slave).unwrap(), before);
    terminal.send("ping\r").wait()?;
    terminal.expect_line("pong").wait()?;
    for (key, done) in [("r", "[reset]"), ("f", "[flashed]")] {
        terminal.send(format!("\x01{key}")).wait()?;
        terminal.expect_line(done).wait()?;
        terminal.expect_line("Hello from shell").wait()?;
        terminal.expect("> ").wait()?;
    }
    terminal.send("\x01p").wait()?;
    terminal.expect_line("[off]").wait()?;
    terminal.send("x").wait()?;
    let off = r"re:the target is off: power_off\(\) was called at \S*run\.rs:\d+";
    terminal.expect_line(off).wait()?;
    terminal.send("\x01p").wait()?;
    terminal.expect_line("[on]").wait()?;
    terminal.expect_line("Hello from shell").wait()?;
    // Ctrl-C is for the board, not a signal.
    terminal.send("\x03\x01?").wait()?;
    terminal.expect_line("Ctrl-A, then x: exit").wait()?;
    terminal.send("\x01x").wait()?;

    assert!(program.succeeds());
    assert_eq!(tcgetattr(&pty.slave).unwrap(), before);
    assert_nothing_left(&tmp);
    Ok(())
}

on_each_engine! {
    fn a_person_talks_to_the_board(engine) {
        session(engine, &[])
    }

    fn a_script_gets_the_output_and_a_verdict(engine) {
        let tmp = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let mut command = run_on(engine, &tmp);
            let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
            assert_nothing_left(&tmp);
            (output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let (code, output, messages) = run(&["--expect", "re:shell on \\w+"]);
        assert_eq!(code, Some(0), "{messages}");
        assert!(output.starts_with("Hello from shell on s"), "{output:?}");
        let (code, output, messages) = run(&["--expect", "nothing like it", "--for", "300ms"]);
        assert_eq!(code, Some(1));
        assert!(messages.contains("expect(\"nothing like it\") timed out"), "{messages}");
        assert_eq!(output, "Hello from shell on stm32f4\r\n> ");
        let (code, _, messages) = run(&["--for", "0s"]);
        assert_eq!(code, Some(0), "{messages}");
        let (code, _, messages) = run(&["--for", "0s", "--expect", "never"]);
        assert_eq!(code, Some(1));
        assert!(messages.contains("timed out after "), "{messages}");
        let (code, output, _) = run(&["--for", "300ms"]);
        assert_eq!((code, output.as_str()), (Some(0), "Hello from shell on stm32f4\r\n> "));
        Ok(())
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn another_uart_than_the_first_is_shown_by_its_name() -> Result<()> {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("board.yaml");
    let firmware = super::root().join("firmware-samples/prebuilt/stm32f4/semihosting.elf");
    let board = format!(
        "backend: qemu\nqemu: {{machine: netduinoplus2}}\nfirmware: {firmware:?}\n\
         uarts: {{console: {{serial: 1}}, trace: semihosting}}\n"
    );
    fs::write(&file, board).unwrap();
    let run = |uart: &str| {
        let mut command = vtarget();
        command.arg("run").arg(&file).args(["--uart", uart]);
        command
    };
    let mut script = run("trace");
    script.args(["--expect", "by WRITE\n"]).stdin(Stdio::null());
    let output = script.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("by WRITE0\nby WRITE\n"));

    let pty = openpty(None, None).unwrap();
    let program = Started::in_terminal(run("trace"), &pty);
    let terminal = Uart::over_fd(pty.master.try_clone().unwrap())?;
    terminal.set_timeout(secs(60));
    terminal.expect_line("machine-0: trace. ").wait()?;
    terminal.expect_line("by WRITE0").wait()?;
    terminal.send("x").wait()?;
    terminal
        .expect_line("semihosting is for the firmware's output only")
        .wait()?;
    terminal.send("\x01x").wait()?;
    assert!(program.succeeds());

    let unknown = run("modem").stdin(Stdio::null()).output().unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is no UART \"modem\""));
    Ok(())
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_person_talks_to_a_board_in_virtual_time() -> Result<()> {
    session(BackendKind::Renode, &["--clock", "virtual"])
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn a_board_that_ends_says_why() -> Result<()> {
    let tmp = tempfile::tempdir().unwrap();
    let pty = openpty(None, None).unwrap();
    let program = Started::in_terminal(run_on(BackendKind::Qemu, &tmp), &pty);
    let terminal = Uart::over_fd(pty.master.try_clone().unwrap())?;
    terminal.expect("> ").wait()?;
    for pid in processes_with_tmpdir(tmp.path()) {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.starts_with("qemu") {
            let pid = pid.to_string();
            assert!(
                Command::new("kill")
                    .args(["-9", &pid])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
    terminal.expect("killed by SIGKILL").wait()?;
    terminal.send("\x01x").wait()?;
    assert!(program.succeeds());
    assert_nothing_left(&tmp);
    Ok(())
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn forbidden_output_fails_a_script() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("board.yaml");
    let board = "backend: qemu\nqemu: {machine: netduinoplus2, serial: 1}\nforbid: [on stm32f4]\n";
    fs::write(&file, board).unwrap();
    for arguments in [["--expect", "> "], ["--for", "200ms"]] {
        let mut command = vtarget();
        command.arg("run").arg(&file).arg(BOARD[2]).args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let messages = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {messages}");
        assert!(messages.starts_with("vtarget: "), "{messages}");
        assert!(messages.contains("\"on stm32f4\""), "{messages}");
    }
}

#[test]
fn bad_arguments_are_refused() {
    for (arguments, code) in [
        (&["run", "no.yaml"][..], 1),
        (&["run"], 2),
        (&["run", "a.yaml", "--for", "10"], 2),
        (&["run", "a.yaml", "--expect", "re:["], 2),
        (&["run", "a.yaml", "--clock", "host"], 2),
    ] {
        let output = vtarget().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

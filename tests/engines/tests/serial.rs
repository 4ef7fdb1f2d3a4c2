//! A physical board that misbehaves: unplugged, silent, slow, garbled; commands that
//! fail, hang or do not exist. The board is the other end of a pseudo-terminal, so
//! no emulator is needed. The tests of all boards are in `board.rs`.

#![cfg(target_os = "linux")] // only there a pseudo-terminal has a speed

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine_tests::leftovers::processes_with_tmpdir;
use engine_tests::{pty, sample};
use futures::FutureExt;
use nix::sys::stat::Mode;
use tempfile::TempDir;
use virtual_target::config::BackendKind;
use virtual_target::{
    EmulatorErrorKind, ErrorKind, Operation, PowerError, Result, TargetBuilder, VirtualTarget,
    millis, secs,
};

/// A limit for an immediate reaction, on a busy host.
const AT_ONCE: Duration = Duration::from_secs(20);

/// The board's end of the serial line. Commands control it through the FIFO `nudge`;
/// the last text that it sent for a command is also in the file `said`.
struct FakeBoard {
    directory: TempDir,
    port: PathBuf,
    master: Arc<Mutex<Option<File>>>,
    _slave: OwnedFd,
    nudge_thread: Option<JoinHandle<()>>,
}

impl FakeBoard {
    fn new() -> Self {
        let pty = pty::open().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let nudge = directory.path().join("nudge");
        nix::unistd::mkfifo(&nudge, Mode::S_IRWXU).unwrap();
        // Opened for both directions, so that reading never ends.
        let nudges = OpenOptions::new().read(true).write(true).open(nudge);
        let nudges = BufReader::new(nudges.unwrap()).lines();
        let master = Arc::new(Mutex::new(Some(File::from(pty.master))));
        let worked = Arc::clone(&master);
        let said = directory.path().join("said");
        let nudge_thread = thread::spawn(move || {
            for nudge in nudges.map_while(|nudge| nudge.ok()) {
                let mut master = worked.lock().unwrap();
                match nudge.as_str() {
                    "end" => return,
                    "unplug" => *master = None,
                    text => {
                        writeln!(master.as_ref().unwrap(), "{text}").unwrap();
                        fs::write(&said, text).unwrap();
                    }
                }
            }
        });
        Self {
            directory,
            port: pty.path,
            master,
            _slave: pty.slave,
            nudge_thread: Some(nudge_thread),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn send(&self, bytes: &[u8]) {
        let master = self.master.lock().unwrap();
        master.as_ref().unwrap().write_all(bytes).unwrap();
    }

    /// Reads the next `n` bytes that the board receives.
    fn receive(&self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        let master = self.master.lock().unwrap();
        master.as_ref().unwrap().read_exact(&mut bytes).unwrap();
        bytes
    }

    fn unplug(&self) {
        *self.master.lock().unwrap() = None;
    }

    /// Returns a command in YAML: a shell script of the test, with its arguments from `$1` on.
    fn script(&self, name: &str, script: &str, arguments: &str) -> String {
        let file = self.path(name);
        let directory = self.directory.path().display();
        fs::write(&file, format!("cd '{directory}'\n{script}\n")).unwrap();
        format!("[sh, '{}', {arguments}]", file.display())
    }

    /// Returns the board with these fields of `serial`, and others.
    fn target(&self, serial: &[(&str, String)], others: &str) -> TargetBuilder {
        let port = self.port.display();
        let mut text =
            format!("backend: serial\nmachine_name: played\n{others}\nserial:\n  port: {port}\n");
        for (field, value) in serial {
            writeln!(text, "  {field}: {value}").unwrap();
        }
        let file = self.path("board.yaml");
        fs::write(&file, text).unwrap();
        VirtualTarget::from_yaml(file)
    }

    /// Returns the recorded calls of the commands.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for FakeBoard {
    fn drop(&mut self) {
        fs::write(self.path("nudge"), "end\n").unwrap();
        self.nudge_thread.take().unwrap().join().unwrap();
    }
}

/// Returns a command that records its name and its arguments, each in brackets.
fn recorded_command(board: &FakeBoard, name: &str, arguments: &str) -> (&'static str, String) {
    let field = ["flash", "reset", "power_on", "power_off"];
    let field = field.into_iter().find(|field| *field == name).unwrap();
    let script = format!("{{ printf {name}; printf '[%s]' \"$@\"; echo; }} >>calls");
    (field, board.script(name, &script, arguments))
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(
            since.elapsed() < AT_ONCE,
            "not so after {AT_ONCE:?}: {what}"
        );
        thread::sleep(millis(5));
    }
}

#[test]
fn talks_both_ways() -> Result<()> {
    let fake = FakeBoard::new();
    let board = fake.target(&[], "").boot().wait()?;
    fake.send(b"Hello from the bench\r\n> ");
    board.uart().expect_line("Hello from").wait()?;
    board.uart().send_line("ping").wait()?;
    assert_eq!(fake.receive(5), b"ping\n");
    fake.send(b"pong\r\n");
    board.uart().expect_line("pong").wait()?;
    let engine = board.engine().wait()?;
    assert_eq!(
        (engine.kind, engine.program),
        (BackendKind::Serial, fake.port.clone())
    );
    board.shutdown().wait()
}

#[test]
fn operations_that_only_renode_has_are_refused() -> Result<()> {
    let fake = FakeBoard::new();
    let board = fake.target(&[], "allow_raw_monitor: true").boot().wait()?;
    let advice = "only Renode can: run the target there (VTARGET_BACKEND=renode)";
    assert_eq!(
        board
            .monitor("sysbus")
            .wait()
            .unwrap_err()
            .kind()
            .to_string(),
        format!("the physical board cannot do the monitor command `sysbus`; {advice}")
    );
    assert_eq!(
        board.metrics().wait().unwrap_err().kind().to_string(),
        format!("the physical board cannot measure what the board has done; {advice}")
    );
    Ok(())
}

#[test]
fn commands_run_in_order() -> Result<()> {
    let fake = FakeBoard::new();
    let commands = [
        recorded_command(&fake, "power_on", "a"),
        recorded_command(&fake, "flash", "'{firmware}'"),
        recorded_command(&fake, "reset", "b"),
        recorded_command(&fake, "power_off", "c"),
    ];
    let image = sample("hello.elf");
    let board = fake.target(&commands, "").firmware(&image).boot().wait()?;
    let on = [
        "power_on[a]".to_owned(),
        format!("flash[{}]", image.display()),
        "reset[b]".to_owned(),
    ];
    assert_eq!(fake.calls(), on);
    board.power_on().wait()?;
    assert_eq!(fake.calls().len(), 3, "it was on");
    board.reset().wait()?;
    assert_eq!(fake.calls()[3..], ["reset[b]"]);
    board.flash(&image).wait()?;
    assert_eq!(fake.calls()[4..], on[1..]);
    board.power_cycle().wait()?;
    assert_eq!(fake.calls()[6], "power_off[c]");
    assert_eq!(fake.calls()[7..], on);
    board.shutdown().wait()?;
    assert_eq!(fake.calls()[10..], ["power_off[c]"]);
    let board = fake.target(&commands, "").boot().wait()?;
    assert_eq!(fake.calls()[11..], ["power_on[a]", "reset[b]"]);
    drop(board);
    assert_eq!(fake.calls().len(), 13, "a drop runs nothing");
    Ok(())
}

#[test]
fn power_cycle_with_wait_keeps_the_board_off() -> Result<()> {
    let fake = FakeBoard::new();
    let timed = |field| (field, fake.script(field, "date +%s%N >> calls", "x"));
    let commands = [timed("power_on"), timed("power_off")];
    let board = fake.target(&commands, "").boot().wait()?;
    board.power_cycle_with_wait(secs(1)).wait()?;
    let times: Vec<u64> = fake.calls().iter().map(|it| it.parse().unwrap()).collect();
    assert_eq!(times.len(), 3);
    assert!(times[2] - times[1] >= 1_000_000_000, "{times:?}");
    Ok(())
}

#[test]
fn an_argument_stays_one_argument() -> Result<()> {
    let fake = FakeBoard::new();
    let odd =
        "'{firmware}', 'x={firmware} {firmware}', 'a \"b\" $HOME `id` ; * { firmware } {0}', ''";
    let commands = [recorded_command(&fake, "flash", odd)];
    let names = [
        "with space.elf",
        "quo\"te'.elf",
        "dol$HOME.elf",
        "`id`;ü.elf",
        "{firmware}.elf",
    ];
    let board = fake.target(&commands, "").boot().wait()?;
    for name in names {
        let image = fake.path(name);
        fs::copy(sample("hello.elf"), &image).unwrap();
        board.flash(&image).wait()?;
        let path = image.display();
        let call = format!(
            "flash[{path}][x={path} {path}][a \"b\" $HOME `id` ; * {{ firmware }} {{0}}][]"
        );
        assert_eq!(fake.calls().pop(), Some(call));
    }
    Ok(())
}

#[test]
fn a_program_next_to_the_description_is_found() -> Result<()> {
    let fake = FakeBoard::new();
    let script = "#!/bin/sh\necho reset >>\"${0%/*}/calls\"\n";
    let tool = fake.path("tool");
    fs::write(&tool, script).unwrap();
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let reset = ("reset", "[./tool]".to_owned());
    let board = fake.target(&[reset], "").boot().wait()?;
    drop(board);
    assert_eq!(fake.calls(), ["reset"]);
    Ok(())
}

#[test]
fn output_during_the_commands_is_recorded() -> Result<()> {
    let fake = FakeBoard::new();
    let says = |name, text: &str| {
        let said =
            format!("echo '{text}' >nudge; until grep -q '{text}' said; do sleep 0.01; done");
        fake.script(name, &said, "'{firmware}'")
    };
    let power_on = (
        "power_on",
        says("power_on", "old firmware here").replace("'{firmware}'", ""),
    );
    let flash = ("flash", says("flash", "flasher here"));
    let reset = (
        "reset",
        says("reset", "new firmware here").replace("'{firmware}'", ""),
    );
    for (commands, first) in [
        (&[power_on.clone()][..], "old firmware here"),
        (&[power_on.clone(), flash.clone()], "flasher here"),
        (&[power_on, flash, reset], "new firmware here"),
    ] {
        let target = fake.target(commands, "");
        let target = match commands.len() {
            1 => target,
            _ => target.firmware(sample("hello.elf")),
        };
        let board = target.boot().wait()?;
        // The cursor is where the output of the requested firmware may have begun.
        assert_eq!(board.uart().expect_line("here").wait()?.line(), first);
        let from_start = board.uart_from_start();
        for line in ["old firmware here", "flasher here", "new firmware here"]
            .iter()
            .take(commands.len())
        {
            from_start.expect_line(*line).wait()?;
        }
        fs::remove_file(fake.path("said")).unwrap();
    }
    Ok(())
}

#[test]
fn output_before_a_reset_does_not_match_after_it() -> Result<()> {
    let fake = FakeBoard::new();
    let reset = ("reset", fake.script("reset", "echo anew >nudge", ""));
    let board = fake.target(&[reset], "").boot().wait()?;
    fake.send(b"READY\r\n");
    board.uart().clone().expect_line("READY").wait()?;
    board.reset().wait()?;
    board.uart().expect_line("anew").wait()?;
    board.uart_from_start().expect("READY").wait()?;
    let stale = board.uart().expect("READY").within(millis(200)).wait();
    assert!(stale.is_err(), "{stale:?}");
    Ok(())
}

#[test]
fn unplugging_the_board_fails_operations() -> Result<()> {
    let fake = FakeBoard::new();
    let reset = recorded_command(&fake, "reset", "x");
    let board = fake.target(&[reset], "").boot().wait()?;
    fake.send(b"about to say mo");
    let uart = board.uart().clone();
    uart.expect("about").wait()?;
    let waiting = thread::spawn(move || {
        let since = Instant::now();
        let error = uart.expect("never").within(secs(600)).wait().unwrap_err();
        (error.to_string(), since.elapsed())
    });
    thread::sleep(millis(50)); // so that the wait has usually started
    fake.unplug();
    let (error, took) = waiting.join().unwrap();
    let gone = format!(
        "the serial port {} is gone: the board was unplugged",
        fake.port.display()
    );
    assert!(
        error.contains(&gone) && error.contains("to say mo"),
        "{error}"
    );
    assert!(took < AT_ONCE, "{took:?}");
    for error in [
        board
            .uart()
            .expect("never")
            .within(secs(600))
            .wait()
            .map(drop)
            .unwrap_err(),
        board.uart().send_line("ping").wait().unwrap_err(),
        board.reset().wait().unwrap_err(),
    ] {
        assert!(error.to_string().contains(&gone), "{error}");
    }
    assert!(!board.is_on().wait()?);
    let dead = board.reset().wait().unwrap_err();
    assert!(
        matches!(dead.kind(), ErrorKind::Power(PowerError::Exited { .. })),
        "{dead}"
    );
    assert!(!dead.to_string().contains("emulator"), "{dead}");
    assert_eq!(fake.calls().len(), 1, "reset was run without a board");
    let again = board.power_on().wait().unwrap_err().to_string();
    assert!(again.contains("cannot open the serial port"), "{again}");
    Ok(())
}

#[test]
fn unplugging_the_board_fails_a_running_command() {
    let fake = FakeBoard::new();
    let wait = "echo unplug >nudge; while [ -e port ]; do sleep 0.02; done";
    std::os::unix::fs::symlink(&fake.port, fake.path("port")).unwrap();
    let reset = ("reset", fake.script("reset", wait, ""));
    let error = fake
        .target(&[reset], "")
        .boot()
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("while working the board: the serial port"),
        "{error}"
    );
    assert!(error.contains("is gone"), "{error}");
}

#[test]
fn garbage_is_skipped() -> Result<()> {
    let fake = FakeBoard::new();
    let board = fake.target(&[], "").boot().wait()?;
    let every: Vec<u8> = (0..=255).collect();
    for _ in 0..64 {
        fake.send(&every); // 16 KiB: escape sequences, XON and XOFF, ^C, broken UTF-8
    }
    fake.send(b"\x18\x1b\\\r\nready\r\n");
    board.uart().expect_line("ready").wait()?;
    let raw = board.uart_from_start().expect_bytes(&every).wait()?;
    assert_eq!(raw.range(), 0..256);
    board.uart().send(&every).wait()?;
    assert_eq!(fake.receive(256), every);
    Ok(())
}

#[test]
fn a_slow_board_matches_and_a_too_slow_one_times_out() -> Result<()> {
    let fake = FakeBoard::new();
    let board = fake.target(&[], "").boot().wait()?;
    thread::scope(|scope| {
        scope.spawn(|| {
            for byte in b"temperature: 21 C\r\n" {
                thread::sleep(millis(20));
                fake.send(&[*byte]);
            }
        });
        let line = board
            .uart()
            .expect_line(r"re:^temperature: (\d+) C$")
            .wait()?;
        assert_eq!(line.parse::<u32>(1)?, 21);
        fake.send(b"hum");
        let late = board.uart().expect("hummed").within(millis(300)).wait();
        let late = late.unwrap_err().to_string();
        assert!(
            late.contains("timed out after") && late.contains("hum"),
            "{late}"
        );
        Ok(())
    })
}

#[test]
fn a_failed_command_is_reported_and_leaves_the_board_off() -> Result<()> {
    let fake = FakeBoard::new();
    let fails = "echo erasing; echo 'no probe was found' >&2; exit 3";
    let commands = [
        ("flash", fake.script("flash", fails, "'{firmware}'")),
        recorded_command(&fake, "power_off", "x"),
    ];
    let board = fake.target(&commands, "").boot().wait()?;
    let error = board.flash(sample("hello.elf")).wait().unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Emulator(why) if matches!(why.kind(), EmulatorErrorKind::Command { field: "flash", .. })
        ),
        "{error}"
    );
    let error = error.to_string();
    for part in [
        "`serial: flash:` failed: `",
        "hello.elf` exited with status 3",
        "erasing",
        "no probe was found",
    ] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    assert!(!board.is_on().wait()?);
    assert_eq!(fake.calls(), ["power_off[x]"]);
    // The port is free again.
    fake.target(&[], "").boot().wait()?;
    Ok(())
}

#[test]
fn a_failed_power_switch_is_reported() -> Result<()> {
    let fake = FakeBoard::new();
    let fails = ("power_off", fake.script("power_off", "exit 1", ""));
    let board = fake
        .target(std::slice::from_ref(&fails), "")
        .boot()
        .wait()?;
    let error = board.power_off().wait().unwrap_err().to_string();
    assert!(
        error.contains("`serial: power_off:` failed") && error.contains("status 1"),
        "{error}"
    );
    assert!(!board.is_on().wait()?);
    board.power_off().wait()?; // it is off: no command runs
    board.power_on().wait()?;
    let error = board.shutdown().wait().unwrap_err().to_string();
    assert!(error.contains("`serial: power_off:` failed"), "{error}");
    Ok(())
}

/// A script that hangs, with a child that hangs too; it records their process ids first.
const HANGS: &str = "sleep 600 & echo $$ $! >pids.new; mv pids.new pids; wait";

/// Returns the processes of `HANGS`, once it hangs.
fn hanging(fake: &FakeBoard) -> Vec<String> {
    let file = fake.path("pids");
    wait_until("the command hangs", || file.exists());
    let pids = fs::read_to_string(file).unwrap();
    pids.split_whitespace().map(str::to_owned).collect()
}

fn runs(pid: &String) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_hanging_command_is_killed() {
    let fake = FakeBoard::new();
    let hangs = ("power_on", fake.script("power_on", HANGS, ""));
    let error = fake
        .target(&[hangs], "timeouts: {command: 2s}")
        .boot()
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has not ended after 2s and was killed; raise `timeouts: command:`"),
        "{error}"
    );
    let pids = hanging(&fake);
    wait_until("it is gone with its child", || !pids.iter().any(runs));
}

#[test]
fn boot_has_a_time_limit() {
    let fake = FakeBoard::new();
    let hangs = ("power_on", fake.script("power_on", HANGS, ""));
    let error = fake
        .target(&[hangs], "")
        .boot()
        .within(secs(2))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the physical board took longer than 2s while booting the board"),
        "{error}"
    );
    let pids = hanging(&fake);
    wait_until("it is gone with its child", || !pids.iter().any(runs));
}

#[test]
fn a_dropped_boot_ends_its_command_and_frees_the_port() -> Result<()> {
    let fake = FakeBoard::new();
    let hangs = ("power_on", fake.script("power_on", HANGS, ""));
    let mut boot = fake.target(&[hangs], "").boot();
    assert!((&mut boot).now_or_never().is_none());
    let pids = hanging(&fake);
    drop(boot);
    assert!(!runs(&pids[0]), "it outlives the drop");
    wait_until("its child is gone", || !pids.iter().any(runs));
    fake.target(&[], "").boot().wait()?;
    Ok(())
}

#[test]
fn a_dropped_reset_leaves_the_board_off() -> Result<()> {
    let fake = FakeBoard::new();
    let reset = (
        "reset",
        fake.script(
            "reset",
            "[ ! -e ready ] || { sleep 600 & echo $! >pids; wait; }",
            "",
        ),
    );
    let board = fake.target(&[reset], "").boot().wait()?;
    fs::write(fake.path("ready"), "").unwrap();
    let mut operation = board.reset();
    assert!((&mut operation).now_or_never().is_none());
    hanging(&fake);
    drop(operation);
    assert!(!board.is_on().wait()?);
    let error = board.uart().expect("x").wait().unwrap_err().to_string();
    assert!(
        error.contains("reset() at tests/engines/tests/serial.rs:")
            && error.contains("was dropped before it was done"),
        "{error}"
    );
    fs::remove_file(fake.path("ready")).unwrap();
    board.power_on().wait()?;
    fake.send(b"back\r\n");
    board.uart().expect_line("back").wait()?;
    Ok(())
}

type Call = fn(&VirtualTarget) -> Operation<()>;

/// Returns the errors of a wait and of a reset on a board that is off.
fn reasons(board: &VirtualTarget) -> [String; 2] {
    let wait = board.uart().clone().expect("x").wait().unwrap_err();
    let reset = board.reset().wait().unwrap_err();
    [wait.kind().to_string(), reset.kind().to_string()]
}

/// Asserts that the board is off, and that a wait and a reset say why.
#[track_caller]
fn assert_off(board: &VirtualTarget, why: &str) -> Result<()> {
    assert!(!board.is_on().wait()?);
    for reason in reasons(board) {
        let why = format!(": the target is off: {why};");
        assert!(
            format!("{reason};").contains(&why),
            "{reason:?} without {why:?}"
        );
    }
    Ok(())
}

#[test]
fn a_wait_that_the_test_ends_says_which_call_did_it_and_where() -> Result<()> {
    let fake = FakeBoard::new();
    let commands = [
        recorded_command(&fake, "flash", "'{firmware}'"),
        recorded_command(&fake, "reset", ""),
    ];
    let board = fake.target(&commands, "").boot().wait()?;
    let image = sample("hello.elf");
    let calls = [
        (line!(), board.reset()),
        (line!(), board.flash(&image)),
        (line!(), board.power_cycle()),
        (line!(), board.power_cycle_with_wait(millis(1))),
        (line!(), board.power_off()),
    ];
    let off = calls[4].0;
    let texts = [
        "the target was restarted by reset() at HERE",
        "the target was restarted by flash() at HERE",
        "the target is off: power_cycle() at HERE turned it off, to turn it on again",
        "the target is off: power_cycle_with_wait() at HERE turned it off, to turn it on again",
        "the target is off: power_off() was called at HERE",
    ];
    for ((line, call), text) in calls.into_iter().zip(texts) {
        let mut wait = board.uart().clone().expect("never").within(secs(60));
        assert!((&mut wait).now_or_never().is_none());
        call.wait()?;
        let error = wait.wait().unwrap_err().to_string();
        let text = text.replace("HERE", &format!("{}:{line}", file!()));
        assert!(error.contains(&text), "{error} without {text}");
    }
    assert_off(
        &board,
        &format!("power_off() was called at {}:{off}", file!()),
    )
}

#[test]
fn a_power_cycle_that_is_dropped_before_it_begins_leaves_the_board_on() -> Result<()> {
    let fake = FakeBoard::new();
    let reset = fake.script(
        "reset",
        "touch begun; while [ ! -e go ]; do sleep 0.01; done",
        "",
    );
    fs::write(fake.path("go"), "").unwrap();
    let board = fake.target(&[("reset", reset)], "").boot().wait()?;

    drop(board.power_cycle());
    assert!(board.is_on().wait()?);

    fs::remove_file(fake.path("go")).unwrap();
    fs::remove_file(fake.path("begun")).unwrap();
    let mut reset = board.reset();
    assert!((&mut reset).now_or_never().is_none());
    wait_until("the reset has begun", || fake.path("begun").exists());
    let mut wait = board.uart().clone().expect("still on").within(secs(60));
    assert!((&mut wait).now_or_never().is_none());
    let mut cycle = board.power_cycle();
    assert!((&mut cycle).now_or_never().is_none()); // it waits for the reset
    drop(cycle);
    fs::write(fake.path("go"), "").unwrap();
    reset.wait()?;
    assert!(board.is_on().wait()?);
    fake.send(b"still on\r\n");
    wait.wait()?;
    Ok(())
}

#[test]
fn a_power_cycle_that_is_dropped_midway_is_why_the_board_is_off() -> Result<()> {
    let fake = FakeBoard::new();
    // Each hangs where the file of its name is.
    let commands = ["power_on", "power_off"].map(|name| {
        let script = format!("[ ! -e hang_{name} ] || {{ {HANGS}; }}");
        (name, fake.script(name, &script, ""))
    });
    let board = fake.target(&commands, "").boot().wait()?;
    let cycles: [(_, u32, Call); 3] = [
        (Some("power_off"), line!(), |it| it.power_cycle()),
        (None, line!(), |it| it.power_cycle_with_wait(secs(600))),
        (Some("power_on"), line!(), |it| it.power_cycle()),
    ];
    for (hanging_in, line, cycle) in cycles {
        board.power_on().wait()?;
        if let Some(name) = hanging_in {
            fs::write(fake.path(&format!("hang_{name}")), "").unwrap();
        }
        let mut cycle = cycle(&board);
        let wait = board.uart().clone().expect("never").within(secs(60));
        assert!((&mut cycle).now_or_never().is_none());
        let error = wait.wait().unwrap_err().to_string();
        assert!(
            error.contains("turned it off, to turn it on again"),
            "{error}"
        );
        if let Some(name) = hanging_in {
            hanging(&fake);
            fs::remove_file(fake.path(&format!("hang_{name}"))).unwrap();
        }
        drop(cycle);
        let name = match hanging_in {
            Some(_) => "power_cycle",
            None => "power_cycle_with_wait",
        };
        let at = format!("{}:{line}", file!());
        assert_off(
            &board,
            &format!("{name}() at {at} was dropped before it was done"),
        )?;
        let _ = fs::remove_file(fake.path("pids"));
    }
    Ok(())
}

#[test]
fn a_call_that_fails_is_why_the_board_is_off() -> Result<()> {
    let fake = FakeBoard::new();
    let commands =
        ["power_off", "reset"].map(|name| (name, fake.script(name, "[ ! -e fail ]", "")));
    let board = fake.target(&commands, "").boot().wait()?;
    let calls: [(_, u32, Call); 2] = [
        ("reset", line!(), |it| it.reset()),
        ("power_cycle", line!(), |it| it.power_cycle()),
    ];
    for (name, line, call) in calls {
        board.power_on().wait()?;
        fs::write(fake.path("fail"), "").unwrap();
        call(&board).wait().unwrap_err();
        fs::remove_file(fake.path("fail")).unwrap();
        assert_off(&board, &format!("{name}() at {}:{line} failed", file!()))?;
    }
    Ok(())
}

#[test]
fn a_dropped_power_off_ends_its_command() -> Result<()> {
    let fake = FakeBoard::new();
    let hangs = ("power_off", fake.script("power_off", HANGS, ""));
    let board = fake.target(&[hangs], "").boot().wait()?;
    let mut operation = board.power_off();
    assert!((&mut operation).now_or_never().is_none());
    let pids = hanging(&fake);
    drop(operation);
    wait_until("it is gone with its child", || !pids.iter().any(runs));
    assert!(!board.is_on().wait()?);
    Ok(())
}

#[test]
fn the_port_has_the_configured_speed() -> Result<()> {
    let fake = FakeBoard::new();
    for (field, speed) in [
        (None, 115_200),
        (Some("9600"), 9600),
        (Some("250000"), 250_000),
    ] {
        let baud = field.map(|baud: &str| ("baud", baud.to_owned()));
        let _board = fake.target(baud.as_slice(), "").boot().wait()?;
        let port = serial2::SerialPort::open(&fake.port, serial2::KeepSettings).unwrap();
        let settings = port.get_configuration().unwrap();
        assert_eq!(settings.get_baud_rate().unwrap(), speed);
    }
    Ok(())
}

#[test]
fn unsent_input_is_discarded_with_the_target() -> Result<()> {
    let fake = FakeBoard::new();
    let board = fake.target(&[], "").boot().wait()?;
    let much = board
        .uart()
        .send(vec![b'x'; 1 << 20])
        .within(millis(200))
        .wait();
    let much = much.unwrap_err().to_string();
    assert!(much.contains("its other end does not take it"), "{much}");
    drop(board);
    let board = fake.target(&[], "").boot().wait()?;
    board.uart().send("ping").wait()?;
    // All except the bytes at the other end: its line discipline holds 4 KiB, the way there 11 KiB.
    let mut old = 0;
    while fake.receive(1) == b"x" {
        old += 1;
    }
    assert_eq!(fake.receive(3), b"ing");
    assert!(old <= 4096, "{old} bytes for the last target");
    Ok(())
}

/// Run by [`kill_9_ends_the_commands`], which kills it.
#[test]
#[ignore = "run by kill_9_ends_the_commands"]
fn hangs_in_a_command() {
    let description = std::env::var_os("PLAYED").unwrap();
    VirtualTarget::from_yaml(description).boot().wait().unwrap();
}

#[test]
fn kill_9_ends_the_commands() {
    let fake = FakeBoard::new();
    let hangs = ("power_on", fake.script("power_on", HANGS, ""));
    drop(fake.target(&[hangs], ""));
    let mut subject = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "hangs_in_a_command"])
        .env("PLAYED", fake.path("board.yaml"))
        .env("VTARGET_ARTIFACTS", "never")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pids = hanging(&fake);
    subject.kill().unwrap();
    subject.wait().unwrap();
    wait_until("they are gone", || !pids.iter().any(runs));
    wait_until("nothing else is left", || {
        processes_with_tmpdir(&fake.path("board.yaml")).is_empty()
    });
    // The port is free again.
    fake.target(&[], "").boot().wait().unwrap();
}

#[test]
fn a_missing_program_fails_before_anything_starts() {
    let fake = FakeBoard::new();
    let power_on = recorded_command(&fake, "power_on", "x");
    for (program, part) in [
        ("no-such-flasher", "no no-such-flasher in PATH"),
        ("./no-such-flasher", "no-such-flasher does not exist"),
        ("./board.yaml", "is not executable"),
    ] {
        let flash = ("flash", format!("[{program}, '{{firmware}}']"));
        let error = fake
            .target(&[power_on.clone(), flash], "")
            .build()
            .unwrap_err()
            .to_string();
        assert!(error.contains("`serial: flash:` failed: `"), "{error}");
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn a_missing_port_fails_before_a_command_runs() {
    let fake = FakeBoard::new();
    let power_on = recorded_command(&fake, "power_on", "x");
    let file = fake.path("file");
    fs::write(&file, "").unwrap();
    for (port, part) in [
        (Path::new("/dev/no-such-port"), "is the board plugged in?"),
        (&file, "it is not a serial port"),
    ] {
        let text = format!(
            "backend: serial\nserial:\n  port: {}\n  power_on: {}\n",
            port.display(),
            power_on.1
        );
        let yaml = fake.path("other.yaml");
        fs::write(&yaml, text).unwrap();
        let error = VirtualTarget::from_yaml(yaml)
            .boot()
            .wait()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("cannot open the serial port {port:?}")),
            "{error}"
        );
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn a_port_is_for_one_target_at_a_time() -> Result<()> {
    let fake = FakeBoard::new();
    let power_on = recorded_command(&fake, "power_on", "x");
    let first = fake
        .target(std::slice::from_ref(&power_on), "")
        .boot()
        .wait()?;
    let alias = fake.path("alias");
    std::os::unix::fs::symlink(&fake.port, &alias).unwrap();
    let text = format!("backend: serial\nserial: {{port: {}}}\n", alias.display());
    let second = VirtualTarget::from_config(virtual_target::config::TargetConfig::from_yaml_str(
        &text, ".",
    )?);
    let second = second.build()?;
    let error = second.power_on().wait().unwrap_err().to_string();
    assert!(
        error.contains(&format!(
            "cannot open the serial port {alias:?} (`serial: port:`): it is in use"
        )),
        "{error}"
    );
    fake.send(b"still there\r\n");
    first.uart().expect_line("still there").wait()?;
    drop(first);
    second.power_on().wait()?;
    second.power_off().wait()?;
    for _ in 0..50 {
        drop(fake.target(&[], "").boot().wait()?); // free at once
    }
    Ok(())
}

#[test]
fn a_missing_command_does_not_change_the_board() -> Result<()> {
    let fake = FakeBoard::new();
    let board = fake.target(&[], "").boot().wait()?;
    let reset = board.reset().wait().unwrap_err().to_string();
    assert!(
        reset.contains("cannot be reset; add `reset: […]` to `serial:`"),
        "{reset}"
    );
    let flash = board
        .flash(sample("hello.elf"))
        .wait()
        .unwrap_err()
        .to_string();
    assert!(
        flash.contains("cannot be flashed with") && flash.contains("add `flash: […]`"),
        "{flash}"
    );
    assert!(board.is_on().wait()?);
    fake.send(b"untouched\r\n");
    board.uart().expect_line("untouched").wait()?;
    drop(board);
    let at_boot = fake
        .target(&[], "")
        .firmware(sample("hello.elf"))
        .boot()
        .wait();
    let at_boot = at_boot.unwrap_err().to_string();
    assert!(at_boot.contains("cannot be flashed with"), "{at_boot}");
    Ok(())
}

//! A real gdb that is attached to a board in the middle of a test.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use engine_tests::{in_virtual_time, on_each_engine, on_renode, shell_on};
use virtual_target::config::BackendKind;
use virtual_target::{Result, VirtualTarget, millis};

/// Set in the process whose board is debugged.
const DEBUGGED: &str = "VTARGET_TEST_DEBUGGED";

/// Runs a test of this file in a process of its own, and attaches gdb with `commands` as the
/// process says. Returns what gdb and the process have printed.
fn debugged(test: &str, variables: &[(&str, &str)], commands: &[&str]) -> (String, String) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DEBUGGED, "1")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map(Ended)
        .unwrap();
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let attach = loop {
        let line = lines.next().unwrap_or_else(|| panic!("{said}")).unwrap();
        said += &format!("{line}\n");
        if let Some(command) = line.strip_prefix("virtual-target:     ") {
            break command.to_owned();
        }
    };
    let commands: String = commands.iter().map(|it| format!(" -ex '{it}'")).collect();
    let gdb = Command::new("sh")
        .args(["-c", &format!("{attach} -nx -batch{commands}")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let gdb = [gdb.stdout, gdb.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    for line in lines {
        said += &format!("{}\n", line.unwrap());
    }
    assert!(
        child.0.wait().unwrap().success(),
        "{said}\n{}",
        gdb.concat()
    );
    (gdb.concat(), said)
}

/// A process that is killed if the test fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
    }
}

fn is_debugged() -> bool {
    env::var_os(DEBUGGED).is_some()
}

fn has_gdb() -> bool {
    let version = Command::new("gdb-multiarch").arg("--version").output();
    if version.is_err() {
        eprintln!("gdb-multiarch is missing: nothing is tested");
    }
    version.is_ok()
}

/// Returns the shell at its prompt.
fn shell(engine: BackendKind) -> Result<VirtualTarget> {
    let board = shell_on(engine).boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

const COMMANDS: [&str; 5] = [
    "backtrace",
    "break command_run",
    "print (int)received",
    "stepi",
    "detach",
];

on_each_engine! {
    fn gdb_looks_at_the_stopped_board_which_goes_on_when_gdb_detaches(engine) {
        if is_debugged() {
            let board = shell(engine)?;
            let received = board.read_symbol::<u32>("received").wait()?;
            board.gdb().wait()?;
            assert_eq!(board.read_symbol::<u32>("received").wait()?, received);
            board.uart().send_line("ping").wait()?;
            board.uart().expect_line("pong").wait()?;
            return Ok(());
        }
        if !has_gdb() {
            return Ok(());
        }
        let test = format!("gdb_looks_at_the_stopped_board_which_goes_on_when_gdb_detaches::{}", name(engine));
        let (gdb, said) = debugged(&test, &[], &COMMANDS);
        assert!(gdb.contains("in main ()"), "{gdb}\n{said}");
        assert!(gdb.contains("$1 = "), "{gdb}\n{said}");
        assert!(said.contains("is stopped for a debugger, at tests/engines/tests/debugger.rs:"), "{said}");
        let exposed = said.contains("Renode's own gdb server listens on every interface");
        assert_eq!(exposed, engine == BackendKind::Renode, "{said}");
        Ok(())
    }

    fn a_failed_wait_stops_for_gdb_where_the_variable_asks_for_it(engine) {
        if is_debugged() {
            let board = shell(engine)?;
            let failed = board.uart().expect("never").within(millis(100)).wait();
            assert!(failed.unwrap_err().to_string().contains("firmware: sleeps"));
            board.uart().send_line("ping").wait()?;
            board.uart().expect_line("pong").wait()?;
            return Ok(());
        }
        if !has_gdb() {
            return Ok(());
        }
        let test = format!("a_failed_wait_stops_for_gdb_where_the_variable_asks_for_it::{}", name(engine));
        // `quit` of a batch detaches.
        let (gdb, said) = debugged(&test, &[("VTARGET_GDB", "1")], &COMMANDS[..1]);
        assert!(gdb.contains("in main ()"), "{gdb}\n{said}");
        assert!(said.contains("because a wait has failed"), "{said}");
        assert!(said.contains("virtual-target: firmware: sleeps until an interrupt comes (WFI)"), "{said}");
        Ok(())
    }
}

fn name(engine: BackendKind) -> &'static str {
    match engine {
        BackendKind::Renode => "renode",
        _ => "qemu",
    }
}

on_renode! {
    fn gdb_runs_a_board_with_a_virtual_clock_which_stays_where_gdb_leaves_it() -> Result<()> {
        if is_debugged() {
            let board = in_virtual_time(|| shell(BackendKind::Renode))?;
            board.uart().send_line("uptime").wait()?;
            let before = board.metrics().wait()?;
            board.gdb().wait()?;
            let stopped = board.metrics().wait()?;
            assert!(stopped.virtual_time > before.virtual_time);
            // It has not run on: gdb has left it in the command.
            let frames = board.backtrace().wait()?;
            let is_there = |name: &str| frames.iter().any(|it| it.function.as_deref() == Some(name));
            assert!(is_there("command_run"), "{frames:?}");
            assert_eq!(board.metrics().wait()?.virtual_time, stopped.virtual_time);
            board.uart().expect_line("re:up .* ms").wait()?;
            board.uart().expect("> ").wait()?;
            return Ok(());
        }
        if !has_gdb() {
            return Ok(());
        }
        let test = "gdb_runs_a_board_with_a_virtual_clock_which_stays_where_gdb_leaves_it";
        let commands = ["break command_run", "continue", "detach"];
        let (gdb, said) = debugged(test, &[], &commands);
        assert!(gdb.contains("Breakpoint 1, 0x"), "{gdb}\n{said}");
        Ok(())
    }
}

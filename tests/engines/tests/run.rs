//! `reuse: run`: the processes of a run share its Renodes.
//!
//! The runner of each run here is a shell, which runs the program `reuse` several times.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use engine_tests::emulator_variant::{fake_renode, program, write_launcher};
use engine_tests::endings::KILLED;
use engine_tests::leftovers::{descendants, gone_within, processes_with_files_in};
use engine_tests::reuse::{MESSES, are_of_two_renodes, boards_before};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A run that is to be: its directories, and the Renode that it uses.
struct Run {
    tmp: tempfile::TempDir,
    launcher: tempfile::TempDir,
    /// The cue of the stand-in; `None` for a real Renode.
    cue: Option<&'static str>,
    /// The number of emulators that a process may have: with one, no second Renode is started.
    limit: u32,
}

impl Run {
    fn with_the_stand_in(cue: &'static str) -> Self {
        Self::of(Some(cue))
    }

    fn with_renode() -> Self {
        Self::of(None)
    }

    fn of(cue: Option<&'static str>) -> Self {
        let directory = || tempfile::tempdir().expect("a directory");
        Self {
            tmp: directory(),
            launcher: directory(),
            cue,
            limit: 1,
        }
    }

    /// Lets tests that follow one another closely have two Renodes in turn.
    fn with_two_in_turn(mut self) -> Self {
        self.limit = 2;
        self
    }

    /// Returns a runner that runs `reuse` with each of these arguments, which a variable may precede.
    fn runner(&self, processes: &[String]) -> Command {
        let script = r#"
            for arguments; do
                variable=
                case $arguments in *=*) variable=${arguments%% *} arguments=${arguments#* } ;; esac
                env $variable "$0" $arguments || echo "failed: $arguments"
            done"#;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .arg(program("reuse"))
            .args(processes)
            .env("NEXTEST_EXECUTION_MODE", "process-per-test")
            .env("VTARGET_REUSE", "run")
            .env("VTARGET_MAX_PARALLEL", self.limit.to_string())
            .env("TMPDIR", self.tmp.path());
        if let Some(cue) = self.cue {
            let renode = write_launcher(self.launcher.path(), &fake_renode(cue));
            command.env("VTARGET_RENODE", renode);
        }
        command
    }

    /// Runs `reuse` with each of these arguments, and returns what it prints. Nothing is left after
    /// the run.
    fn output(&self, processes: &[impl ToString]) -> String {
        let processes: Vec<_> = processes.iter().map(ToString::to_string).collect();
        let done = self.runner(&processes).output().expect("the runner runs");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(!text.contains("failed: "), "{text}{errors}");
        self.assert_gone(&processes_with_files_in(self.tmp.path()), &text);
        text
    }

    /// Returns the number of boards that each board's Renode had run before.
    fn boards_before(&self, processes: &[impl ToString]) -> Vec<u32> {
        boards_before(&self.output(processes))
    }

    /// Starts a run whose last process prints `state` and waits.
    fn start(&self, processes: &[&str], state: &str) -> Started {
        let processes: Vec<_> = processes.iter().map(ToString::to_string).collect();
        let mut runner = self
            .runner(&processes)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the runner runs");
        let mut output = BufReader::new(runner.stdout.take().expect("its output"));
        let mut line = String::new();
        while line.trim_end() != state {
            line.clear();
            let read = output.read_line(&mut line).expect("its output");
            assert_ne!(read, 0, "it ends before it is {state}");
        }
        if state == "parked" {
            self.wait_until_parked();
        }
        let processes = descendants(runner.id());
        let mut found = processes_with_files_in(self.tmp.path());
        found.extend(&processes);
        Started {
            stdin: runner.stdin.take(),
            output,
            test: *processes.first().expect("a test"),
            runner,
            found,
        }
    }

    /// Waits for the clearing of the last board, which goes on in the background.
    fn wait_until_parked(&self) {
        let since = Instant::now();
        let is_parked = |it: fs::DirEntry| it.path().join("parked").exists();
        while !fs::read_dir(self.tmp.path())
            .expect("TMPDIR")
            .flatten()
            .any(is_parked)
        {
            assert!(since.elapsed() < KILLED, "no Renode is parked");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn assert_gone(&self, processes: &BTreeSet<i32>, what: &str) {
        let gone = gone_within(KILLED, processes, self.tmp.path(), 0);
        gone.unwrap_or_else(|left| panic!("{what}: {left}"));
    }
}

/// A run whose last process waits.
struct Started {
    runner: Child,
    stdin: Option<ChildStdin>,
    /// What it prints from then on.
    output: BufReader<ChildStdout>,
    /// The process that waits.
    test: i32,
    /// All processes of the run but the runner.
    found: BTreeSet<i32>,
}

impl Started {
    /// Returns the keeper: the process that leads the group of a Renode.
    fn keeper(&self) -> i32 {
        let is_keeper = |pid: &&i32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let is_one = String::from_utf8_lossy(&command).contains("\0virtual-target-keeper\0");
            is_one && nix::unistd::getpgid(Some(Pid::from_raw(**pid))) == Ok(Pid::from_raw(**pid))
        };
        *self.found.iter().find(is_keeper).expect("a keeper")
    }
}

fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
}

#[test]
fn processes_of_a_run_share_a_renode() {
    for clock in ["realtime", "virtual"] {
        let run = Run::with_the_stand_in("");
        let suite = format!("suite 1 {clock}");
        assert_eq!(run.boards_before(&[&suite, &suite, &suite]), [0, 1, 2]);
    }
}

#[test]
fn processes_with_several_boards_share_a_renode() {
    let run = Run::with_the_stand_in("");
    let boards = run.boards_before(&["suite 2 realtime", "suite 2 realtime"]);
    assert_eq!(boards, [0, 1, 2, 3]);
}

#[test]
fn processes_that_follow_one_another_closely_have_two_renodes_in_turn() {
    for clock in ["realtime", "virtual"] {
        let run = Run::with_the_stand_in("").with_two_in_turn();
        // The second one has time to start.
        let before = run.boards_before(&vec![format!("suite 1 {clock}"); 80]);
        assert!(are_of_two_renodes(&before), "{clock}: {before:?}");
    }
}

#[test]
fn a_second_renode_that_does_not_start_is_done_without() {
    let once = format!("mkdir \"$0.ran\" || exit 3\n{}", fake_renode(""));
    let run = Run::with_the_stand_in("").with_two_in_turn();
    let mut runner = run.runner(&vec!["suite 1 realtime".to_owned(); 8]);
    write_launcher(run.launcher.path(), &once);
    let done = runner.output().expect("the runner runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(boards_before(&said), [0, 1, 2, 3, 4, 5, 6, 7], "{said}");
    run.assert_gone(&processes_with_files_in(run.tmp.path()), &said);
}

#[test]
fn a_renode_that_has_made_another_board_than_the_next_clears_it() {
    let run = Run::with_the_stand_in("");
    let before = run.boards_before(&["suite 1 realtime", "suite 1 virtual", "suite 2 realtime"]);
    assert_eq!(before, [0, 2, 4, 5]);
}

#[test]
fn an_exit_of_renode_after_another_board_is_told_at_once() {
    let run = Run::with_the_stand_in("kill@send");
    let processes = ["running virtual", "suite 1 realtime"].map(str::to_owned);
    let mut runner = run.runner(&processes);
    let done = runner.stdin(Stdio::null()).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("was killed by SIGKILL"), "{said}");
    assert!(said.contains("has run 2 boards before"), "{said}");
}

#[test]
fn two_runs_share_nothing() {
    let run = Run::with_the_stand_in("");
    assert_eq!(run.boards_before(&["suite 1 realtime"]), [0]);
    assert_eq!(run.boards_before(&["suite 1 realtime"]), [0]);
}

#[test]
fn a_temporary_directory_with_any_name_is_no_obstacle() {
    let mut run = Run::with_the_stand_in("");
    let named = tempfile::Builder::new().prefix("tm p;$'\"ü-").tempdir();
    run.tmp = named.expect("a directory");
    let suite = "suite 1 realtime";
    assert_eq!(run.boards_before(&[suite, suite]), [0, 1]);
}

#[test]
fn a_renode_that_fails_between_two_processes_is_not_used_again() {
    for cue in ["die@clear", "kill@clear", "hang@clear", "stop@clear"] {
        let run = Run::with_the_stand_in(cue);
        let suite = "suite 1 realtime";
        assert_eq!(run.boards_before(&[suite, suite]), [0, 0], "{cue}");
    }
}

#[test]
fn a_board_of_a_test_that_fails_is_not_given_back() {
    let run = Run::with_the_stand_in("");
    let said = run.output(&["fails realtime", "suite 1 realtime"]);
    assert_eq!(boards_before(&said), [0, 0], "{said}");
}

#[test]
fn a_board_that_needs_another_renode_takes_none_of_the_run() {
    let run = Run::with_the_stand_in("");
    let said = run.output(&["suite 1 realtime", "other realtime", "suite 1 realtime"]);
    // The one over telnet has no other board in its Renode.
    assert_eq!(boards_before(&said), [0, 1, 0, 2], "{said}");
}

#[test]
fn a_new_renode_takes_the_place_of_one_in_another_environment() {
    let run = Run::with_the_stand_in("");
    let suite = "suite 1 realtime";
    let said = run.output(&[suite, "LC_VTARGET=other suite 1 realtime", suite]);
    assert_eq!(boards_before(&said), [0, 0, 0], "{said}");
}

/// The processes to kill by SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Test,
    Runner,
    RunnerAndTest,
    Keeper,
    KeeperAndTest,
}

/// Kills a process of a run with a board, or with a Renode that waits for one; nothing is left.
fn end_by_kill(run: &Run, clock: &str, state: &str, victim: Victim) {
    let what = format!("{clock}, {state}, {victim:?}");
    let mut started = run.start(&[&format!("{state} {clock}")], state);
    let keeper = started.keeper();
    if matches!(victim, Victim::Keeper | Victim::KeeperAndTest) {
        kill_hard(keeper);
    }
    if matches!(victim, Victim::Runner | Victim::RunnerAndTest) {
        started.runner.kill().expect("it runs");
    }
    if matches!(
        victim,
        Victim::Test | Victim::RunnerAndTest | Victim::KeeperAndTest
    ) {
        kill_hard(started.test);
    }
    drop(started.stdin.take());
    started.runner.wait().expect("it ends");
    run.assert_gone(&started.found, &what);
}

const VICTIMS: [Victim; 5] = [
    Victim::Test,
    Victim::Runner,
    Victim::RunnerAndTest,
    Victim::Keeper,
    Victim::KeeperAndTest,
];

#[test]
fn nothing_outlives_a_run_in_which_a_process_is_killed() {
    for state in ["running", "parked"] {
        for victim in VICTIMS {
            end_by_kill(&Run::with_the_stand_in(""), "realtime", state, victim);
        }
    }
}

#[test]
fn a_killed_keeper_ends_a_renode_that_waits_at_once() {
    let run = Run::with_the_stand_in("");
    let mut started = run.start(&["parked realtime"], "parked");
    kill_hard(started.keeper());
    let since = Instant::now();
    while fs::read_dir(run.tmp.path()).expect("TMPDIR").count() > 0 {
        assert!(since.elapsed() < KILLED, "its directory is left");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(started.stdin.take());
    started.runner.wait().expect("it ends");
}

#[test]
fn a_renode_that_waits_is_left_when_its_test_is_killed() {
    let run = Run::with_the_stand_in("");
    let mut started = run.start(&["parked realtime", "suite 1 realtime"], "parked");
    kill_hard(started.test);
    let mut said = String::new();
    started
        .output
        .read_to_string(&mut said)
        .expect("its output");
    assert_eq!(boards_before(&said), [2], "{said}");
    started.runner.wait().expect("it ends");
    run.assert_gone(&started.found, "parked");
}

macro_rules! on_renode {
    ($(#[$more:meta])* fn $name:ident() $body:block) => {
        #[test]
        $(#[$more])*
        #[cfg_attr(
            not(renode),
            ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
        )]
        fn $name() $body
    };
}

on_renode! {
    fn processes_of_a_run_share_a_real_renode() {
        for clock in ["realtime", "virtual"] {
            let run = Run::with_renode();
            let suite = format!("suite 1 {clock}");
            assert_eq!(run.boards_before(&[&suite, &suite, &suite]), [0, 1, 2], "{clock}");
        }
    }
}

on_renode! {
    fn boards_with_different_clocks_share_a_real_renode() {
        let run = Run::with_renode();
        let clocks = ["virtual", "realtime", "virtual", "realtime", "realtime"];
        let suites = clocks.map(|clock| format!("suite 1 {clock}"));
        assert_eq!(run.boards_before(&suites), [0, 2, 4, 6, 7]);
    }
}

on_renode! {
    fn nothing_outlives_a_run_with_a_real_renode() {
        for (clock, state, victim) in [
            ("realtime", "running", Victim::RunnerAndTest),
            ("virtual", "running", Victim::Keeper),
            ("realtime", "parked", Victim::Keeper),
            ("virtual", "parked", Victim::Runner),
        ] {
            end_by_kill(&Run::with_renode(), clock, state, victim);
        }
    }
}

on_renode! {
    fn the_board_of_the_second_process_is_as_a_new_one() {
        messes("realtime", &[4, 5, 6]);
    }
}

on_renode! {
    fn the_board_of_the_second_process_is_as_a_new_one_in_virtual_time() {
        messes("virtual", &[4, 5, 6]);
    }
}

#[test]
#[cfg_attr(
    not(all(soak, renode)),
    ignore = "takes minutes, with a real Renode: make soak"
)]
fn soak_of_boards_of_several_processes() {
    let all: Vec<usize> = (0..MESSES.len()).collect();
    messes("realtime", &all);
    messes("virtual", &all);
}

/// Makes each mess in a process of its own, and compares the board of the next process with a new
/// one.
fn messes(clock: &str, messes: &[usize]) {
    let portrait = format!("portrait {clock}");
    let new = Run::with_renode().output(&[&portrait]);
    assert_eq!(boards_before(&new), [0]);
    for mess in messes {
        let (name, is_used_again, _) = MESSES[*mess];
        let mess = format!("mess {mess} {clock}");
        let said = Run::with_renode().output(&[&mess, &portrait]);
        assert_eq!(boards_before(&said) == [1], is_used_again, "after {name}");
        let seen = said
            .lines()
            .filter(|line| !line.contains("boards before: "));
        let expected = new.lines().filter(|line| !line.contains("boards before: "));
        assert_eq!(
            seen.collect::<Vec<_>>(),
            expected.collect::<Vec<_>>(),
            "after {name}"
        );
    }
}

//! `reuse: process`: the boards of one process share its Renodes.
//!
//! nextest runs each test in a process of its own, where nothing is shared, so the boards here are
//! those of a program, `reuse`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use engine_tests::emulator_variant::{fake_renode, program, write_launcher};
use engine_tests::endings::KILLED;
use engine_tests::leftovers::{descendants, gone_within};
use engine_tests::reuse::{are_of_two_renodes, boards_before};

/// Returns the command that runs `reuse`, whose files are in `tmp`.
fn reuse(arguments: &str, tmp: &Path) -> Command {
    let mut command = Command::new(program("reuse"));
    command
        .args(arguments.split(' '))
        .env_remove("NEXTEST_EXECUTION_MODE")
        .env("VTARGET_REUSE", "process")
        .env("TMPDIR", tmp);
    command
}

/// Runs `reuse` to its end, and returns its output. Nothing of it is left.
fn output(command: &mut Command) -> String {
    let tmp = command
        .get_envs()
        .find_map(|(name, value)| match name == "TMPDIR" {
            true => value.map(Path::new).map(Path::to_owned),
            false => None,
        });
    let done = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{text}{errors}");
    let left = std::fs::read_dir(tmp.expect("its TMPDIR")).expect("TMPDIR");
    assert_eq!(left.count(), 0, "{text}{errors}");
    text
}

mod with_the_stand_in {
    use super::*;

    /// Returns the output of `reuse` with the stand-in, which has this cue, and more variables.
    fn output_with(cue: &str, arguments: &str, variables: &[(&str, &str)]) -> String {
        let tmp = tempfile::tempdir().expect("a directory");
        let launcher = tempfile::tempdir().expect("a directory");
        let renode = write_launcher(launcher.path(), &fake_renode(cue));
        let mut command = reuse(arguments, tmp.path());
        command.env("VTARGET_RENODE", renode);
        output(command.envs(variables.iter().copied()))
    }

    fn boards_with(cue: &str, arguments: &str, variables: &[(&str, &str)]) -> Vec<u32> {
        boards_before(&output_with(cue, arguments, variables))
    }

    #[test]
    fn boards_that_follow_one_another_share_two_renodes() {
        for clock in ["realtime", "virtual"] {
            let before = boards_with("", &format!("suite 8 {clock}"), &[]);
            assert!(are_of_two_renodes(&before), "{clock}: {before:?}");
        }
    }

    #[test]
    fn a_second_renode_that_does_not_start_is_done_without() {
        for clock in ["realtime", "virtual"] {
            let tmp = tempfile::tempdir().expect("a directory");
            let launcher = tempfile::tempdir().expect("a directory");
            let once = format!("mkdir \"$0.ran\" || exit 3\n{}", fake_renode(""));
            let renode = write_launcher(launcher.path(), &once);
            let mut command = reuse(&format!("suite 4 {clock}"), tmp.path());
            let said = output(command.env("VTARGET_RENODE", renode));
            assert_eq!(boards_before(&said), [0, 1, 2, 3], "{clock}: {said}");
        }
    }

    #[test]
    fn a_renode_that_fails_between_two_boards_is_not_used_again() {
        for kind in ["die", "kill", "hang", "close", "garbage", "stop"] {
            for step in ["clear", "registers"] {
                let cue = format!("{kind}@{step}");
                let before = boards_with(&cue, "suite 2 realtime", &[]);
                // A boot that waits takes a Renode that is only cleared: its registers are not read.
                let new = before == [0, 0] || step == "registers" && before == [0, 1];
                assert!(new, "{cue}: {before:?}");
            }
        }
    }

    #[test]
    fn nothing_is_shared_where_each_test_is_a_process() {
        let nextest = [("NEXTEST_EXECUTION_MODE", "process-per-test")];
        assert_eq!(boards_with("", "suite 2 realtime", &nextest), [0, 0]);
    }

    #[test]
    fn off_starts_a_renode_for_each_board() {
        let off = [("VTARGET_REUSE", "off")];
        assert_eq!(boards_with("", "suite 2 realtime", &off), [0, 0]);
    }

    #[test]
    fn one_board_at_a_time_uses_the_same_renode() {
        let one = [("VTARGET_MAX_PARALLEL", "1")];
        assert_eq!(boards_with("", "suite 3 realtime", &one), [0, 1, 2]);
    }

    #[test]
    fn a_board_that_cannot_use_a_parked_renode_takes_its_place() {
        let one = [("VTARGET_MAX_PARALLEL", "1")];
        let said = output_with("", "other realtime", &one);
        assert_eq!(boards_before(&said), [0, 0]);
        assert!(said.ends_with("emulators: 1\n"), "{said}");
    }

    #[test]
    fn an_error_names_the_boards_before() {
        let said = output_with("", "fails realtime", &[]);
        let note =
            "its emulator has run 1 board before; VTARGET_REUSE=off starts one for each board";
        assert!(said.contains(note), "{said}");
    }
}

/// Starts `reuse parked`, and returns it with its descendants once a Renode is parked.
fn parked(tmp: &Path, clock: &str) -> (Child, BTreeSet<i32>) {
    let mut child = reuse(&format!("parked {clock}"), tmp)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut lines = lines.map(|line| line.expect("a line"));
    assert!(lines.any(|line| line == "parked"));
    let found = descendants(child.id());
    assert!(found.len() > 1, "{found:?}");
    (child, found)
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_parked_renode_ends_with_the_process() {
    for clock in ["realtime", "virtual"] {
        for kill in [false, true] {
            let tmp = tempfile::tempdir().expect("a directory");
            let (mut child, found) = parked(tmp.path(), clock);
            let owner = child.id().cast_signed();
            match kill {
                true => child.kill().expect("it runs"),
                false => drop(child.stdin.take()),
            }
            let status = child.wait().expect("it ends");
            assert_eq!(status.success(), !kill);
            let gone = gone_within(KILLED, &found, tmp.path(), owner);
            gone.unwrap_or_else(|left| panic!("{clock}, killed: {kill}: {left}"));
        }
    }
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn boards_that_follow_one_another_share_two_renodes() {
    for clock in ["realtime", "virtual"] {
        let tmp = tempfile::tempdir().expect("a directory");
        let said = output(&mut reuse(&format!("suite 20 {clock}"), tmp.path()));
        let before = boards_before(&said);
        assert!(are_of_two_renodes(&before), "{clock}: {said}");
    }
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_board_in_a_renode_that_ran_others_is_as_a_new_one() {
    messes(1, "realtime");
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_board_in_a_renode_that_ran_others_is_as_a_new_one_in_virtual_time() {
    messes(1, "virtual");
}

#[test]
#[cfg_attr(
    not(all(soak, renode)),
    ignore = "takes half an hour, with a real Renode: make soak"
)]
fn soak_of_boards_in_renodes_that_ran_others() {
    messes(11, "realtime");
    messes(11, "virtual");
}

/// Makes each mess `rounds` times, and compares the board after each with a new one.
fn messes(rounds: u32, clock: &str) {
    let tmp = tempfile::tempdir().expect("a directory");
    output(&mut reuse(
        &format!("messes 1 {rounds} {clock}"),
        tmp.path(),
    ));
}

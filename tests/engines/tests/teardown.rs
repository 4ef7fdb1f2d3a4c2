//! However a test process ends, it leaves nothing: no emulator, no helper, no file.
//!
//! The endings, and the check of each, are in `engine_tests::endings`.

use std::process::{Command, Stdio};
use std::time::Duration;

use engine_tests::emulator_variant::{self, EmulatorVariant, FAKES};
use engine_tests::endings::{self, ENDINGS, Ending, Subject, Way};
use engine_tests::leftovers;
use nix::sys::signal::Signal;

/// Runs the endings that `chosen` selects; reports all failures in one message.
fn table(variant: EmulatorVariant, chosen: impl Fn(&Ending) -> bool) {
    let mut failed = Vec::new();
    for ending in ENDINGS.into_iter().filter(chosen) {
        if let Err(error) = endings::run(variant, ending) {
            failed.push(format!("{}: {error}", ending.name));
        }
    }
    assert!(
        failed.is_empty(),
        "{}:\n{}",
        variant.name(),
        failed.join("\n")
    );
}

/// Selects the endings whose cleanup differs most.
fn slice(ending: &Ending) -> bool {
    let slice = ["return", "panic", "drop-boot", "busy", "fork-wait"];
    slice.contains(&ending.state)
}

/// Selects the endings that [`slice`] omits; the two together are the whole table.
fn rest(ending: &Ending) -> bool {
    !slice(ending)
}

#[test]
fn endings_with_the_stand_in() {
    table(FAKES[0], |_| true);
}

#[test]
fn endings_behind_a_launcher_that_does_not_exec() {
    table(FAKES[1], slice);
}

#[test]
fn endings_behind_a_launcher_with_children() {
    table(FAKES[2], slice);
}

#[test]
fn endings_behind_a_launcher_that_ignores_sigterm() {
    table(FAKES[3], slice);
}

#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_endings_behind_launchers() {
    for variant in &FAKES[1..] {
        table(*variant, rest);
    }
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn endings_on_qemu() {
    table(EmulatorVariant::Qemu, |_| true);
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn endings_on_renode() {
    table(EmulatorVariant::Renode, |ending| {
        ["busy", "return"].contains(&ending.state)
    });
}

/// The end of its input does not end Renode then: only the helper does.
#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn endings_on_renode_over_telnet() {
    let states = ["wait", "busy", "return", "command"];
    table(EmulatorVariant::RenodeOverTelnet, |ending| {
        let killed = ending.way == Way::Signal(Signal::SIGKILL);
        states.contains(&ending.state) && (killed || ending.state == "return")
    });
}

#[cfg(renode)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_endings_on_renode() {
    table(EmulatorVariant::Renode, |_| true);
}

/// As with `nohup`: child processes inherit ignored signals.
#[test]
fn signals_end_a_subject_of_a_test_that_ignores_them() {
    const IGNORED: &str = "IGNORES_SIGNALS";
    if std::env::var_os(IGNORED).is_some() {
        let signals = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];
        return table(FAKES[0], |ending| {
            ending.state == "wait" && signals.map(Way::Signal).contains(&ending.way)
        });
    }
    let test = "signals_end_a_subject_of_a_test_that_ignores_them";
    let ran = Command::new("/bin/sh")
        .args(["-c", "trap '' HUP INT TERM; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(IGNORED, "")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}");
}

/// Runs a subject that boots and returns in a working directory that was removed.
fn returns_in_a_removed_directory(variant: EmulatorVariant) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .args([
            "-c",
            "here=$(mktemp -d) && cd \"$here\" && rmdir \"$here\" && exec \"$0\" \"$@\"",
        ])
        .arg(emulator_variant::program("subject"))
        .args([variant.engine(), "return"])
        .stdin(Stdio::null());
    variant.configure(&mut command, directory.path());
    let ended = command.output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}: {told}", variant.name());
}

/// A program asks for its working directory when it starts: mono, .NET, and `pwd`.
#[test]
fn an_emulator_starts_in_a_removed_directory() {
    let asks = "/bin/pwd >/dev/null || exit 1; exec \"$FAKE\" \"$@\"";
    returns_in_a_removed_directory(EmulatorVariant::Fake(asks));
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn renode_starts_in_a_removed_directory() {
    returns_in_a_removed_directory(EmulatorVariant::Renode);
}

/// Sends `kill -9` to processes that boot boards, one after the other, at `moments`.
fn killed_at(variant: EmulatorVariant, moments: impl IntoIterator<Item = u64>) {
    for moment in moments {
        let mut subject = Subject::start(variant, "boot");
        subject.ready().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        let ended = subject.ends(Way::Signal(Signal::SIGKILL));
        if let Err(error) = ended {
            panic!("{}, killed after {moment} ms: {error}", variant.name());
        }
    }
}

/// Times from before the start of the helper to after the greeting.
const MOMENTS: [u64; 12] = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 500];

/// Returns random times; a failure's message contains the time, so that it can be repeated.
fn random_moments(count: usize, below: u64) -> impl Iterator<Item = u64> {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new();
    (0..count).map(move |index| random.hash_one(index) % below)
}

#[test]
fn kill_9_at_any_moment_with_the_stand_in() {
    killed_at(FAKES[1], MOMENTS);
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn kill_9_at_any_moment_on_qemu() {
    killed_at(EmulatorVariant::Qemu, MOMENTS);
}

#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_kill_9_at_random_moments_with_the_stand_in() {
    killed_at(FAKES[0], random_moments(100, 300));
}

#[cfg(qemu)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_kill_9_at_random_moments_on_qemu() {
    killed_at(EmulatorVariant::Qemu, random_moments(100, 300));
}

#[cfg(renode)]
#[test]
#[cfg_attr(not(soak), ignore = "long: make soak")]
fn soak_kill_9_at_random_moments_on_renode() {
    killed_at(EmulatorVariant::Renode, random_moments(100, 4000));
}

/// Runs tests of this file under libtest, as `cargo test` would.
fn libtest(filter: &str) -> (std::process::Output, tempfile::TempDir, u32) {
    let tmp = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--test-threads", "4", filter])
        .env("TMPDIR", tmp.path())
        .env("VTARGET_RENODE", emulator_variant::program("fake-renode"))
        .env(subject::CALLED, "")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    (child.wait_with_output().unwrap(), tmp, pid)
}

/// Runs tests as [`libtest`] does; asserts that nothing is left, and returns the output.
fn libtest_leaves_nothing(filter: &str) -> String {
    let (output, tmp, pid) = libtest(filter);
    let family = leftovers::processes_with_tmpdir(tmp.path());
    leftovers::gone_within(endings::KILLED, &family, tmp.path(), pid.cast_signed()).unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn rstest_timeout_ends_a_test_and_leaves_nothing() {
    let said = libtest_leaves_nothing("subject::hangs");
    assert!(said.contains("2 failed"), "{said}");
}

#[test]
fn libtest_in_parallel_leaves_nothing() {
    let said = libtest_leaves_nothing("subject::parallel");
    assert!(said.contains("2 passed; 2 failed"), "{said}");
}

/// Tests that run only as subprocesses of other tests of this file.
mod subject {
    use std::time::Duration;

    use engine_tests::shell_on;
    use virtual_target::config::BackendKind;
    use virtual_target::{Result, VirtualTarget, secs};

    /// Set by those tests. `cargo test -- --ignored` runs these as well; without it they do nothing.
    pub const CALLED: &str = "VTARGET_TEST_VICTIMS";

    fn called() -> bool {
        std::env::var_os(CALLED).is_some()
    }

    fn board() -> Result<VirtualTarget> {
        let board = shell_on(BackendKind::Renode).boot().wait()?;
        board.uart().expect("> ").wait()?;
        Ok(board)
    }

    #[rstest::rstest]
    #[timeout(Duration::from_millis(500))]
    #[ignore = "run by rstest_timeout_ends_a_test_and_leaves_nothing"]
    fn hangs_plainly() {
        if !called() {
            return;
        }
        let board = board().unwrap();
        board
            .uart()
            .expect("never")
            .within(secs(600))
            .wait()
            .unwrap();
    }

    #[rstest::rstest]
    #[timeout(Duration::from_millis(500))]
    #[tokio::test]
    #[ignore = "run by rstest_timeout_ends_a_test_and_leaves_nothing"]
    async fn hangs_in_a_runtime() {
        if !called() {
            return;
        }
        let board = board().unwrap();
        board
            .uart()
            .expect("never")
            .within(secs(600))
            .await
            .unwrap();
    }

    #[test]
    #[ignore = "run by libtest_in_parallel_leaves_nothing"]
    fn parallel_passes() {
        if !called() {
            return;
        }
        board().unwrap();
    }

    #[test]
    #[ignore = "run by libtest_in_parallel_leaves_nothing"]
    fn parallel_panics() {
        if !called() {
            return;
        }
        let _board = board().unwrap();
        panic!("as asked");
    }

    #[test]
    #[ignore = "run by libtest_in_parallel_leaves_nothing"]
    fn parallel_returns_an_error() -> Result<()> {
        if !called() {
            return Ok(());
        }
        board()?
            .uart()
            .expect("never")
            .within(secs(0))
            .wait()
            .map(drop)
    }

    #[test]
    #[ignore = "run by libtest_in_parallel_leaves_nothing"]
    fn parallel_leaks() {
        if !called() {
            return;
        }
        std::mem::forget(board().unwrap());
    }
}

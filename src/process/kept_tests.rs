//! Tests of processes that outlive their owner.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::keeper::{Keeper, KeptProgram, Streams, unread, write_to};
use super::run::Run;
use super::{PrivateDir, Process, Supervisor};

/// A process that has begun to run, and everything around it.
struct Kept {
    directory: tempfile::TempDir,
    run: Run,
    supervisor: Supervisor,
    private: Arc<PrivateDir>,
    process: Arc<Process>,
    streams: Streams,
}

/// Starts a shell that runs `script`, and waits until it does.
fn start(script: &str) -> Kept {
    let kept = spawn(&format!("echo; {script}"));
    let mut output = [PollFd::new(kept.streams.stdout.as_fd(), PollFlags::POLLIN)];
    poll(&mut output, PollTimeout::NONE).unwrap();
    kept
}

fn spawn(script: &str) -> Kept {
    let directory = tempfile::tempdir().unwrap();
    let run = Run {
        parent: directory.path().to_owned(),
        ..Run::current().unwrap()
    };
    let supervisor = Supervisor::new();
    let private = supervisor.kept_dir(&run).unwrap();
    let kept = KeptProgram {
        program: "/bin/sh".into(),
        args: ["-c", script].map(Into::into).into(),
        env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
    };
    let keeper = Keeper::new(&run, private.path(), kept).unwrap();
    let process = Process::spawn_kept(keeper.launch, keeper.guard).unwrap();
    Kept {
        directory,
        run,
        supervisor,
        private,
        process: Arc::new(process),
        streams: keeper.streams,
    }
}

impl Kept {
    fn park(&self) {
        self.park_for(60);
    }

    fn park_for(&self, longest_idle: u32) {
        let parked = self
            .supervisor
            .park(&self.run, &self.process, &self.private, longest_idle);
        assert!(parked.unwrap());
    }

    fn assert_gone(&self) {
        let left = || fs::read_dir(self.directory.path()).unwrap().count();
        assert!(within_10_s(|| left() == 0), "{} are left", left());
    }
}

fn within_10_s(is_so: impl Fn() -> bool) -> bool {
    (0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        is_so()
    })
}

async fn exit(process: &Process) -> String {
    process.exited().await.to_string()
}

#[tokio::test]
async fn the_exit_of_a_kept_process_is_its_own() {
    for (script, expected) in [
        ("exit 7", "exited with status 7"),
        ("kill -SEGV $$", "was killed by SIGSEGV"),
        ("kill -KILL 0", "was killed by SIGKILL"),
    ] {
        let first = start(&format!("read -r line; {script}"));
        first.park();
        let [parked] = &first.run.parked()[..] else {
            panic!("one is parked");
        };
        let heir = Supervisor::new();
        let adopted = heir.adopt(&parked.directory).unwrap().unwrap();
        assert!(first.run.parked().is_empty());
        drop(first.streams);
        let mut stdin = fs::File::from(adopted.streams.stdin);
        stdin.write_all(b"go\n").unwrap();
        assert_eq!(exit(&adopted.process).await, expected);
    }
}

#[tokio::test]
async fn what_a_kept_process_writes_without_an_owner_is_for_its_heir() {
    let first = start("read -r line; echo \"$line\"; read -r line; echo \"$line\"; sleep 600");
    let directory = first.private.path().to_owned();
    // Nobody reads but the owner.
    let mut start = [0];
    let mut stdout = fs::File::from(first.streams.stdout.try_clone().unwrap());
    stdout.read_exact(&mut start).unwrap();
    write_to(&directory, "early\n").unwrap();
    first.park();
    drop((first.streams, stdout));
    let written = || unread(&directory).unwrap();
    assert!(within_10_s(|| written() == b"early\n"), "{:?}", written());
    let heir = Supervisor::new();
    let adopted = heir.adopt(&directory).unwrap().unwrap();
    assert!(
        within_10_s(|| adopted.process.exit().is_none()),
        "it has not ended"
    );
    let mut stdin = fs::File::from(adopted.streams.stdin);
    stdin.write_all(b"late\n").unwrap();
    assert!(
        within_10_s(|| written() == b"early\nlate\n"),
        "{:?}",
        written()
    );
}

#[tokio::test]
async fn a_kept_process_may_be_parked_as_soon_as_it_is_started() {
    for _ in 0..20 {
        let kept = spawn("read -r line; echo \"$line\"; sleep 600");
        kept.park();
        let private = &kept.private;
        write_to(private.path(), "here\n").unwrap();
        drop(kept.streams);
        let written = || unread(private.path()).unwrap_or_default();
        assert!(within_10_s(|| written() == b"here\n"), "it was ended");
        assert!(kept.supervisor.adopt(private.path()).unwrap().is_some());
    }
}

#[tokio::test]
async fn an_heir_ends_a_kept_process() {
    let first = start("sleep 600 & wait");
    first.park();
    let heir = Supervisor::new();
    let adopted = heir
        .adopt(&first.run.parked()[0].directory)
        .unwrap()
        .unwrap();
    heir.release();
    assert_eq!(exit(&adopted.process).await, "was killed by SIGKILL");
    exit(&first.process).await;
    first.assert_gone();
}

#[tokio::test]
async fn only_one_process_takes_a_kept_process() {
    let first = start("sleep 600");
    first.park();
    let parked = first.run.parked();
    let heir = Supervisor::new();
    assert!(heir.adopt(&parked[0].directory).unwrap().is_some());
    assert!(heir.adopt(&parked[0].directory).unwrap().is_none());
}

#[tokio::test]
async fn a_kept_process_without_an_owner_ends_after_its_time() {
    let first = start("sleep 600");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(first.process.exit(), None, "it has an owner");
    first.park_for(1);
    exit(&first.process).await;
    first.assert_gone();
    assert!(
        Supervisor::new()
            .adopt(first.private.path())
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_time_of_a_kept_process_begins_anew_when_it_is_parked_again() {
    let Kept {
        directory: _parent,
        run,
        mut supervisor,
        private,
        process: first,
        streams: _streams,
    } = start("sleep 600");
    let directory = private.path().to_owned();
    let (mut process, mut private) = (Arc::clone(&first), private);
    for _ in 0..12 {
        assert!(supervisor.park(&run, &process, &private, 2).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(400));
        supervisor = Supervisor::new();
        let adopted = supervisor.adopt(&directory).unwrap();
        let adopted = adopted.expect("it has waited for less than two seconds each time");
        (process, private) = (adopted.process, adopted.directory);
    }
    supervisor.release();
    exit(&first).await;
}

#[tokio::test]
async fn the_end_of_a_run_ends_its_kept_processes() {
    let mut runner = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let mut first = start("sleep 600");
    let over = runner.id().cast_signed();
    first.run.runner = over;
    first.run.began = super::run::began(over).unwrap();
    assert!(!first.run.is_over());
    runner.kill().unwrap();
    runner.wait().unwrap();
    let parked = first
        .supervisor
        .park(&first.run, &first.process, &first.private, 60);
    assert!(!parked.unwrap(), "its run is over");
}

#[tokio::test]
async fn a_kept_process_whose_directory_is_removed_ends() {
    let first = start("sleep 600");
    first.park();
    fs::remove_dir_all(first.private.path()).unwrap();
    exit(&first.process).await;
}

//! Tests of processes that outlive their owner.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::keeper::{Keeper, KeptProgram, Streams};
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

/// Starts a shell that runs `script`, whose keeper ends it after `longest_idle` seconds.
fn start(script: &str, longest_idle: u32) -> Kept {
    let directory = tempfile::tempdir().unwrap();
    let run = Run {
        parent: directory.path().to_owned(),
        ..Run::current().unwrap()
    };
    let supervisor = Supervisor::new();
    let private = supervisor.kept_dir(&run).unwrap();
    let kept = KeptProgram {
        program: "/bin/sh".into(),
        args: ["-c", &format!("echo; {script}")].map(Into::into).into(),
        env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
    };
    let keeper = Keeper::new(&run, longest_idle, private.path(), kept).unwrap();
    let process = Process::spawn_kept(keeper.launch, keeper.guard).unwrap();
    let streams = keeper.streams;
    let mut output = [PollFd::new(streams.stdout.as_fd(), PollFlags::POLLIN)];
    poll(&mut output, PollTimeout::NONE).unwrap();
    Kept {
        directory,
        run,
        supervisor,
        private,
        process: Arc::new(process),
        streams,
    }
}

impl Kept {
    fn park(&self) {
        let parked = self
            .supervisor
            .park(&self.run, &self.process, &self.private);
        assert!(parked.unwrap());
    }

    /// Waits until nothing is left, at most 10 s.
    fn assert_gone(&self) {
        let left = || fs::read_dir(self.directory.path()).unwrap().count();
        for _ in 0..1000 {
            if left() == 0 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{} directories are left", left());
    }
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
        let first = start(&format!("read -r line; {script}"), 60);
        first.park();
        let [parked] = &first.run.parked()[..] else {
            panic!("one is parked");
        };
        let heir = Supervisor::new();
        let adopted = heir.adopt(parked).unwrap().unwrap();
        assert!(first.run.parked().is_empty());
        drop(first.streams);
        let mut stdin = fs::File::from(adopted.streams.stdin);
        std::io::Write::write_all(&mut stdin, b"go\n").unwrap();
        assert_eq!(exit(&adopted.process).await, expected);
    }
}

#[tokio::test]
async fn an_heir_ends_a_kept_process() {
    let first = start("sleep 600 & wait", 60);
    first.park();
    let heir = Supervisor::new();
    let adopted = heir.adopt(&first.run.parked()[0]).unwrap().unwrap();
    heir.release();
    assert_eq!(exit(&adopted.process).await, "was killed by SIGKILL");
    exit(&first.process).await;
    first.assert_gone();
}

#[tokio::test]
async fn only_one_process_takes_a_kept_process() {
    let first = start("sleep 600", 60);
    first.park();
    let parked = first.run.parked();
    let heir = Supervisor::new();
    assert!(heir.adopt(&parked[0]).unwrap().is_some());
    assert!(heir.adopt(&parked[0]).unwrap().is_none());
}

#[tokio::test]
async fn a_kept_process_without_an_owner_ends_after_its_time() {
    let first = start("sleep 600", 1);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(first.process.exit(), None, "it has an owner");
    first.park();
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
async fn the_end_of_a_run_ends_its_kept_processes() {
    let mut runner = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let mut first = start("sleep 600", 60);
    let over = runner.id().cast_signed();
    first.run.runner = over;
    first.run.began = super::run::began(over).unwrap();
    assert!(!first.run.is_over());
    runner.kill().unwrap();
    runner.wait().unwrap();
    let parked = first
        .supervisor
        .park(&first.run, &first.process, &first.private);
    assert!(!parked.unwrap(), "its run is over");
}

#[tokio::test]
async fn a_kept_process_whose_directory_is_removed_ends() {
    let first = start("sleep 600", 60);
    first.park();
    fs::remove_dir_all(first.private.path()).unwrap();
    exit(&first.process).await;
}

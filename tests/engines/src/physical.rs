//! A physical board for the tests: a [fake_board](../bin/fake_board.rs) per test.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::emulator_variant::program;
use crate::root;

/// A running fake_board, and a description of its board.
pub struct FakeBoard {
    serves: Child,
    directory: TempDir,
}

impl FakeBoard {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory for the fake_board");
        let mut serves = Command::new(program("fake_board"))
            .arg("serve")
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the fake_board starts");
        let mut ready = String::new();
        let stdout = serves.stdout.take().expect("a pipe from the fake_board");
        let read = BufReader::new(stdout).read_line(&mut ready);
        assert!(
            read.is_ok() && ready == "ready\n",
            "the fake_board says {ready:?}"
        );
        let fake_board = Self { serves, directory };
        fake_board.describe();
        fake_board
    }

    /// Writes the board's description: that of the emulators, and the commands of the fake_board.
    fn describe(&self) {
        let virtual_board = fs::read_to_string(root().join("fixtures/stm32f4.yaml"));
        let directory = self.directory.path().display();
        let tool = program("fake_board");
        let tell = |request: &str| format!("[{:?}, tell, {directory}, {request}]", tool.display());
        let serial = format!(
            "\nserial:\n  port: {directory}/port\n  flash: {}\n  reset: {}\n  power_on: {}\n  power_off: {}\n",
            tell("flash, \"{firmware}\""),
            tell("reset"),
            tell("\"on\""),
            tell("\"off\""),
        );
        let text = virtual_board.expect("the description for emulators") + &serial;
        fs::write(self.description(), text).expect("the description is written");
    }

    /// Returns a YAML file for emulators and for the board on this fake_board.
    pub fn description(&self) -> PathBuf {
        self.directory.path().join("board.yaml")
    }
}

impl Default for FakeBoard {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for FakeBoard {
    fn drop(&mut self) {
        drop(self.serves.stdin.take()); // it exits when its input ends
        let _ = self.serves.wait();
    }
}

/// Returns the description of a board on a fake_board that runs until the calling thread ends.
pub fn description() -> PathBuf {
    thread_local! {
        static FAKE_BOARDS: RefCell<Vec<FakeBoard>> = const { RefCell::new(Vec::new()) };
    }
    let fake_board = FakeBoard::new();
    let description = fake_board.description();
    FAKE_BOARDS.with_borrow_mut(|fake_boards| fake_boards.push(fake_board));
    description
}

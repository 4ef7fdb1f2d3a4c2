//! One measurement: a board in one process, a contender in another, a pipe or a
//! pseudo-terminal between them.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use serde_json::Value;

use crate::feed::Feed;
use crate::task::Task;

pub type AnyError = Box<dyn std::error::Error>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Pipe,
    Pty,
}

/// The time and memory that a contender used.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub seconds: f64,
    pub cpu: f64,
    pub rss_mb: f64,
    pub late_us: f64,
}

pub fn run(contender: &str, task: Task, feed: Feed, link: Link) -> Result<Measured, AnyError> {
    let [kind, count] = feed.to_args();
    let (board_end, our_end) = stream_ends(link)?;
    let mut board = Command::new(std::env::current_exe()?)
        .args(["feed", &kind, &count])
        .stdin(Stdio::piped())
        .stdout(board_end)
        .spawn()?;
    let mut process = if contender == "pexpect" {
        let mut python = Command::new("python3");
        python.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/expect/pexpect_task.py"
        ));
        python.args([task.name(), &count]);
        python
    } else {
        let mut own = Command::new(std::env::current_exe()?);
        own.args(["task", contender, task.name(), &kind, &count]);
        own
    };
    let mut process = process.stdin(our_end).stdout(Stdio::piped()).spawn()?;
    let mut output = BufReader::new(process.stdout.take().ok_or("no stdout")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let mut start = board.stdin.take().ok_or("no stdin")?;
    start.write_all(b"!")?;
    line.clear();
    output.read_to_string(&mut line)?;
    let status = process.wait()?;
    drop(start);
    board.wait()?;
    if !status.success() {
        return Err(format!("{contender} failed at {task:?}: {status}").into());
    }
    let result: Value = serde_json::from_str(&line)?;
    let figure = |name: &str| result[name].as_f64().unwrap_or(f64::NAN);
    Ok(Measured {
        seconds: figure("seconds"),
        cpu: figure("cpu"),
        rss_mb: figure("rss_mb"),
        late_us: figure("late_us"),
    })
}

/// Returns the board's end and the contender's end.
fn stream_ends(link: Link) -> Result<(OwnedFd, OwnedFd), AnyError> {
    match link {
        Link::Pipe => {
            let (ours, board) = std::io::pipe()?;
            Ok((board.into(), ours.into()))
        }
        Link::Pty => {
            let pty = openpty(None, None)?;
            let mut raw = tcgetattr(&pty.slave)?;
            cfmakeraw(&mut raw);
            tcsetattr(&pty.slave, SetArg::TCSANOW, &raw)?;
            Ok((pty.slave, pty.master))
        }
    }
}

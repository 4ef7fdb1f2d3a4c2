//! The measured task, in the process of the contender.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::json;

use crate::contender::connect;
use crate::feed::Feed;
use crate::now_ns;

/// A task for a contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Find a text at the end.
    Literal,
    /// Find a match at the end.
    Regex,
    /// As `Regex`, with a regular expression that does not begin with a known text.
    Prefixless,
    /// Read line by line.
    Lines,
    /// Measure the delay of each line.
    Latency,
    /// Wait for two seconds.
    Wait,
}

impl Task {
    pub const ALL: [Self; 6] = [
        Self::Literal,
        Self::Regex,
        Self::Prefixless,
        Self::Lines,
        Self::Latency,
        Self::Wait,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Regex => "regex",
            Self::Prefixless => "prefixless",
            Self::Lines => "lines",
            Self::Latency => "latency",
            Self::Wait => "wait",
        }
    }

    /// Runs the task on standard input and prints the measured values as JSON.
    pub fn run(self, contender: &str, feed: Feed) -> io::Result<()> {
        let stdin = io::stdin();
        println!("ready");
        if self != Self::Wait {
            let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::NONE)?;
        }
        let (cpu_before, began) = (cpu(), Instant::now());
        let mut contender = connect(contender, stdin.as_fd().try_clone_to_owned()?);
        let mut late = Vec::new();
        match (self, feed) {
            (Self::Literal, _) => contender.literal("DONE code=42 "),
            (Self::Regex, _) => contender.regex(r"DONE code=(\d+) "),
            (Self::Prefixless, _) => contender.regex(r"[A-Z]+ code=(\d+) "),
            (Self::Lines, Feed::Lines(count)) => {
                for n in 0..count {
                    assert_eq!(contender.line(r"value=(\d+)"), (7 * n).to_string());
                }
            }
            (Self::Latency, Feed::Stamps(count)) => {
                for _ in 0..count {
                    let sent: u64 = contender.line(r"t=(\d+)").parse().expect("a time");
                    late.push(now_ns() - sent);
                }
            }
            _ => contender.never(Duration::from_secs(2)),
        }
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu() - cpu_before);
        late.sort_unstable();
        let median = late.get(late.len() / 2).map(|ns| *ns as f64 / 1e3);
        let result =
            json!({"seconds": seconds, "cpu": cpu, "rss_mb": peak_rss_mb(), "late_us": median});
        println!("{result}");
        // Some contenders have threads that never stop reading.
        std::process::exit(0);
    }
}

fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the usage");
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    us as f64 / 1e6
}

fn peak_rss_mb() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the usage");
    // In kilobytes; on macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1e6 } else { 1e3 };
    usage.max_rss() as f64 / unit
}

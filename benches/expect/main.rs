//! The expect engine compared with its peers and the bare limit, in one run on the same
//! data: `cargo bench --bench expect` prints a table and adds its figures to
//! `target/figures.json`.
//!
//! Each figure is the median of several rounds, each with new processes. The contenders
//! take turns, so that all see the same state of the host. Peers that are too slow for all
//! the data get less of it; the table marks this.

mod contender;
mod feed;
mod task;
mod trial;

use std::process::Command;

use expect_bench::Figures;
use nix::time::{ClockId, clock_gettime};

use feed::Feed;
use task::Task;
use trial::{AnyError, Link, Measured};

const CONTENDERS: [&str; 5] = ["ours", "expectrl", "rexpect", "pexpect", "memchr"];
/// The number of rounds per contender.
const ROUNDS: usize = 3;
/// The number of rounds for this crate and the bare limit through a pseudo-terminal. Its speed
/// differs by several times between runs, as it depends on when the kernel's worker runs.
const PTY_ROUNDS: usize = 15;

fn main() -> Result<(), AnyError> {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[1..] {
        ["feed", kind, count] => {
            // The reader may exit before all output is written.
            let _ = Feed::from_args(kind, count).play();
            Ok(())
        }
        ["task", contender, name, kind, count] => {
            let task = Task::ALL.into_iter().find(|task| task.name() == name);
            let task = task.ok_or("no such task")?;
            Ok(task.run(contender, Feed::from_args(kind, count))?)
        }
        _ => compare(),
    }
}

/// Returns the nanoseconds of the clock that all processes share.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// A row of the table.
struct Row {
    title: &'static str,
    /// The key of the figures: `expect.<key>.<contender>`, or `expect.<key>` for this crate alone.
    key: &'static str,
    for_each: bool,
    task: Task,
    link: Link,
    feed: fn(&str) -> Feed,
    figure: fn(Measured, usize) -> f64,
    decimals: usize,
}

fn compare() -> Result<(), AnyError> {
    let mut figures = Figures::load()?;
    let missing = pexpect_missing();
    println!("| | {} |", CONTENDERS.join(" | "));
    println!("|---|{}", "---:|".repeat(CONTENDERS.len()));
    let mut peak_rss: f64 = 0.0;
    for row in rows() {
        let measured = measure(&row, missing.is_none())?;
        let mut cells = Vec::new();
        for (contender, measured) in CONTENDERS.into_iter().zip(measured) {
            let key = match row.for_each {
                true => format!("expect.{}.{contender}", row.key),
                false => format!("expect.{}", row.key),
            };
            if let Some(why) = missing.as_deref().filter(|_| contender == "pexpect") {
                if row.for_each {
                    figures.missing(&key, why);
                }
                cells.push("–".to_owned());
                continue;
            }
            let feed = (row.feed)(contender);
            if contender == "ours" {
                peak_rss = measured
                    .iter()
                    .fold(peak_rss, |most, measured| most.max(measured.rss_mb));
            }
            let count = count(feed);
            let mut values: Vec<f64> = measured
                .iter()
                .map(|measured| (row.figure)(*measured, count))
                .collect();
            values.sort_by(f64::total_cmp);
            let median = values[values.len() / 2];
            if row.for_each || contender == "ours" {
                figures.set(&key, median);
            }
            let less = count != self::count((row.feed)("ours"));
            let scale = if less {
                format!(" ({})", short(count))
            } else {
                String::new()
            };
            cells.push(format!("{median:.*}{scale}", row.decimals));
        }
        println!("| {} | {} |", row.title, cells.join(" | "));
    }
    println!("| peak memory, MB | {peak_rss:.0} | | | | |");
    figures.set("expect.peak_rss_mb", peak_rss);
    if let Some(why) = missing {
        println!("\nwithout pexpect: {why}");
    }
    Ok(figures.save()?)
}

/// Returns the results of each contender in all its rounds.
fn measure(row: &Row, with_pexpect: bool) -> Result<[Vec<Measured>; CONTENDERS.len()], AnyError> {
    let mut measured = [const { Vec::new() }; CONTENDERS.len()];
    for round in 0..PTY_ROUNDS {
        for (contender, measured) in CONTENDERS.into_iter().zip(&mut measured) {
            let rounds = match (row.link, contender) {
                (_, "pexpect") if !with_pexpect => 0,
                (Link::Pty, "ours" | "memchr") => PTY_ROUNDS,
                _ => ROUNDS,
            };
            if round < rounds {
                let feed = (row.feed)(contender);
                measured.push(trial::run(contender, row.task, feed, row.link)?);
            }
        }
    }
    Ok(measured)
}

fn rows() -> Vec<Row> {
    let search = |title, key, task, link| Row {
        title,
        key,
        for_each: true,
        task,
        link,
        feed: match link {
            Link::Pipe => log_for_pipe,
            Link::Pty => log_for_pty,
        },
        figure: |measured, bytes| bytes as f64 / 1e6 / measured.seconds,
        decimals: 0,
    };
    let lines = |title, key, link| Row {
        title,
        key,
        for_each: true,
        task: Task::Lines,
        link,
        feed: lines_for,
        figure: |measured, lines| lines as f64 / measured.seconds,
        decimals: 0,
    };
    let only_ours = |title, key, task, feed, figure, decimals| Row {
        title,
        key,
        for_each: false,
        task,
        link: Link::Pipe,
        feed,
        figure,
        decimals,
    };
    use Link::{Pipe, Pty};
    use Task::{Latency, Literal, Prefixless, Regex, Wait};
    vec![
        search("literal, pipe, MB/s", "literal_mb_s", Literal, Pipe),
        search("regex, pipe, MB/s", "regex_mb_s", Regex, Pipe),
        search(
            "regex without a prefix, pipe, MB/s",
            "prefixless_mb_s",
            Prefixless,
            Pipe,
        ),
        search("literal, PTY, MB/s", "literal_mb_s_pty", Literal, Pty),
        search("regex, PTY, MB/s", "regex_mb_s_pty", Regex, Pty),
        lines("lines with a capture, pipe, 1/s", "lines_per_s", Pipe),
        lines("lines with a capture, PTY, 1/s", "lines_per_s_pty", Pty),
        only_ours(
            "1 MB byte by byte, ns/byte",
            "bytewise_ns_per_byte.1mb",
            Literal,
            megabyte,
            ns_per_byte,
            0,
        ),
        only_ours(
            "4 MB byte by byte, ns/byte",
            "bytewise_ns_per_byte.4mb",
            Literal,
            four_megabytes,
            ns_per_byte,
            0,
        ),
        only_ours(
            "written to woken, median, µs",
            "wake_us_p50",
            Latency,
            |_| Feed::Stamps(300),
            |measured, _| measured.late_us,
            0,
        ),
        only_ours(
            "CPU while waiting 2 s, s",
            "waiting_cpu_s",
            Wait,
            |_| Feed::Silence,
            |measured, _| measured.cpu,
            3,
        ),
    ]
}

fn ns_per_byte(measured: Measured, bytes: usize) -> f64 {
    measured.seconds * 1e9 / bytes as f64
}

fn log_for_pipe(contender: &str) -> Feed {
    Feed::Log(match contender {
        "rexpect" => 10_000_000,
        "pexpect" => 2_000_000,
        _ => 100_000_000,
    })
}

fn log_for_pty(contender: &str) -> Feed {
    Feed::Log(match contender {
        "expectrl" | "rexpect" => 10_000_000,
        "pexpect" => 2_000_000,
        _ => 100_000_000,
    })
}

fn lines_for(contender: &str) -> Feed {
    Feed::Lines(match contender {
        "expectrl" => 500,
        "rexpect" => 2_000,
        _ => 200_000,
    })
}

fn megabyte(contender: &str) -> Feed {
    bytewise(contender, 1_000_000)
}

fn four_megabytes(contender: &str) -> Feed {
    bytewise(contender, 4_000_000)
}

fn bytewise(contender: &str, bytes: usize) -> Feed {
    Feed::Bytewise(match contender {
        "ours" | "memchr" => bytes,
        _ => bytes / 20,
    })
}

fn count(feed: Feed) -> usize {
    match feed {
        Feed::Log(count) | Feed::Lines(count) | Feed::Bytewise(count) | Feed::Stamps(count) => {
            count
        }
        Feed::Silence => 0,
    }
}

/// Formats a count in short form.
fn short(count: usize) -> String {
    match count {
        1_000_000.. => format!("{} M", count / 1_000_000),
        1_000.. => format!("{} k", count / 1_000),
        _ => count.to_string(),
    }
}

/// Returns the reason why pexpect cannot run, if it cannot.
fn pexpect_missing() -> Option<String> {
    match Command::new("python3")
        .args(["-c", "import pexpect"])
        .output()
    {
        Ok(output) if output.status.success() => None,
        Ok(_) => Some("python3 has no module pexpect: pip install pexpect".to_owned()),
        Err(e) => Some(format!("python3 does not run: {e}")),
    }
}

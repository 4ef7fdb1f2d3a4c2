//! The expect engine beside its peers and the bare limit, in one run on the same
//! data: `cargo bench --bench expect` prints a table and adds its figures to
//! `target/figures.json`.
//!
//! Each figure is the median of several rounds, each in processes of its own. The
//! contenders take turns, so that all see the same host. Peers that are too slow for
//! all the data get less of it, which the table says.

mod contender;
mod feed;
mod task;
mod trial;

use std::process::Command;

use expect_bench::Figures;
use nix::time::{ClockId, clock_gettime};

use feed::Feed;
use task::Task;
use trial::{Failed, Through, Took};

const CONTENDERS: [&str; 5] = ["ours", "expectrl", "rexpect", "pexpect", "memchr"];
/// How often each contender is measured.
const ROUNDS: usize = 3;
/// How often we and the bare limit are through a pseudo-terminal, which is several times
/// slower or faster from run to run, as the kernel's worker happens to run.
const PTY_ROUNDS: usize = 15;

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[1..] {
        ["feed", kind, count] => {
            // Whoever listened may go before everything was said.
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

/// Nanoseconds on the clock that all processes share.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// A row of the table.
struct Row {
    title: &'static str,
    /// The figures are called `expect.<key>.<contender>`, or only `expect.<key>` for ours.
    key: &'static str,
    for_each: bool,
    task: Task,
    through: Through,
    feed: fn(&str) -> Feed,
    figure: fn(Took, usize) -> f64,
    decimals: usize,
}

fn compare() -> Result<(), Failed> {
    let mut figures = Figures::load()?;
    let missing = pexpect_missing();
    println!("| | {} |", CONTENDERS.join(" | "));
    println!("|---|{}", "---:|".repeat(CONTENDERS.len()));
    let mut peak_rss: f64 = 0.0;
    for row in rows() {
        let took = measure(&row, missing.is_none())?;
        let mut cells = Vec::new();
        for (contender, took) in CONTENDERS.into_iter().zip(took) {
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
                peak_rss = took
                    .iter()
                    .fold(peak_rss, |most, took| most.max(took.rss_mb));
            }
            let count = count(feed);
            let mut values: Vec<f64> = took.iter().map(|took| (row.figure)(*took, count)).collect();
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

/// What each contender took in its rounds.
fn measure(row: &Row, with_pexpect: bool) -> Result<[Vec<Took>; CONTENDERS.len()], Failed> {
    let mut took = [const { Vec::new() }; CONTENDERS.len()];
    for round in 0..PTY_ROUNDS {
        for (contender, took) in CONTENDERS.into_iter().zip(&mut took) {
            let rounds = match (row.through, contender) {
                (_, "pexpect") if !with_pexpect => 0,
                (Through::Pty, "ours" | "memchr") => PTY_ROUNDS,
                _ => ROUNDS,
            };
            if round < rounds {
                let feed = (row.feed)(contender);
                took.push(trial::run(contender, row.task, feed, row.through)?);
            }
        }
    }
    Ok(took)
}

fn rows() -> Vec<Row> {
    let search = |title, key, task, through| Row {
        title,
        key,
        for_each: true,
        task,
        through,
        feed: match through {
            Through::Pipe => log_for_pipe,
            Through::Pty => log_for_pty,
        },
        figure: |took, bytes| bytes as f64 / 1e6 / took.seconds,
        decimals: 0,
    };
    let lines = |title, key, through| Row {
        title,
        key,
        for_each: true,
        task: Task::Lines,
        through,
        feed: lines_for,
        figure: |took, lines| lines as f64 / took.seconds,
        decimals: 0,
    };
    let only_ours = |title, key, task, feed, figure, decimals| Row {
        title,
        key,
        for_each: false,
        task,
        through: Through::Pipe,
        feed,
        figure,
        decimals,
    };
    use Task::{Latency, Literal, Prefixless, Regex, Wait};
    use Through::{Pipe, Pty};
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
            |took, _| took.late_us,
            0,
        ),
        only_ours(
            "CPU while waiting 2 s, s",
            "waiting_cpu_s",
            Wait,
            |_| Feed::Silence,
            |took, _| took.cpu,
            3,
        ),
    ]
}

fn ns_per_byte(took: Took, bytes: usize) -> f64 {
    took.seconds * 1e9 / bytes as f64
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

/// A count for people.
fn short(count: usize) -> String {
    match count {
        1_000_000.. => format!("{} M", count / 1_000_000),
        1_000.. => format!("{} k", count / 1_000),
        _ => count.to_string(),
    }
}

/// Why there is no pexpect, if there is none.
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

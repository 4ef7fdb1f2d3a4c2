//! Measures suites whose boards share Renodes, hot flash and reset, and adds the figures.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use expect_bench::Figures;
use virtual_target::VirtualTarget;
use virtual_target::config::BackendKind::Renode;
use virtual_target::config::TargetConfig;

use crate::emulator_variant::program;
use crate::leftovers::descendants;
use crate::{robot, root, sample, shell_on};

type Failed = Box<dyn Error>;

/// The name of a figure, and how it is measured.
type Figure = (&'static str, fn() -> Result<f64, Failed>);

const FIGURES: [Figure; 13] = [
    ("warm.first_line_ms.cold", || {
        Ok(suite("suite 1", "off")?.first_line)
    }),
    // The next boot begins at once, and waits until the last board is cleared.
    ("warm.first_line_ms.cleared", || {
        Ok(suite("suite 10", "process")?.first_line)
    }),
    ("warm.first_line_ms.prepared", || {
        Ok(suite("paced 10", "process")?.first_line)
    }),
    ("warm.suite10_s.off", || {
        Ok(suite("suite 10", "off")?.seconds)
    }),
    ("warm.suite10_s.serial", || {
        Ok(suite("suite 10", "process")?.seconds)
    }),
    ("warm.suite10_s.parallel", || {
        Ok(suite("parallel 10", "process")?.seconds)
    }),
    ("warm.suite100_s.serial", || {
        Ok(suite("suite 100", "process")?.seconds)
    }),
    ("warm.suite100_s.parallel", || {
        Ok(suite("parallel 100", "process")?.seconds)
    }),
    ("warm.suite10_s.nextest", || run_of(10)),
    ("warm.suite100_s.nextest", || run_of(100)),
    ("warm.hot_flash_ms", hot_flash),
    ("warm.reset_ms", reset),
    ("warm.parked_cpu", parked_cpu),
];

pub fn measure(figures: &mut Figures) -> Result<(), Failed> {
    let missing = shell_on(Renode).build().err();
    for (name, measure) in FIGURES {
        match &missing {
            Some(missing) => figures.missing(name, missing),
            None => figures.set(name, measure()?),
        }
    }
    for count in [10, 100] {
        let name = format!("warm.suite{count}_s.robot");
        match robot::runner() {
            Ok(runner) => figures.set(&name, robot::suite(&runner, count)?),
            Err(missing) => figures.missing(&name, missing),
        }
    }
    Ok(())
}

/// A suite of short tests.
struct Suite {
    seconds: f64,
    /// The median time of a boot to its first line, in milliseconds; of several boots without the
    /// first.
    first_line: f64,
}

fn reuse(arguments: &str, reuse: &str) -> Command {
    let mut command = Command::new(program("reuse"));
    command
        .args(arguments.split(' '))
        .arg("realtime")
        .env_remove("NEXTEST_EXECUTION_MODE")
        .env("VTARGET_REUSE", reuse);
    command
}

fn suite(arguments: &str, mode: &str) -> Result<Suite, Failed> {
    let began = Instant::now();
    let done = reuse(arguments, mode).output()?;
    let seconds = began.elapsed().as_secs_f64();
    let text = String::from_utf8(done.stdout)?;
    if !done.status.success() {
        return Err(format!("{text}{}", String::from_utf8_lossy(&done.stderr)).into());
    }
    let times = text.lines().filter_map(|line| {
        let (time, _) = line.strip_prefix("first line after ")?.split_once(" ms")?;
        time.parse().ok()
    });
    let times: Vec<f64> = times.collect();
    let later = &times[usize::from(times.len() > 1)..];
    let first_line = median(later.to_vec());
    Ok(Suite {
        seconds,
        first_line,
    })
}

/// Returns the time of a run in which each test is a process of its own, one after the other, as
/// `cargo nextest run -j1` runs them; without nextest's own time.
fn run_of(tests: u32) -> Result<f64, Failed> {
    let script = r#"for _ in $(seq "$1"); do "$0" suite 1 realtime || exit; done"#;
    let began = Instant::now();
    let done = Command::new("/bin/sh")
        .args(["-c", script])
        .arg(program("reuse"))
        .arg(tests.to_string())
        .env("VTARGET_REUSE", "run")
        .output()?;
    match done.status.success() {
        true => Ok(began.elapsed().as_secs_f64()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
    }
}

fn hot_flash() -> Result<f64, Failed> {
    repeated(|board| board.flash(sample("shell.elf")).wait())
}

fn reset() -> Result<f64, Failed> {
    repeated(|board| board.reset().wait())
}

/// Returns the median time of an operation on a running board, in milliseconds.
fn repeated(act: impl Fn(&VirtualTarget) -> virtual_target::Result<()>) -> Result<f64, Failed> {
    // No other Renode is made ready at the same time.
    let config = TargetConfig::from_file(root().join("fixtures/stm32f4.yaml"))?;
    let config = config.to_builder().field("reuse", "off").build()?;
    let board = VirtualTarget::from_config(config).backend(Renode);
    let board = board.firmware(sample("shell.elf")).boot().wait()?;
    // What follows a start, such as the script that sends to the UARTs, is done after the first.
    act(&board)?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        act(&board)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

/// Returns the part of a core that a Renode without a board uses.
fn parked_cpu() -> Result<f64, Failed> {
    const TIME: Duration = Duration::from_secs(2);
    let mut child = reuse("parked", "process")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    for line in BufReader::new(output).lines() {
        if line? == "parked" {
            break;
        }
    }
    // The board of the last test is cleared and made again.
    thread::sleep(TIME);
    let before: BTreeMap<i32, u64> = descendants(child.id())
        .into_iter()
        .filter_map(|pid| Some((pid, ticks(pid)?)))
        .collect();
    thread::sleep(TIME);
    // A process that has ended meanwhile was no parked Renode.
    let used = |(pid, before): (&i32, &u64)| Some(ticks(*pid)? - before);
    let ticks: u64 = before.iter().filter_map(used).sum();
    drop(child.stdin.take());
    child.wait()?;
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
    Ok(ticks as f64 / per_second as f64 / TIME.as_secs_f64())
}

/// Returns the processor time of a process, in ticks; `None` if it has ended.
fn ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

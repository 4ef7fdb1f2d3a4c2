//! The coverage that a run of tests leaves, and what is known independently of the lines of an image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use expect_bench::Figures;
use virtual_target::config::BackendKind;
use virtual_target::{Result, VirtualTarget, secs};

use crate::{bare_on, in_virtual_time, sample};

/// Lines by the names of their sources, such as `shell/main.c`.
pub type Lines = BTreeSet<(String, u32)>;

/// What an `lcov.info` file has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lcov {
    /// The lines that have code.
    pub lines: Lines,
    /// Those of them that have run.
    pub hit: Lines,
    /// The functions, and whether they have run.
    pub functions: BTreeMap<String, bool>,
}

impl Lcov {
    /// Reads the coverage below `target`, the target directory of the tests.
    pub fn read(target: &Path) -> Self {
        let file = target.join("virtual-target/coverage/lcov.info");
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        let mut lcov = Self::default();
        let mut source = String::new();
        for line in text.lines() {
            let (kind, rest) = line.split_once(':').unwrap_or((line, ""));
            let (first, second) = rest.split_once(',').unwrap_or((rest, ""));
            match kind {
                "SF" => source = name_of(rest),
                "DA" => {
                    let place = (source.clone(), first.parse().unwrap());
                    if second == "1" {
                        lcov.hit.insert(place.clone());
                    }
                    lcov.lines.insert(place);
                }
                "FNDA" => drop(lcov.functions.insert(second.to_owned(), first == "1")),
                _ => {}
            }
        }
        lcov
    }

    /// Returns true if the line with this text has run; it must have code.
    pub fn has_run(&self, source: &str, text: &str) -> bool {
        let file = crate::root().join("firmware-samples").join(source);
        let content = fs::read_to_string(file).unwrap();
        let number = content.lines().position(|line| line.contains(text));
        let number = number.unwrap_or_else(|| panic!("{source} has no {text:?}")) as u32 + 1;
        let place = (source.to_owned(), number);
        assert!(self.lines.contains(&place), "no code at {place:?}: {text}");
        self.hit.contains(&place)
    }
}

/// Returns the name of a sample's source.
fn name_of(path: &str) -> String {
    let samples = crate::root().join("firmware-samples");
    let below = Path::new(path)
        .strip_prefix(samples)
        .unwrap_or_else(|_| panic!("{path}"));
    below.display().to_string()
}

/// Returns the name of a sample's source by the path that binutils shows; others' paths are absolute.
fn name_in_readelf(path: &str) -> String {
    let samples = crate::root().join("firmware-samples");
    // Some samples are built in a directory of their own.
    let mut places = ["", "loader"].iter().map(|it| samples.join(it).join(path));
    match places.find_map(|it| it.canonicalize().ok()) {
        Some(found) if found.starts_with(&samples) => name_of(&found.to_string_lossy()),
        _ => format!("/{path}"),
    }
}

/// Returns the lines that begin at instructions of an image, by their addresses, as binutils
/// reads them.
pub fn line_starts(image: &Path) -> BTreeMap<u64, Lines> {
    let output = Command::new("readelf")
        .arg("--debug-dump=decodedline")
        .arg("-W")
        .arg(image)
        .output()
        .expect("binutils");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut starts: BTreeMap<u64, Lines> = BTreeMap::new();
    let (mut source, mut unit) = (String::new(), String::new());
    let mut sequence: Vec<(u64, (String, u32))> = Vec::new();
    for line in text.lines() {
        let first = line.strip_prefix("CU: ");
        let line = first.unwrap_or(line);
        let path = line.trim_end_matches("[++]").strip_suffix(':');
        if let Some(path) = path.filter(|it| !it.contains(' ')) {
            source = name_in_readelf(path);
            if first.is_some() {
                unit = source.clone();
            }
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, number, address, ..] = words[..] else {
            continue;
        };
        // An address is `0` or `0x8000040`.
        let digits = address.strip_prefix("0x").unwrap_or(address);
        let Ok(address) = u64::from_str_radix(digits, 16) else {
            continue;
        };
        match number.parse() {
            Ok(number) if words.last() == Some(&"x") => {
                sequence.push((address, (source.clone(), number)));
            }
            Ok(_) => {}
            // The end of a sequence: the next one begins in the unit's own source.
            Err(_) => {
                source.clone_from(&unit);
                // Code that was not linked begins at 0; others' sources have absolute paths.
                let is_linked = sequence.first().is_some_and(|it| it.0 != 0);
                for (start, place) in sequence.drain(..) {
                    if is_linked && start < address && !place.0.starts_with('/') {
                        starts.entry(start).or_default().insert(place);
                    }
                }
            }
        }
    }
    starts
}

/// Measures by how much coverage slows a program that computes for ten seconds, on the engine on
/// which that is more.
pub fn measure(figures: &mut Figures) -> Result<()> {
    const KEY: &str = "coverage.slowdown_ratio";
    let mut worst = 0.0_f64;
    for engine in [BackendKind::Qemu, BackendKind::Renode] {
        let computes = |coverage: bool| -> Result<VirtualTarget> {
            let config = in_virtual_time(|| bare_on(engine).build())?
                .config()
                .clone();
            let config = match coverage {
                true => config.to_builder().field("coverage", "lines").build()?,
                false => config,
            };
            let builder = VirtualTarget::from_config(config).backend(engine);
            builder.firmware(sample("compute-debug.elf")).build()
        };
        let (plain, covered) = match (computes(false), computes(true)) {
            (Ok(plain), Ok(covered)) => (plain, covered),
            (Err(missing), _) | (_, Err(missing)) => {
                figures.missing(KEY, &missing);
                return Ok(());
            }
        };
        for board in [&plain, &covered] {
            board.power_on().wait()?;
            board.uart().expect_line("Hello from compute").wait()?;
        }
        const SOME: u32 = 100;
        let some = computing(&plain, SOME)?.as_secs_f64();
        let rounds = (10.0 / some * f64::from(SOME)) as u32;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            without.push(computing(&plain, rounds)?);
            with.push(computing(&covered, rounds)?);
        }
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2].as_secs_f64()
        };
        worst = worst.max(median(with) / median(without));
    }
    figures.set(KEY, worst);
    Ok(())
}

/// Returns the time of the host that a number of rounds takes.
fn computing(board: &VirtualTarget, rounds: u32) -> Result<Duration> {
    let since = Instant::now();
    board.uart().send(format!("{rounds}\r")).wait()?;
    board.uart().expect_line("done ").within(secs(600)).wait()?;
    Ok(since.elapsed())
}

//! A stand-in for the script that runs Renode step by step: it plays the script's protocol, with
//! a guest that is a small shell, and misbehaves as the cue of the stand-in for Renode says:
//! `KIND@run`, at the third run.
//!
//! | kind | what it does |
//! |---|---|
//! | `exit`, `die`, `kill`, `stop` | as for the stand-in for Renode |
//! | `hang` | reports nothing any more |
//! | `garbage` | reports a line that is no report |
//! | `error` | reports an error |
//! | `close` | closes its reports |
//! | `drip` | reports byte by byte, at every run |
//!
//! With `hang@clock` it hangs too, so that somebody asks for the clock.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

const GREETING: &[u8] = b"Hello from shell on stm32f4\r\n> ";
/// The time from a byte of the guest's output to the next one, and to the echo of a byte.
const BYTE: u64 = 10_000;
const ECHO: u64 = 100_000;

/// Serves the FIFOs in `directory` until the orders end. `end` acts as a fault says.
pub fn serve(directory: &str, cue: &str, end: impl Fn(&str)) {
    let orders = File::open(format!("{directory}/orders")).expect("orders");
    let reports = OpenOptions::new()
        .write(true)
        .open(format!("{directory}/reports"));
    let (fault, step) = cue.split_once('@').unwrap_or_default();
    let mut script = Script {
        reports: Some(reports.expect("reports")),
        drips: fault == "drip",
        now: 0,
        until: None,
        stops: Vec::new(),
        text: Vec::new(),
        output: VecDeque::new(),
        input: Vec::new(),
    };
    script.print(GREETING);
    let mut runs = 0;
    for order in BufReader::new(orders).lines() {
        let order = order.expect("an order");
        let words: Vec<&str> = order.split(' ').collect();
        runs += u32::from(["run", "resume"].contains(&words[0]));
        if (step == "run" || cue == "hang@clock") && runs == 3 {
            match fault {
                "garbage" => script.report("what_is_this 1 2"),
                "error" => script.report("error: the guest is out of order"),
                "hang" => continue,
                "close" => script.reports = None,
                fault => end(fault),
            }
        }
        script.obey(&words);
    }
}

struct Script {
    reports: Option<File>,
    drips: bool,
    /// The guest's time in nanoseconds.
    now: u64,
    until: Option<u64>,
    /// The stops of the only UART: sets of bytes, and the texts that they need.
    stops: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// The line that the guest prints.
    text: Vec<u8>,
    /// The output, each byte with its time.
    output: VecDeque<(u64, u8)>,
    /// The line that the guest receives.
    input: Vec<u8>,
}

impl Script {
    fn obey(&mut self, words: &[&str]) {
        match words {
            ["run" | "resume", limit, stops] => {
                self.until = limit.parse().ok().map(|limit: u64| self.now + limit);
                self.stops = stops.split(',').map(parse).collect();
                self.run();
            }
            ["resume"] => self.run(),
            ["stop"] => self.report(&format!("paused {}", self.now)),
            ["rx", "0", digits] => bytes(digits)
                .into_iter()
                .for_each(|byte| self.receive(byte)),
            // A reset: the guest starts again.
            ["clear", "0"] => {
                self.output.clear();
                self.input.clear();
                self.print(GREETING);
            }
            ["sync"] => self.report(&format!("synced {}", self.now)),
            ["end"] => self.report("ended"),
            _ => self.report(&format!("error: {}", words.join(" "))),
        }
    }

    /// Runs the guest to the next stop or to the limit. Without either, it waits for an order.
    fn run(&mut self) {
        loop {
            let next = self.output.front().copied();
            let next = next.filter(|(at, _)| self.until.is_none_or(|until| *at <= until));
            let Some((at, byte)) = next else {
                if let Some(until) = self.until {
                    self.now = self.now.max(until);
                    self.report(&format!("limit_at {}", self.now));
                }
                return;
            };
            self.output.pop_front();
            self.now = self.now.max(at);
            self.report(&format!("out 0 {} {byte:02x}", self.now));
            self.text.push(byte);
            let stops = self.stops.iter().any(|(set, texts)| {
                let contains = |text: &Vec<u8>| self.text.windows(text.len()).any(|it| it == text);
                set.contains(&byte) && (texts.is_empty() || texts.iter().any(contains))
            });
            if byte == b'\n' {
                self.text.clear();
            }
            if stops {
                self.report(&format!("stopped_at {}", self.now));
                return;
            }
        }
    }

    /// Echoes a byte, and answers a line.
    fn receive(&mut self, byte: u8) {
        if byte != b'\r' && byte != b'\n' {
            self.input.push(byte);
            return self.print(&[byte]);
        }
        let line = std::mem::take(&mut self.input);
        let answer = match line.as_slice() {
            b"ping" => b"pong\r\n",
            line => line.strip_prefix(b"echo ").unwrap_or_default(),
        };
        self.print(&[b"\r\n", answer, b"\r\n> "].concat());
    }

    /// Prints `bytes` after what is being printed.
    fn print(&mut self, bytes: &[u8]) {
        let busy = self.output.back().map_or(0, |(at, _)| at + BYTE);
        let begin = busy.max(self.now + ECHO);
        let times = (0_u64..).map(|n| begin + n * BYTE);
        self.output.extend(times.zip(bytes.iter().copied()));
    }

    fn report(&mut self, line: &str) {
        let Some(reports) = &mut self.reports else {
            return;
        };
        let line = format!("{line}\n");
        let piece = if self.drips { 1 } else { line.len() };
        for piece in line.as_bytes().chunks(piece) {
            // Whoever reads them may be gone.
            let _ = reports.write_all(piece);
            if self.drips {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }
}

/// Parses a set of bytes with the texts that it needs.
fn parse(part: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut words = part.split(':');
    let map = words.next().unwrap_or_default();
    let map = if map == "-" { Vec::new() } else { bytes(map) };
    let has = |byte: &u8| {
        let digit = map.len().checked_sub(1 + usize::from(byte / 8));
        digit.is_some_and(|at| map[at] >> (byte % 8) & 1 == 1)
    };
    ((0..=255).filter(has).collect(), words.map(bytes).collect())
}

fn bytes(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
    (0..digits.len()).step_by(2).map(byte).collect()
}

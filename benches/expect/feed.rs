//! The output of the board, in a separate process.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Duration;

use crate::now_ns;

/// The end of every output that ends; no earlier text matches the patterns for it.
const LAST: &[u8] = b"\nDONE code=42 \n";

/// Output of one kind.
#[derive(Debug, Clone, Copy)]
pub enum Feed {
    /// This number of bytes of log lines.
    Log(usize),
    /// This number of numbered lines.
    Lines(usize),
    /// This number of bytes, each in a write of its own.
    Bytewise(usize),
    /// This number of lines, 1.5 ms apart, each with the time of its write.
    Stamps(usize),
    /// Nothing.
    Silence,
}

impl Feed {
    /// Returns the arguments for the process that plays the feed.
    pub fn to_args(self) -> [String; 2] {
        let (name, count) = match self {
            Self::Log(count) => ("log", count),
            Self::Lines(count) => ("lines", count),
            Self::Bytewise(count) => ("bytewise", count),
            Self::Stamps(count) => ("stamps", count),
            Self::Silence => ("silence", 0),
        };
        [name.to_owned(), count.to_string()]
    }

    pub fn from_args(name: &str, count: &str) -> Self {
        let count = count.parse().expect("a count");
        match name {
            "log" => Self::Log(count),
            "lines" => Self::Lines(count),
            "bytewise" => Self::Bytewise(count),
            "stamps" => Self::Stamps(count),
            _ => Self::Silence,
        }
    }

    /// Prints the output once a byte arrives on standard input; returns when that input ends.
    pub fn play(self) -> io::Result<()> {
        let mut out = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let mut stdin = io::stdin();
        let prepared = match self {
            Self::Log(size) => [log_lines(size).as_slice(), LAST].concat(),
            Self::Lines(count) => numbered_lines(count),
            _ => Vec::new(),
        };
        stdin.read_exact(&mut [0])?;
        match self {
            Self::Log(_) | Self::Lines(_) => out.write_all(&prepared)?,
            Self::Bytewise(count) => {
                for at in 0..count {
                    out.write_all(if at % 64 == 63 { b"\n" } else { b"x" })?;
                }
                out.write_all(LAST)?;
            }
            Self::Stamps(count) => {
                for _ in 0..count {
                    sleep(Duration::from_micros(1500));
                    out.write_all(format!("t={}\n", now_ns()).as_bytes())?;
                }
            }
            Self::Silence => {}
        }
        stdin.read_to_end(&mut Vec::new()).map(drop)
    }
}

fn log_lines(size: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(size + 100);
    for n in 0.. {
        if lines.len() >= size {
            break;
        }
        let (s, ms, sensor, celsius, hpa) = (n / 1000, n % 1000, n % 7, n % 91, n % 1031);
        write!(
            lines,
            "[{s:8}.{ms:03}] info sensor {sensor}: temperature {celsius} pressure {hpa} state ok\r\n"
        )
        .expect("a vector takes everything");
    }
    lines.truncate(size);
    lines
}

fn numbered_lines(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("line {n} of the log value={}\r\n", n * 7).into_bytes())
        .collect()
}

//! The reports of the script, which a FIFO carries line by line.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::backend::Event;

/// The number of bytes that are written to a FIFO atomically.
const PIPE_BUF: usize = 4096;

/// One of the script's reports; times are the emulator's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// A UART has sent these bytes, the first of them at this time.
    Out(usize, Duration, Vec<u8>),
    /// The board has done something apart from its UARTs.
    Event(Event),
    /// The guest is stopped at a byte.
    StoppedAt(Duration),
    /// The guest is stopped at the limit of its run.
    LimitAt(Duration),
    /// The emulation is paused.
    Paused(Duration),
    /// The answer to `sync`: all output has been reported.
    Synced(Duration),
    /// The script has ended its work for this board.
    Ended,
    /// Any other line, which should not occur.
    Error(String),
}

impl Report {
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        if let Some(event) = event(line) {
            return Self::Event(event);
        }
        let report = match words[..] {
            ["out", uart, time, bytes] => number(uart)
                .zip(nanoseconds(time).zip(from_hex(bytes)))
                .map(|(uart, (time, bytes))| Self::Out(uart, time, bytes)),
            ["stopped_at", time] => nanoseconds(time).map(Self::StoppedAt),
            ["limit_at", time] => nanoseconds(time).map(Self::LimitAt),
            ["paused", time] => nanoseconds(time).map(Self::Paused),
            ["synced", time] => nanoseconds(time).map(Self::Synced),
            ["ended"] => Some(Self::Ended),
            _ => None,
        };
        report.unwrap_or_else(|| Self::Error(line.to_owned()))
    }

    /// Returns the guest's time, of a report that it is stopped or paused.
    pub(super) fn stopped_at(&self) -> Option<Duration> {
        match *self {
            Self::StoppedAt(at) | Self::LimitAt(at) | Self::Paused(at) | Self::Synced(at) => {
                Some(at)
            }
            Self::Out(..) | Self::Event(_) | Self::Ended | Self::Error(_) => None,
        }
    }
}

/// Returns the event in a line such as `event 0 sysbus.gpioPortD.UserLED on 17300`.
pub(in crate::backend::renode::time) fn event(line: &str) -> Option<Event> {
    let (text, time) = line.strip_prefix("event ")?.rsplit_once(' ')?;
    Some(Event {
        time: nanoseconds(time)?,
        text: text.to_owned(),
    })
}

fn number(word: &str) -> Option<usize> {
    word.parse().ok()
}

fn nanoseconds(word: &str) -> Option<Duration> {
    word.parse().ok().map(Duration::from_nanos)
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// The reports, in their order.
pub(super) struct Reports {
    pipe: pipe::Receiver,
    buffer: Vec<u8>,
    /// The number of bytes that have been parsed.
    done: usize,
}

impl Reports {
    pub(super) fn new(pipe: pipe::Receiver) -> Self {
        Self {
            pipe,
            buffer: Vec::new(),
            done: 0,
        }
    }

    /// Waits for the next report. Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Report> {
        loop {
            if let Some(report) = self.take() {
                return Ok(report);
            }
            // A report that was written atomically is read in one piece.
            self.buffer.reserve(PIPE_BUF);
            if self.pipe.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Returns the next report that is in the FIFO.
    pub(super) fn left(&mut self) -> Option<Report> {
        loop {
            if let Some(report) = self.take() {
                return Some(report);
            }
            match self.pipe.try_read_buf(&mut self.buffer) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// Returns the next report that has been read already.
    pub(super) fn take(&mut self) -> Option<Report> {
        let rest = &self.buffer[self.done..];
        let Some(end) = memchr::memchr(b'\n', rest) else {
            self.buffer.drain(..self.done);
            self.done = 0;
            return None;
        };
        let report = Report::parse(&String::from_utf8_lossy(&rest[..end]));
        self.done += end + 1;
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_returns_the_report_or_an_error() {
        let at = Duration::from_nanos(17300);
        let parse = Report::parse;
        assert_eq!(
            parse("out 1 17300 00ff41"),
            Report::Out(1, at, vec![0, 255, 65])
        );
        assert_eq!(parse("stopped_at 17300"), Report::StoppedAt(at));
        assert_eq!(parse("limit_at 17300"), Report::LimitAt(at));
        assert_eq!(parse("paused 17300"), Report::Paused(at));
        assert_eq!(parse("synced 17300"), Report::Synced(at));
        let text = "0 sysbus.led on".to_owned();
        let event = Event { time: at, text };
        assert_eq!(parse("event 0 sysbus.led on 17300"), Report::Event(event));
        for odd in [
            "",
            "out",
            "out 1 x 00",
            "out 1 2 0",
            "out 1 2 é",
            "error: x",
        ] {
            assert_eq!(parse(odd), Report::Error(odd.to_owned()));
        }
    }
}

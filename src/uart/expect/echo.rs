//! The echo of a sent line, as the terminal shows it.
//!
//! [`EchoFinder`] finds it for a reply; [`EchoedLine`] is the matcher of `send_line_echoed`.

use super::line::or_too_long;
use crate::runtime::Stops;
use crate::uart::error::UartError;
use crate::uart::expect::ignored_lines::IgnoredLines;
use crate::uart::expect::screen::{ENDLESS, shown, widths};
use crate::uart::expect::wait::{Found, Matcher};
use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::stops::line_ends;
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::slice::TranscriptSlice;
use crate::uart::transcript::split::Splitter;

/// The largest number of bytes in which an echo is drawn.
const LONGEST_DRAWN: u64 = 64 << 10;
/// The shortest end of a line that is accepted as its echo: a line editor without enough room scrolls.
const LEAST_SCROLLED: usize = 16;
/// The shortest beginning of a command that counts as the beginning of its echo.
const LEAST_BEGUN: usize = 2;

/// The certainty that a line is an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EchoCertainty {
    /// The line follows a prompt.
    BehindPrompt,
    /// The line is on its own, as output may be: a log line may have separated it from the prompt.
    Alone,
}

/// A search for the echo of a line, from each place at which it may begin.
pub(super) struct EchoFinder {
    /// The line, without blanks around it.
    line: String,
    /// The end of the output when the line was sent; the echo ends behind it.
    sent: u64,
    ignored: IgnoredLines,
    places: Vec<Candidate>,
    /// The start of the output's current line; unknown if the search began within the line.
    line_start: Option<u64>,
}

/// A place at which the echo may begin.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// The start of the output's line that contains the place.
    line: u64,
    at: u64,
    found: EchoCertainty,
}

impl EchoFinder {
    pub(super) fn new(line: &[u8], ignored: IgnoredLines) -> Self {
        Self {
            line: lossy(line.trim_ascii()).into_owned(),
            sent: 0,
            ignored,
            places: Vec::new(),
            line_start: None,
        }
    }

    /// Restarts at `at`, behind a prompt; the line was sent when the output ended at `sent`.
    pub(super) fn restart(&mut self, at: u64, sent: u64) {
        self.sent = sent;
        self.line_start = None;
        self.places.clear();
        self.places.push(Candidate {
            line: at,
            at,
            found: EchoCertainty::BehindPrompt,
        });
    }

    /// Adds the place `at`, where a prompt ends.
    pub(super) fn prompt(&mut self, at: u64, uart: &UartState) -> Result<(), UartError> {
        let line = self.line_start(uart)?;
        self.places.push(Candidate {
            line,
            at,
            found: EchoCertainty::BehindPrompt,
        });
        Ok(())
    }

    /// Returns the start of the output's current line.
    pub(super) fn line_start(&mut self, uart: &UartState) -> Result<u64, UartError> {
        let start = match (self.line_start, self.places.first()) {
            (Some(start), _) => start,
            (None, Some(first)) => start_of_line(uart, first.at)?,
            (None, None) => 0,
        };
        self.line_start = Some(start);
        Ok(start)
    }

    /// Takes the newline at `at`; returns the certainty of an echo that ends there.
    pub(super) fn newline(
        &mut self,
        at: u64,
        uart: &UartState,
    ) -> Result<Option<EchoCertainty>, UartError> {
        let start = self.line_start(uart)?;
        if let Some(first) = self.places.first_mut() {
            first.line = first.line.min(start);
        }
        let mut echo = None;
        let mut kept = Vec::new();
        for place in self.places.iter().rev() {
            let texts = self.texts(*place, at, uart)?;
            if at >= self.sent && texts.iter().any(|text| self.is_echo(text, place.found)) {
                echo = Some(place.found);
                break;
            }
            if texts
                .iter()
                .any(|text| self.may_continue(text, place.found))
            {
                kept.push(*place);
            }
        }
        kept.reverse();
        self.places = kept;
        self.places.push(Candidate {
            line: at + 1,
            at: at + 1,
            found: EchoCertainty::Alone,
        });
        self.line_start = Some(at + 1);
        Ok(echo)
    }

    /// Returns how much of the line is at the end of the output, and whether that is all of it.
    pub(super) fn begun(&self, uart: &UartState) -> Result<Option<(usize, bool)>, UartError> {
        let end = uart.transcript.end_position().offset;
        for place in self.places.iter().rev() {
            for text in self.texts(*place, end, uart)? {
                match self.beginning(&text, place.found) {
                    Some(begun) if begun >= LEAST_BEGUN => {
                        return Ok(Some((begun, begun == self.line.len())));
                    }
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    /// Returns the texts that a terminal may show from `place` to `end`, one for each possible width.
    fn texts(
        &self,
        place: Candidate,
        end: u64,
        uart: &UartState,
    ) -> Result<Vec<String>, UartError> {
        if place.at > end || end - place.line > LONGEST_DRAWN {
            return Ok(Vec::new());
        }
        let output = |range, view| {
            let transcript = &uart.transcript;
            let slice = TranscriptSlice {
                transcript,
                range,
                view,
            };
            slice.bytes()
        };
        let bytes = output(place.line..end, View::Raw)?;
        let from = (place.at - place.line) as usize;
        let mut texts: Vec<String> = widths(&bytes, from)
            .map(|width| shown(&bytes, from, width))
            .collect();
        if !self.ignored.is_empty() {
            let text = output(place.at..end, View::Text)?;
            let kept = self.ignored.cut_at_matches(&text)?;
            if kept != text {
                texts.push(shown(&kept, 0, ENDLESS));
            }
        }
        Ok(texts)
    }

    fn is_echo(&self, text: &str, place: EchoCertainty) -> bool {
        let text = text.trim_start();
        let is_scrolled = text.len() >= LEAST_SCROLLED && self.line.ends_with(text);
        match text.strip_suffix(self.line.as_str()) {
            Some("") => true,
            Some(before) if place == EchoCertainty::BehindPrompt => is_end_of_prompt(before),
            _ => is_scrolled,
        }
    }

    /// Returns true if the echo may begin with `text` and continue in the next line.
    fn may_continue(&self, text: &str, place: EchoCertainty) -> bool {
        let is_cut_empty = text.trim_start().is_empty() && !self.ignored.is_empty();
        is_cut_empty || self.beginning(text, place).is_some()
    }

    /// Returns how much of the line is at the end of `text`, with at most the rest of a prompt before it.
    fn beginning(&self, text: &str, place: EchoCertainty) -> Option<usize> {
        let text = text.trim_start();
        let begins = |(at, _): (usize, char)| {
            let (before, rest) = text.split_at(at);
            let is_rest_of_prompt =
                place == EchoCertainty::BehindPrompt && is_end_of_prompt(before);
            (self.line.starts_with(rest) && (at == 0 || is_rest_of_prompt)).then_some(rest.len())
        };
        text.char_indices().find_map(begins)
    }
}

/// Returns true if `text` looks like the rest of a prompt whose pattern matches only the beginning.
fn is_end_of_prompt(text: &str) -> bool {
    text.ends_with(['>', '$', '#', '%', ':', ']', ')', ' '])
        && !text.contains(char::is_alphanumeric)
}

/// Returns the start of the line that contains `at`.
pub(super) fn start_of_line(uart: &UartState, at: u64) -> Result<u64, UartError> {
    let start = uart.transcript.segment_start().offset.min(at);
    let slice = TranscriptSlice {
        transcript: &uart.transcript,
        range: start.max(at.saturating_sub(LONGEST_DRAWN / 16))..at,
        view: View::Raw,
    };
    let before = slice.bytes()?;
    let newline = memchr::memrchr(b'\n', &before);
    Ok(newline.map_or(slice.range.start, |newline| {
        slice.range.start + newline as u64 + 1
    }))
}

/// The matcher of `send_line_echoed`: the first line that ends with the sent one.
pub(crate) struct EchoedLine {
    line: Vec<u8>,
    lines: Splitter,
    /// The search for an echo that is wrapped at the terminal's width.
    finder: EchoFinder,
}

impl EchoedLine {
    pub(crate) fn new(line: &[u8]) -> Self {
        Self {
            line: line.to_vec(),
            lines: Splitter::default(),
            finder: EchoFinder::new(line, IgnoredLines::default()),
        }
    }
}

impl Matcher for EchoedLine {
    type Output = ();

    fn restart(&mut self, at: u64) {
        self.lines.restart();
        self.finder.restart(at, at);
    }

    fn stops(&self) -> Stops {
        line_ends()
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &UartState) -> Result<Option<Found<()>>, UartError> {
        let mut rest = piece;
        while !rest.bytes.is_empty() {
            let newline = memchr::memchr(b'\n', rest.bytes);
            let length = newline.map_or(rest.bytes.len(), |newline| newline + 1);
            let line = &self.line;
            let found = self.lines.feed(rest.take(length), |read| {
                read.bytes.ends_with(line).then_some(Found {
                    output: (),
                    end: read.end + 1,
                    after_cr: read.after_cr,
                })
            });
            let found = or_too_long(found, &self.lines, uart, || self.describe())?;
            if found.is_some() {
                return Ok(found);
            }
            let end = rest.offset + length as u64;
            if newline.is_some() && self.finder.newline(end - 1, uart)?.is_some() {
                return Ok(Some(Found {
                    output: (),
                    end,
                    after_cr: false,
                }));
            }
            rest = rest.skip(length);
        }
        Ok(None)
    }

    fn describe(&self) -> String {
        format!(
            "send_line_echoed(\"{}\"), waiting for the echo,",
            self.line.escape_ascii()
        )
    }
}

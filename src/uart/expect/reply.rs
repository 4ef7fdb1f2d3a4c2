//! The reply to a sent line: the line's echo, the answer, the next prompt.
//!
//! A [`Reply`] finds the echo first. The answer begins behind it, so that output from before the
//! line (a second prompt, log lines, a prompt that is printed again behind them) is skipped, and
//! the first prompt behind the echo ends the answer. Without a certain echo, the prompt is only a
//! [`ReplyState::Doubtful`] end: it counts if no echo follows for a while. [`ReplyMatcher`] waits
//! for a prompt, [`QuietMatcher`] for that while to pass.

use std::ops::{ControlFlow, Range};

use super::diagnose;
use super::echo::{EchoCertainty, EchoFinder, start_of_line};
use super::hint::is_silent;
use super::set::{Set, quoted};
use super::shell_hint::{echo_alone, no_echo_hint, no_prompt_hint, prompt_question};
use crate::runtime::Stops;
use crate::sync::lock;
use crate::uart::error::{Ambiguity, UartError};
use crate::uart::expect::ignored_lines::IgnoredLines;
use crate::uart::expect::wait::{Found, Matcher};
use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::{Pattern, PatternError};
use crate::uart::state::UartState;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::slice::TranscriptSlice;

/// The number of bytes that are searched for log lines like a doubtful one.
const RECENT_BYTES: u64 = 64 << 10;

/// The knowledge about a board's echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The board echoes.
    Echo,
    /// It is not known whether the board echoes.
    Unknown,
    /// The board does not echo, or the line is empty, so that its echo cannot be recognized.
    NoEcho {
        /// True if the board was seen to print one prompt for each line.
        is_proven: bool,
        /// True if this was seen with an earlier line, and is not a setting.
        is_learned: bool,
    },
}

/// An answer: its place in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The range of its text.
    pub(crate) range: Range<u64>,
    /// The end of the prompt.
    pub(crate) end: u64,
    /// True if it follows an echo.
    pub(crate) has_echo: bool,
}

/// The meaning of a prompt.
#[derive(Debug)]
pub(crate) enum ReplyState {
    /// The end of this answer.
    Certain(Answer),
    /// The end of an answer if no echo follows.
    Doubtful,
    /// No echo has followed the doubtful prompt in time.
    Settled,
}

/// A sent line, and the part of its reply that has arrived.
pub(crate) struct Reply {
    operation: ReplyPurpose,
    line: Vec<u8>,
    /// The start of the search: the end of a prompt.
    from: u64,
    /// The end of the output when the line was sent.
    sent: u64,
    expected: Expected,
    ignored: IgnoredLines,
    prompt: Set,
    finder: EchoFinder,
    /// The end of the echo.
    echo: Option<(u64, EchoCertainty)>,
    /// The answer if no further echo follows.
    doubtful: Option<Answer>,
    /// The end of a prompt for which no line was sent.
    surplus: Option<u64>,
}

/// The purpose of a reply, as in a message.
#[derive(Debug, Clone)]
pub(crate) enum ReplyPurpose {
    /// A command's answer.
    Answer,
    /// The prompt at which the board accepts this command, behind the last line sent or the start.
    Ready { command: Vec<u8>, is_start: bool },
}

impl Reply {
    /// Creates the reply to `line`, the last line sent, while the output ended at `sent`.
    pub(crate) fn new(
        operation: ReplyPurpose,
        line: &[u8],
        sent: u64,
        expected: Expected,
        prompt: Pattern,
        ignored: IgnoredLines,
    ) -> Result<Self, PatternError> {
        let is_blank = line.trim_ascii().is_empty();
        let unproven = Expected::NoEcho {
            is_proven: false,
            is_learned: false,
        };
        Ok(Self {
            finder: EchoFinder::new(line, ignored.clone()),
            operation,
            line: line.to_vec(),
            from: sent,
            sent,
            expected: match (expected, is_blank) {
                (Expected::Echo | Expected::Unknown, true) => unproven,
                _ => expected,
            },
            ignored,
            prompt: Set::new(vec![prompt], View::Text)?,
            echo: None,
            doubtful: None,
            surplus: None,
        })
    }

    fn restart(&mut self, at: u64) {
        self.from = at;
        self.prompt.restart(at);
        self.finder.restart(at, self.sent);
        self.echo = None;
        self.doubtful = None;
        self.surplus = None;
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<(ReplyState, u64)>, UartError> {
        let mut rest = piece;
        while !rest.bytes.is_empty() {
            let newline = match self.looks_for_echo() {
                true => memchr::memchr(b'\n', rest.bytes),
                false => None,
            };
            let length = newline.map_or(rest.bytes.len(), |newline| newline + 1);
            let end = rest.offset + length as u64;
            let mut line = rest.take(length);
            while let Some((_, found)) = self.prompt.feed(line, uart)? {
                self.prompt.restart(found.end);
                let prompt = found.output.range.start..found.end;
                if let Some(state) = self.at_prompt(prompt, uart)? {
                    return Ok(Some((state, found.end)));
                }
                line = line.skip(found.end.saturating_sub(line.offset) as usize);
            }
            if newline.is_some() {
                self.at_newline(end - 1, uart)?;
            }
            rest = rest.skip(length);
        }
        Ok(None)
    }

    /// Returns true while the search for the echo continues.
    fn looks_for_echo(&self) -> bool {
        let is_behind_prompt = matches!(self.echo, Some((_, EchoCertainty::BehindPrompt)));
        let is_sure = is_behind_prompt && self.doubtful.is_none();
        match self.expected {
            Expected::NoEcho { is_learned, .. } => is_learned && !is_sure,
            Expected::Echo | Expected::Unknown => !is_sure,
        }
    }

    fn at_prompt(
        &mut self,
        prompt: Range<u64>,
        uart: &UartState,
    ) -> Result<Option<ReplyState>, UartError> {
        if self.is_in_log_line(prompt.end, uart)? {
            return Ok(None);
        }
        if self.looks_for_echo() {
            self.finder.prompt(prompt.end, uart)?;
        }
        if prompt.end <= self.sent {
            self.surplus = Some(prompt.end);
            return Ok(None);
        }
        let answer = |from: u64, has_echo| Answer {
            range: from.min(prompt.start)..prompt.start,
            end: prompt.end,
            has_echo,
        };
        match (self.echo, self.expected) {
            (Some((from, EchoCertainty::BehindPrompt)), _) => {
                if self.begins_with_log_line(from, uart)? {
                    // The board may have printed the log line before it accepted the command.
                    if self.doubtful.is_none() {
                        self.doubtful = Some(answer(from, true));
                        self.finder.restart(prompt.end, self.sent);
                    }
                    return Ok(Some(ReplyState::Doubtful));
                }
                Ok(Some(ReplyState::Certain(answer(from, true))))
            }
            (Some((from, _)), _) => {
                let known = self.doubtful.as_ref();
                if known.is_none_or(|known| !known.has_echo) {
                    self.doubtful = Some(answer(from, true));
                }
                Ok(Some(ReplyState::Doubtful))
            }
            (None, Expected::Echo) => Ok(None),
            (
                None,
                Expected::NoEcho {
                    is_proven: true, ..
                },
            ) => {
                if self.surplus.is_some() {
                    return Err(self.cannot_tell(uart, Ambiguity::SecondPrompt));
                }
                Ok(Some(ReplyState::Certain(answer(self.sent, false))))
            }
            (None, Expected::NoEcho { .. } | Expected::Unknown) => {
                match self.doubtful {
                    Some(_) => self.surplus = Some(prompt.end),
                    None => self.doubtful = Some(answer(self.sent, false)),
                }
                Ok(Some(ReplyState::Doubtful))
            }
        }
    }

    /// Returns true if the line that begins at `at` is a log line.
    fn begins_with_log_line(&self, at: u64, uart: &UartState) -> Result<bool, UartError> {
        if self.ignored.is_empty() {
            return Ok(false);
        }
        let mut end = at;
        let slice = TranscriptSlice {
            transcript: &uart.transcript,
            range: at..uart.transcript.end_position().offset,
            view: View::Text,
        };
        let _ = slice.forwards(|piece| match memchr::memchr(b'\n', piece.bytes) {
            Some(newline) => {
                end = piece.offset + newline as u64;
                ControlFlow::Break(())
            }
            None => {
                end = piece.end();
                ControlFlow::Continue(())
            }
        })?;
        Ok(self.ignored.matches(&text(uart, at..end)?)?)
    }

    fn at_newline(&mut self, at: u64, uart: &UartState) -> Result<(), UartError> {
        let found = self.finder.newline(at, uart)?;
        match (found, self.expected) {
            (Some(EchoCertainty::BehindPrompt), Expected::NoEcho { .. }) => {
                Err(self.cannot_tell(uart, Ambiguity::NewEcho))
            }
            (Some(EchoCertainty::BehindPrompt), _) => {
                self.echo = Some((at + 1, EchoCertainty::BehindPrompt));
                self.doubtful = None;
                Ok(())
            }
            (Some(EchoCertainty::Alone), Expected::Echo | Expected::Unknown)
                if self.echo.is_none() =>
            {
                self.echo = Some((at + 1, EchoCertainty::Alone));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns true if the output that ends at `at` is part of a log line.
    fn is_in_log_line(&mut self, at: u64, uart: &UartState) -> Result<bool, UartError> {
        if self.ignored.is_empty() {
            return Ok(false);
        }
        let start = at
            .saturating_sub(RECENT_BYTES)
            .max(uart.transcript.segment_start().offset);
        let before = text(uart, start.min(at)..at)?;
        let line = memchr::memrchr(b'\n', &before).map_or(0, |newline| newline + 1);
        Ok(self.ignored.matches(&before[line..])?)
    }

    /// Returns the doubtful answer, now that no echo has followed in time; `None` if an echo has begun.
    pub(crate) fn settle(&mut self, uart: &UartState) -> Result<Option<Answer>, UartError> {
        let Some(answer) = self.doubtful.take() else {
            return Ok(None);
        };
        let may_echo = matches!(self.expected, Expected::Echo | Expected::Unknown);
        if may_echo && self.finder.begun(uart)?.is_some() {
            self.expected = Expected::Echo;
            return Ok(None);
        }
        if answer.has_echo {
            return Ok(Some(answer));
        }
        let surplus = self.surplus.filter(|surplus| *surplus > self.sent);
        match (surplus, &self.operation) {
            (None, _) => Ok(Some(answer)),
            (Some(_), ReplyPurpose::Answer) => Err(self.cannot_tell(uart, Ambiguity::SecondPrompt)),
            (Some(end), ReplyPurpose::Ready { .. }) => Ok(Some(Answer { end, ..answer })),
        }
    }

    fn cannot_tell(&self, uart: &UartState, why: Ambiguity) -> UartError {
        diagnose::ambiguous(uart, self.describe(), why, self.sent)
    }

    /// Returns the text of an answer, without log lines and without the line ends around it.
    ///
    /// `prompt_line` is the line that ends with the board's first prompt; the pattern may match
    /// only the end of that line.
    pub(crate) fn text(
        &self,
        answer: &Answer,
        prompt_line: &[u8],
        uart: &UartState,
    ) -> Result<String, UartError> {
        let Range { start, mut end } = answer.range;
        let with_prompt = text(uart, start..answer.end)?;
        if with_prompt.ends_with(prompt_line) && !prompt_line.is_empty() {
            let last = TranscriptSlice {
                transcript: &uart.transcript,
                range: start..answer.end,
                view: View::Text,
            };
            end = last
                .place(prompt_line.len(), 0..prompt_line.len())?
                .start
                .min(end);
        }
        // Without an echo, an answer may begin within a log line.
        let line = match answer.has_echo || self.ignored.is_empty() {
            true => start,
            false => start_of_line(uart, start)?.max(self.from.min(start)),
        };
        let (before, bytes) = (text(uart, line..start)?, text(uart, line..end)?);
        let recent = || text(uart, start.saturating_sub(RECENT_BYTES)..end).unwrap_or_default();
        let kept = self.ignored.cut(&bytes, recent)?;
        let kept = kept.strip_prefix(before.as_slice()).unwrap_or(&kept);
        let text = lossy(kept);
        Ok(text.trim_matches(['\r', '\n']).to_owned())
    }

    fn hint(&self, uart: &UartState) -> Option<String> {
        if is_silent(uart) {
            return None;
        }
        let end = uart.transcript.end_position().offset;
        let from = self.sent.max(end.saturating_sub(RECENT_BYTES)).min(end);
        let output = text(uart, from..end).unwrap_or_default();
        let question = || prompt_question(self.prompt.first()?, &output);
        if let ReplyPurpose::Ready { is_start, .. } = self.operation {
            return Some(question().unwrap_or_else(|| no_prompt_hint(is_start, &self.line)));
        }
        if let Some(hint) = echo_alone(uart, &output) {
            return Some(hint);
        }
        if self.echo.is_some() || self.expected != Expected::Echo {
            return question();
        }
        let length = self.line.trim_ascii().len();
        let begun = self.finder.begun(uart).ok().flatten();
        let sent = lock(&uart.conversation).sent_end().to_vec();
        Some(no_echo_hint(begun, length, &sent))
    }

    fn describe(&self) -> String {
        let prompt = self.prompt.sources();
        match &self.operation {
            ReplyPurpose::Answer => answer_to(&self.line, &prompt),
            ReplyPurpose::Ready { command, .. } => format!(
                "run(\"{}\"), waiting for the prompt {prompt} before it sends,",
                command.escape_ascii()
            ),
        }
    }
}

/// Describes the operation for a message.
pub(crate) fn describe(line: &[u8], prompt: &Pattern) -> String {
    answer_to(line, &quoted(prompt))
}

fn answer_to(line: &[u8], prompt: &str) -> String {
    format!(
        "run(\"{}\"), waiting for the prompt {prompt},",
        line.escape_ascii()
    )
}

fn text(uart: &UartState, range: Range<u64>) -> Result<Vec<u8>, UartError> {
    let slice = TranscriptSlice {
        transcript: &uart.transcript,
        range,
        view: View::Text,
    };
    Ok(slice.bytes()?)
}

/// Returns the text of the current line up to `at`.
pub(crate) fn line_up_to(at: u64, uart: &UartState) -> Result<Vec<u8>, UartError> {
    text(uart, start_of_line(uart, at)?..at)
}

/// A matcher that waits for a prompt.
pub(crate) struct ReplyMatcher(Option<Reply>);

/// A matcher that waits for an echo behind a doubtful prompt; if none follows, the answer counts.
pub(crate) struct QuietMatcher(Option<Reply>);

impl ReplyMatcher {
    pub(crate) fn new(reply: Reply) -> Self {
        Self(Some(reply))
    }
}

impl QuietMatcher {
    pub(crate) fn new(reply: Reply) -> Self {
        Self(Some(reply))
    }
}

impl Matcher for ReplyMatcher {
    type Output = (Reply, ReplyState);

    fn restart(&mut self, at: u64) {
        if let Some(reply) = &mut self.0 {
            reply.restart(at);
        }
    }

    fn stops(&self) -> Stops {
        stops(self.0.as_ref())
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError> {
        let Some(reply) = &mut self.0 else {
            return Ok(None);
        };
        let found = reply.feed(piece, uart)?;
        Ok(found.and_then(|(state, end)| done(&mut self.0, state, end)))
    }

    fn hint(&self, uart: &UartState, _from: u64) -> Option<String> {
        self.0.as_ref()?.hint(uart)
    }

    fn describe(&self) -> String {
        self.0.as_ref().map(Reply::describe).unwrap_or_default()
    }
}

impl Matcher for QuietMatcher {
    type Output = (Reply, ReplyState);

    /// Keeps the reply's position.
    fn restart(&mut self, _at: u64) {}

    fn stops(&self) -> Stops {
        stops(self.0.as_ref())
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError> {
        let mut rest = piece;
        while let Some(reply) = &mut self.0
            && let Some((state, end)) = reply.feed(rest, uart)?
        {
            if let ReplyState::Certain(_) = state {
                return Ok(done(&mut self.0, state, end));
            }
            rest = rest.skip(end.saturating_sub(rest.offset) as usize);
        }
        Ok(None)
    }

    fn finish(
        &mut self,
        end: u64,
        _uart: &UartState,
    ) -> Result<Option<Found<Self::Output>>, UartError> {
        Ok(done(&mut self.0, ReplyState::Settled, end))
    }

    fn timed_out(&mut self) -> Option<Self::Output> {
        Some((self.0.take()?, ReplyState::Settled))
    }

    fn describe(&self) -> String {
        self.0.as_ref().map(Reply::describe).unwrap_or_default()
    }
}

fn stops(reply: Option<&Reply>) -> Stops {
    reply.map_or(Stops::default(), |reply| reply.prompt.stops())
}

fn done(
    reply: &mut Option<Reply>,
    state: ReplyState,
    end: u64,
) -> Option<Found<(Reply, ReplyState)>> {
    Some(Found {
        output: (reply.take()?, state),
        end,
        after_cr: false,
    })
}

//! What the reading operations look for: one search each.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::chunk::{Piece, View};
use super::error::ExpectError;
use super::matched::Match;
use super::pattern::{Groups, IntoPattern, Pattern, PatternError};
use super::port::Shared;
use super::search::{Engine, Located, Stretch};
use super::split::{LONGEST_LINE, Line, Splitter};
use super::wait::{Done, Search};

/// Several patterns on one stream, looked for at once.
struct Set {
    patterns: Vec<(Pattern, Engine)>,
    view: View,
    from: u64,
}

impl Set {
    fn new(patterns: Vec<Pattern>, view: View) -> Result<Self, PatternError> {
        let with_engine = |pattern: Pattern| {
            let engine = Engine::new(&pattern)?;
            Ok((pattern, engine))
        };
        Ok(Self {
            patterns: patterns
                .into_iter()
                .map(with_engine)
                .collect::<Result<_, _>>()?,
            view,
            from: 0,
        })
    }

    fn restart(&mut self, at: u64) {
        self.from = at;
        for (_, engine) in &mut self.patterns {
            engine.restart();
        }
    }

    /// The earliest match of any; of those with the same end that of the first pattern.
    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<(usize, Done<Match>)>, ExpectError> {
        let mut first = None;
        let mut bytes = piece.bytes;
        for (index, (_, engine)) in self.patterns.iter_mut().enumerate() {
            if let Some(end) = engine.feed(bytes)? {
                first = Some((index, end));
                bytes = &bytes[..end - 1];
            }
            if bytes.is_empty() {
                break;
            }
        }
        let Some((index, end)) = first else {
            return Ok(None);
        };
        let found = self.locate(index, piece.offset + end as u64, uart, false)?;
        Ok(Some((index, found)))
    }

    fn finish(
        &mut self,
        end: u64,
        uart: &Shared,
    ) -> Result<Option<(usize, Done<Match>)>, ExpectError> {
        for index in 0..self.patterns.len() {
            if self.patterns[index].1.finish()? {
                return Ok(Some((index, self.locate(index, end, uart, true)?)));
            }
        }
        Ok(None)
    }

    fn locate(
        &mut self,
        index: usize,
        end: u64,
        uart: &Shared,
        eof: bool,
    ) -> Result<Done<Match>, ExpectError> {
        let (pattern, engine) = &mut self.patterns[index];
        let stretch = Stretch {
            transcript: &uart.transcript,
            range: self.from..end,
            view: self.view,
        };
        let Located { text, groups } = engine.locate(&stretch, eof)?;
        let back = |offset: usize| stretch.offset_back(text.len() - offset);
        let whole = groups
            .first()
            .cloned()
            .flatten()
            .unwrap_or(text.len()..text.len());
        let hull = hull(&groups).unwrap_or(whole.clone());
        let range = back(whole.start)?..back(whole.end)?;
        let end = back(hull.end)?;
        let groups = groups
            .into_iter()
            .map(|group| group.map(|g| g.start - hull.start..g.end - hull.start))
            .collect();
        Ok(Done {
            output: Match {
                transcript: Arc::clone(&uart.transcript),
                pattern: pattern.clone(),
                text: text[hull].to_vec(),
                groups,
                range,
                from: self.from,
                is_line: false,
            },
            end,
            after_cr: false,
        })
    }

    fn sources(&self) -> String {
        let quoted = self.patterns.iter().map(|(pattern, _)| quoted(pattern));
        quoted.collect::<Vec<_>>().join(", ")
    }
}

/// The least range that holds all groups.
fn hull(groups: &Groups) -> Option<Range<usize>> {
    let ranges = || groups.iter().flatten();
    let start = ranges().map(|range| range.start).min()?;
    let end = ranges().map(|range| range.end).max()?;
    Some(start..end)
}

fn quoted(pattern: &Pattern) -> String {
    format!("{:?}", pattern.to_string())
}

/// `expect`, `expect_bytes`
pub(super) struct Expect {
    set: Set,
    name: &'static str,
}

impl Expect {
    pub(super) fn text(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![pattern.into_pattern()?], View::Text)?,
            name: "expect",
        })
    }

    pub(super) fn bytes(bytes: &[u8]) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![Pattern::literal(bytes)], View::Raw)?,
            name: "expect_bytes",
        })
    }
}

impl Search for Expect {
    type Output = Match;

    fn view(&self) -> View {
        self.set.view
    }

    fn restart(&mut self, at: u64) {
        self.set.restart(at);
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<Match>>, ExpectError> {
        Ok(self.set.feed(piece, uart)?.map(|(_, found)| found))
    }

    fn finish(&mut self, end: u64, uart: &Shared) -> Result<Option<Done<Match>>, ExpectError> {
        Ok(self.set.finish(end, uart)?.map(|(_, found)| found))
    }

    fn describe(&self) -> String {
        format!("{}({})", self.name, self.set.sources())
    }
}

/// `expect_any`
pub(super) struct ExpectAny(Set);

impl ExpectAny {
    pub(super) fn new<P: IntoPattern>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        let patterns = compiled(patterns)?;
        if patterns.is_empty() {
            return Err(PatternError::NoPatterns);
        }
        Set::new(patterns, View::Text).map(Self)
    }
}

fn compiled<P: IntoPattern>(
    patterns: impl IntoIterator<Item = P>,
) -> Result<Vec<Pattern>, PatternError> {
    patterns
        .into_iter()
        .map(IntoPattern::into_pattern)
        .collect()
}

impl Search for ExpectAny {
    type Output = (usize, Match);

    fn restart(&mut self, at: u64) {
        self.0.restart(at);
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<Self::Output>>, ExpectError> {
        Ok(self.0.feed(piece, uart)?.map(with_index))
    }

    fn finish(
        &mut self,
        end: u64,
        uart: &Shared,
    ) -> Result<Option<Done<Self::Output>>, ExpectError> {
        Ok(self.0.finish(end, uart)?.map(with_index))
    }

    fn describe(&self) -> String {
        format!("expect_any({})", self.0.sources())
    }
}

fn with_index((index, found): (usize, Done<Match>)) -> Done<(usize, Match)> {
    Done {
        output: (index, found.output),
        end: found.end,
        after_cr: found.after_cr,
    }
}

/// `expect_all`
pub(super) struct ExpectAll {
    /// Each pattern with what it found.
    patterns: Vec<(Set, Option<Match>)>,
    /// Behind the furthest of the matches.
    end: u64,
}

impl ExpectAll {
    pub(super) fn new<P: IntoPattern>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PatternError> {
        let alone = |pattern| Ok((Set::new(vec![pattern], View::Text)?, None));
        Ok(Self {
            patterns: compiled(patterns)?
                .into_iter()
                .map(alone)
                .collect::<Result<_, _>>()?,
            end: 0,
        })
    }

    /// The matches, once there are all.
    fn all(&mut self) -> Option<Vec<Match>> {
        if self.patterns.iter().any(|(_, found)| found.is_none()) {
            return None;
        }
        Some(
            self.patterns
                .iter_mut()
                .filter_map(|(_, found)| found.take())
                .collect(),
        )
    }
}

impl Search for ExpectAll {
    type Output = Vec<Match>;

    fn restart(&mut self, at: u64) {
        for (set, found) in &mut self.patterns {
            set.restart(at);
            *found = None;
        }
    }

    fn at_once(&mut self) -> Option<Vec<Match>> {
        self.patterns.is_empty().then(Vec::new)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<Vec<Match>>>, ExpectError> {
        for (set, found) in &mut self.patterns {
            if found.is_none()
                && let Some((_, done)) = set.feed(piece, uart)?
            {
                *found = Some(done.output);
                self.end = self.end.max(done.end);
            }
        }
        Ok(self.all().map(|output| Done {
            output,
            end: self.end,
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        let join = |sets: Vec<&Set>| {
            sets.into_iter()
                .map(Set::sources)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let all = self.patterns.iter().map(|(set, _)| set).collect();
        let missing = self.patterns.iter().filter(|(_, found)| found.is_none());
        let missing = missing.map(|(set, _)| set).collect();
        format!(
            "expect_all({}), still without {},",
            join(all),
            join(missing)
        )
    }
}

/// `expect_none`
pub(super) struct ExpectNone {
    set: Set,
    within: Duration,
}

impl ExpectNone {
    pub(super) fn new(pattern: impl IntoPattern, within: Duration) -> Result<Self, PatternError> {
        Ok(Self {
            set: Set::new(vec![pattern.into_pattern()?], View::Text)?,
            within,
        })
    }
}

impl Search for ExpectNone {
    type Output = ();

    fn restart(&mut self, at: u64) {
        self.set.restart(at);
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &Shared) -> Result<Option<Done<()>>, ExpectError> {
        match self.set.feed(piece, uart)? {
            None => Ok(None),
            Some((_, found)) => Err(ExpectError::unexpected(
                uart,
                self.describe(),
                found.output.as_bytes(),
                found.end,
            )),
        }
    }

    fn timed_out(&mut self) -> Option<()> {
        Some(())
    }

    fn describe(&self) -> String {
        format!("expect_none({}, {:?})", self.set.sources(), self.within)
    }
}

/// `expect_silence`
pub(super) struct ExpectSilence(pub(super) Duration);

impl Search for ExpectSilence {
    type Output = ();

    fn restart(&mut self, _at: u64) {}

    fn feed(&mut self, piece: Piece<'_>, uart: &Shared) -> Result<Option<Done<()>>, ExpectError> {
        let shown = piece.bytes.len().min(80);
        Err(ExpectError::unexpected(
            uart,
            self.describe(),
            &piece.bytes[..shown],
            piece.end(),
        ))
    }

    fn timed_out(&mut self) -> Option<()> {
        Some(())
    }

    fn describe(&self) -> String {
        format!("expect_silence({:?})", self.0)
    }
}

/// `read_exact`
pub(super) struct ReadExact {
    count: usize,
    bytes: Vec<u8>,
}

impl ReadExact {
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            bytes: Vec::new(),
        }
    }
}

impl Search for ReadExact {
    type Output = Vec<u8>;

    fn view(&self) -> View {
        View::Raw
    }

    fn restart(&mut self, _at: u64) {
        self.bytes.clear();
    }

    fn at_once(&mut self) -> Option<Vec<u8>> {
        (self.count == 0).then(Vec::new)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        _uart: &Shared,
    ) -> Result<Option<Done<Vec<u8>>>, ExpectError> {
        let missing = self.count - self.bytes.len();
        let piece = piece.take(missing.min(piece.bytes.len()));
        self.bytes.extend_from_slice(piece.bytes);
        Ok((self.bytes.len() == self.count).then(|| Done {
            output: std::mem::take(&mut self.bytes),
            end: piece.end(),
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        format!(
            "read_exact({}), after {} bytes,",
            self.count,
            self.bytes.len()
        )
    }
}

/// Reading for a `UartStream`: some bytes, no more than so many.
pub(super) struct ReadSome(pub(super) usize);

impl Search for ReadSome {
    type Output = Vec<u8>;

    fn view(&self) -> View {
        View::Raw
    }

    fn restart(&mut self, _at: u64) {}

    fn at_once(&mut self) -> Option<Vec<u8>> {
        (self.0 == 0).then(Vec::new)
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        _uart: &Shared,
    ) -> Result<Option<Done<Vec<u8>>>, ExpectError> {
        let piece = piece.take(self.0.min(piece.bytes.len()));
        Ok(Some(Done {
            output: piece.bytes.to_vec(),
            end: piece.end(),
            after_cr: false,
        }))
    }

    fn finish(&mut self, end: u64, _uart: &Shared) -> Result<Option<Done<Vec<u8>>>, ExpectError> {
        Ok(Some(Done {
            output: Vec::new(),
            end,
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        "read".to_owned()
    }
}

/// The echo of a line that was sent: the first line that ends with it.
pub(super) struct Echo {
    line: Vec<u8>,
    lines: Splitter,
}

impl Echo {
    pub(super) fn new(line: &[u8]) -> Self {
        Self {
            line: line.to_vec(),
            lines: Splitter::default(),
        }
    }
}

impl Search for Echo {
    type Output = ();

    fn restart(&mut self, _at: u64) {
        self.lines.restart();
    }

    fn feed(&mut self, piece: Piece<'_>, uart: &Shared) -> Result<Option<Done<()>>, ExpectError> {
        let Self { line, lines } = self;
        let found = lines.feed(piece, |heard| {
            heard.bytes.ends_with(line).then_some(Done {
                output: (),
                end: heard.end + 1,
                after_cr: heard.after_cr,
            })
        });
        match (&found, self.lines.too_long()) {
            (None, Some(start)) => Err(too_long(uart, self.describe(), start)),
            _ => Ok(found),
        }
    }

    fn describe(&self) -> String {
        format!(
            "send_line_echoed(\"{}\"), waiting for the echo,",
            self.line.escape_ascii()
        )
    }
}

/// What a command puts out, up to the next prompt.
pub(super) struct Output {
    command: Vec<u8>,
    prompt: Set,
}

impl Output {
    pub(super) fn new(command: &[u8], prompt: Option<Pattern>) -> Result<Self, PatternError> {
        let prompt = prompt.ok_or(PatternError::NoPrompt)?;
        Ok(Self {
            command: command.to_vec(),
            prompt: Set::new(vec![prompt], View::Text)?,
        })
    }

    /// The output without the echo of the command before it and the end of its last line.
    fn trimmed(&self, output: &[u8]) -> String {
        let end = memchr::memchr2(b'\r', b'\n', output).unwrap_or(output.len());
        let output = match &output[..end] {
            echo if !echo.is_empty() && echo.ends_with(&self.command) => {
                let rest = &output[end..];
                let returns = rest.iter().take_while(|b| **b == b'\r').count();
                let rest = &rest[returns..];
                rest.strip_prefix(b"\n").unwrap_or(rest)
            }
            _ => output,
        };
        let text = String::from_utf8_lossy(output);
        text.trim_end_matches(['\r', '\n']).to_owned()
    }
}

impl Search for Output {
    type Output = String;

    fn restart(&mut self, at: u64) {
        self.prompt.restart(at);
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<String>>, ExpectError> {
        let Some((_, found)) = self.prompt.feed(piece, uart)? else {
            return Ok(None);
        };
        let before = Stretch {
            transcript: &uart.transcript,
            range: found.output.from..found.output.range.start,
            view: View::Text,
        };
        Ok(Some(Done {
            output: self.trimmed(&before.bytes()?),
            end: found.end,
            after_cr: false,
        }))
    }

    fn describe(&self) -> String {
        format!(
            "run(\"{}\"), waiting for the prompt {},",
            self.command.escape_ascii(),
            self.prompt.sources()
        )
    }
}

/// `expect_line`
pub(super) struct ExpectLine {
    pattern: Pattern,
    lines: Splitter,
    from: u64,
}

impl ExpectLine {
    pub(super) fn new(pattern: impl IntoPattern) -> Result<Self, PatternError> {
        Ok(Self {
            pattern: pattern.into_pattern()?,
            lines: Splitter::default(),
            from: 0,
        })
    }
}

impl Search for ExpectLine {
    type Output = Match;

    fn restart(&mut self, at: u64) {
        self.from = at;
        self.lines.restart();
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<Match>>, ExpectError> {
        let Self {
            pattern,
            lines,
            from,
        } = self;
        let found = lines.feed(piece, |line| match pattern.find(line.bytes) {
            Ok(None) => None,
            Ok(Some(groups)) => Some(matched(pattern, &line, groups, *from, uart)),
            Err(e) => Some(Err(e.into())),
        });
        match (found, lines.too_long()) {
            (None, Some(start)) => Err(too_long(uart, self.describe(), start)),
            (found, _) => found.transpose(),
        }
    }

    fn describe(&self) -> String {
        format!("expect_line({})", quoted(&self.pattern))
    }
}

fn matched(
    pattern: &Pattern,
    line: &Line<'_>,
    groups: Groups,
    from: u64,
    uart: &Shared,
) -> Result<Done<Match>, ExpectError> {
    let whole = groups.first().cloned().flatten().unwrap_or(0..0);
    let stretch = Stretch {
        transcript: &uart.transcript,
        range: line.start..line.end,
        view: View::Text,
    };
    let plain = line.end - line.start == line.bytes.len() as u64;
    let offset = |at: usize| match plain {
        true => Ok(line.start + at as u64),
        false => stretch.offset_back(line.bytes.len() - at),
    };
    Ok(Done {
        output: Match {
            transcript: Arc::clone(&uart.transcript),
            pattern: pattern.clone(),
            text: line.bytes.to_vec(),
            range: offset(whole.start)?..offset(whole.end)?,
            groups,
            from,
            is_line: true,
        },
        end: line.end + 1,
        after_cr: line.after_cr,
    })
}

fn too_long(uart: &Shared, wanted: String, start: u64) -> ExpectError {
    ExpectError::LineTooLong {
        uart: uart.name.clone(),
        wanted,
        start,
        limit: LONGEST_LINE,
    }
}

/// `read_line`
#[derive(Default)]
pub(super) struct ReadLine {
    lines: Splitter,
}

impl Search for ReadLine {
    type Output = String;

    fn restart(&mut self, _at: u64) {
        self.lines.restart();
    }

    fn feed(
        &mut self,
        piece: Piece<'_>,
        uart: &Shared,
    ) -> Result<Option<Done<String>>, ExpectError> {
        let found = self.lines.feed(piece, |line| {
            Some(Done {
                output: String::from_utf8_lossy(line.bytes).into_owned(),
                end: line.end + 1,
                after_cr: line.after_cr,
            })
        });
        match (&found, self.lines.too_long()) {
            (None, Some(start)) => Err(too_long(uart, self.describe(), start)),
            _ => Ok(found),
        }
    }

    fn describe(&self) -> String {
        "read_line()".to_owned()
    }
}

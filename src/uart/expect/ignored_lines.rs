//! [`IgnoredLines`]: log lines that a board prints while it answers a command, and that are not
//! part of the answer.

use std::borrow::Cow;
use std::sync::Arc;

use crate::uart::pattern::stream::in_log_lines;
use crate::uart::pattern::{IntoPattern, Pattern, PatternError};

/// The patterns of the log lines that are removed from answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct IgnoredLines(Arc<[Pattern]>);

impl IgnoredLines {
    pub(crate) fn new(patterns: Vec<Pattern>) -> Self {
        Self(patterns.into())
    }

    /// Checks that `pattern` can match in a line; matching skips escape sequences if `strip_ansi`.
    pub(crate) fn pattern(
        pattern: impl IntoPattern,
        strip_ansi: bool,
    ) -> Result<Pattern, PatternError> {
        let pattern = in_log_lines(pattern)?;
        if strip_ansi {
            pattern.check_visible()?;
        }
        Ok(pattern)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if `line`, which may be unfinished, is or contains a log line.
    pub(crate) fn matches(&self, line: &[u8]) -> Result<bool, PatternError> {
        Ok(self.find(line)?.is_some())
    }

    /// Returns `text` without its log lines.
    ///
    /// A log line may interrupt another line, which continues behind it. The text before the match
    /// is then the beginning of that line, or it belongs to the log line. It belongs to the other
    /// line if the pattern matches at the start of a line in `recent`, the board's recent output.
    pub(crate) fn cut<'a>(
        &self,
        text: &'a [u8],
        recent: impl Fn() -> Vec<u8>,
    ) -> Result<Cow<'a, [u8]>, PatternError> {
        if self.is_empty() {
            return Ok(Cow::Borrowed(text));
        }
        let mut kept = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match self.find(line)? {
                None => kept.extend_from_slice(line),
                Some((0, _)) => {}
                Some((start, pattern)) => {
                    if begins_a_line(pattern, &recent())? {
                        kept.extend_from_slice(&before(line, start));
                    }
                }
            }
        }
        Ok(Cow::Owned(kept))
    }

    /// Returns `text` without its log lines, each taken to begin where its pattern matches.
    pub(crate) fn cut_at_matches(&self, text: &[u8]) -> Result<Vec<u8>, PatternError> {
        let mut kept = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match self.find(line)? {
                None => kept.extend_from_slice(line),
                Some((start, _)) => kept.extend_from_slice(&before(line, start)),
            }
        }
        Ok(kept)
    }

    /// Returns the match that begins first: its start and its pattern.
    fn find(&self, line: &[u8]) -> Result<Option<(usize, &Pattern)>, PatternError> {
        let line = text_of(line);
        let mut first: Option<(usize, &Pattern)> = None;
        for pattern in self.0.iter() {
            let groups = pattern.find(line)?.unwrap_or_default();
            let start = groups.first().cloned().flatten().map(|whole| whole.start);
            if let Some(start) = start
                && first.is_none_or(|(known, _)| start < known)
            {
                first = Some((start, pattern));
            }
        }
        Ok(first)
    }
}

/// Returns a line without its end, and without a `\r` that is left of the previous line's end.
fn text_of(line: &[u8]) -> &[u8] {
    let start = line.iter().take_while(|byte| **byte == b'\r').count();
    let line = &line[start..];
    let ends = line
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    &line[..line.len() - ends.count()]
}

/// Returns the first `start` bytes of a line's text.
fn before(line: &[u8], start: usize) -> Vec<u8> {
    text_of(line)[..start].to_vec()
}

/// Returns true if `pattern` matches at the start of a line of `text`.
fn begins_a_line(pattern: &Pattern, text: &[u8]) -> Result<bool, PatternError> {
    for line in text.split(|byte| *byte == b'\n') {
        let groups = pattern.find(text_of(line))?.unwrap_or_default();
        let whole = groups.first().cloned().flatten();
        if whole.is_some_and(|whole| whole.start == 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(patterns: &[&str], text: &str, recent: &str) -> String {
        let patterns = patterns
            .iter()
            .map(|pattern| IgnoredLines::pattern(*pattern, true));
        let ignored = IgnoredLines::new(patterns.collect::<Result<_, _>>().unwrap());
        let cut = ignored.cut(text.as_bytes(), || recent.as_bytes().to_vec());
        String::from_utf8(cut.unwrap().into_owned()).unwrap()
    }

    #[test]
    fn ignored_lines_are_left_out_at_any_position() {
        let stamp = "re:\\[\\d+\\] ";
        for (patterns, text, recent, expected) in [
            (&[][..], "a\r\n[1] log\r\nb", "", "a\r\n[1] log\r\nb"),
            (
                &[stamp],
                "[1] log\r\na\r\n[2] log\r\nb\r\n",
                "",
                "a\r\nb\r\n",
            ),
            (&[stamp], "a\n\r[1] log\n\rb", "", "a\n\rb"),
            // Within a line: the pattern is known to match at the start of log lines.
            (
                &[stamp],
                "po[1] log\r\nng\r\n",
                "\r\n[0] log\r\n",
                "pong\r\n",
            ),
            // A word of the log line: the text before it belongs to the log line.
            (
                &["heartbeat"],
                "[1] heartbeat\r\npong\r\n",
                "[0] heartbeat\r\n",
                "pong\r\n",
            ),
            (&["tick", "tock"], "tick\npong\ntock\n", "", "pong\n"),
        ] {
            assert_eq!(
                cut(patterns, text, recent),
                expected,
                "{patterns:?} {text:?}"
            );
        }
    }

    #[test]
    fn a_pattern_that_matches_no_line_is_refused() {
        for pattern in ["log\n", "\x1b[31mlog"] {
            assert!(IgnoredLines::pattern(pattern, true).is_err(), "{pattern:?}");
        }
    }
}

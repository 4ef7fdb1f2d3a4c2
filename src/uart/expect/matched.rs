//! The result of an operation that finds a pattern: [`Match`] and its [`Group`]s.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::artifacts::{Report, failed};
use crate::error::Result;
use crate::uart::error::{UartError, UartErrorKind};
use crate::uart::pattern::decode::lossy;
use crate::uart::pattern::{Groups, Pattern};
use crate::uart::transcript::Transcript;
use crate::uart::transcript::chunk::View;
use crate::uart::transcript::slice::TranscriptSlice;

/// A match: its text, its groups, its place and its time.
///
/// ```
/// # fn main() -> virtual_target::Result<()> {
/// use virtual_target::uart::Uart;
///
/// let (ours, board) = std::os::unix::net::UnixStream::pair().unwrap();
/// let uart = Uart::over_fd(ours)?;
/// std::io::Write::write_all(&mut &board, b"boot\nup 1234 ms\n").unwrap();
///
/// let m = uart.expect(r"re:up (?<ms>\d+) ms").wait()?;
/// assert_eq!(m.text(), "up 1234 ms");
/// assert_eq!(m.before()?, "boot\n");
/// assert_eq!(m.get("ms").as_deref(), Some("1234"));
/// assert_eq!(m.parse::<u32>(1)?, 1234);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Match {
    pub(crate) transcript: Arc<Transcript>,
    pub(crate) pattern: Pattern,
    /// The line, or the match with some context.
    pub(crate) text: Vec<u8>,
    /// The ranges of the groups in `text`; never empty.
    pub(crate) groups: Groups,
    /// The range in the raw transcript.
    pub(crate) range: Range<u64>,
    /// The place where the search began.
    pub(crate) from: u64,
    /// True if `text` is a whole line.
    pub(crate) is_line: bool,
    /// The target's report, which records errors.
    pub(crate) report: Option<Arc<Report>>,
}

/// A name of a group of a pattern: its number (0 is the whole match) or its name.
pub trait Group: fmt::Debug + sealed::Sealed {
    #[doc(hidden)]
    fn index(&self, pattern: &Pattern) -> Option<usize>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for &str {}
}

impl Group for usize {
    fn index(&self, _: &Pattern) -> Option<usize> {
        Some(*self)
    }
}

impl Group for &str {
    fn index(&self, pattern: &Pattern) -> Option<usize> {
        pattern.group(self)
    }
}

impl Match {
    /// Returns the text of the match; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        lossy(self.as_bytes())
    }

    /// Returns the bytes of the match.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes_of(0).unwrap_or_default()
    }

    /// Returns the whole line of a match of `expect_line`, without its end-of-line, or the text of
    /// any other match.
    pub fn line(&self) -> Cow<'_, str> {
        if self.is_line {
            lossy(&self.text)
        } else {
            self.text()
        }
    }

    /// Returns the text of a group; `None` if it does not exist or took no part in the match.
    pub fn get(&self, group: impl Group) -> Option<Cow<'_, str>> {
        let index = group.index(&self.pattern)?;
        self.bytes_of(index).map(lossy)
    }

    /// Returns the bytes of a group; `None` if it does not exist or took no part in the match.
    pub fn get_bytes(&self, group: impl Group) -> Option<&[u8]> {
        self.bytes_of(group.index(&self.pattern)?)
    }

    fn bytes_of(&self, index: usize) -> Option<&[u8]> {
        let range = self.groups.get(index)?.clone()?;
        self.text.get(range)
    }

    /// Parses a group's text as a value.
    ///
    /// # Errors
    /// [`UartErrorKind::NoGroup`] if the group does not exist or took no part in the match,
    /// [`UartErrorKind::Parse`] if its text is not a `T`.
    #[track_caller]
    pub fn parse<T>(&self, group: impl Group) -> Result<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let is_defined = group
            .index(&self.pattern)
            .is_some_and(|index| index < self.groups.len());
        let name = format!("{group:?}");
        let at = Location::caller();
        let failed = |kind| failed(UartError::from(kind), self.report.as_ref(), at);
        let Some(text) = self.get(group) else {
            return Err(failed(UartErrorKind::NoGroup {
                pattern: self.pattern.to_string(),
                group: name,
                is_defined,
            }));
        };
        text.parse().map_err(|e: T::Err| {
            failed(UartErrorKind::Parse {
                pattern: self.pattern.to_string(),
                group: name,
                text: text.into_owned(),
                wanted: std::any::type_name::<T>(),
                reason: e.to_string(),
            })
        })
    }

    /// Returns the output between the start of the operation and the match, without escape
    /// sequences.
    ///
    /// Each call reads it from the transcript, whatever its length.
    ///
    /// # Errors
    /// [`UartErrorKind::Unavailable`] if the transcript no longer keeps it.
    #[track_caller]
    pub fn before(&self) -> Result<String> {
        let at = Location::caller();
        let slice = TranscriptSlice {
            transcript: &self.transcript,
            range: self.from..self.range.start,
            view: View::Text,
        };
        let bytes = slice.bytes().map_err(UartError::from);
        let bytes = bytes.map_err(|error| failed(error, self.report.as_ref(), at))?;
        Ok(lossy(&bytes).into_owned())
    }

    /// Returns the place of the match, in bytes from the beginning of the transcript, escape
    /// sequences included.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Returns the time at which the last byte of the match arrived, to the millisecond: in host
    /// time since the UART was opened, or in the time of a [virtual clock](crate::config::ClockKind::Virtual).
    pub fn time(&self) -> Duration {
        self.transcript.time(self.range.end.saturating_sub(1))
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match")
            .field("pattern", &self.pattern)
            .field("text", &self.text())
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

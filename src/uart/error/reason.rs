//! The reasons that kinds of failures have.

use std::fmt;
use std::sync::Arc;

use super::ending::Ending;

/// The reason why the output can be read in more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ambiguity {
    /// The board has echoed a command, and has not echoed an earlier one.
    NewEcho,
    /// The board has printed a second prompt for one line, and has no echo.
    SecondPrompt,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NewEcho => {
                "the board has echoed it, and has not echoed an earlier one; say which it does \
                 (`echo: on` or `echo: off`)"
            }
            Self::SecondPrompt => {
                "the board has printed a second prompt for one line, and without an echo nothing tells the \
                 answers apart; if it takes \\r and \\n each for the end of a line, use `line_ending: cr`; if it \
                 prints its prompt anew behind log lines, let it echo"
            }
        })
    }
}

/// The reason why a guest does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stalled {
    /// The emulator does not answer.
    NoAnswer,
    /// The emulator answers, but the guest's time advances too slowly, or not at all.
    Slow,
    /// It is not known whether the emulator answers.
    Unknown,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => {
                "the emulator hangs: it does not answer"
            }
            Self::Slow => {
                "the emulator answers, but guest time advances too slowly; look for an interrupt that is never \
                 cleared, a peripheral that takes the emulator long, or a processor that is set to very \
                 many instructions a second"
            }
            Self::Unknown => {
                "the emulator hangs, or guest time advances too slowly"
            }
        })
    }
}

/// The reason why bytes could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSent {
    /// The board takes no more input.
    Ended(Ending),
    /// The stream takes no more bytes, and its end is not known.
    Closed,
    /// The host's error.
    Host(String),
    /// The UART carries the firmware's output only, as semihosting does.
    OutputOnly,
    /// The bytes contain a line end, and the operation sends one line.
    SeveralLines,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ending) => ending.fmt(f),
            Self::Closed => f.write_str("the stream does not take bytes any more"),
            Self::Host(error) => f.write_str(error),
            Self::OutputOnly => f.write_str("semihosting is for the firmware's output only"),
            Self::SeveralLines => f.write_str(
                "there is a line end in it, and what comes back is told by one line: send each line by itself",
            ),
        }
    }
}

/// A token in each error that reports a forbidden match.
///
/// As long as one of these errors, or a clone of one, is alive, the match counts as reported.
#[derive(Debug, Clone)]
pub struct Reported {
    _held: Arc<()>,
}

impl Reported {
    pub(crate) fn new(held: Arc<()>) -> Self {
        Self { _held: held }
    }
}

//! The errors of UARTs: [`UartError`] and its [`UartErrorKind`], data with their texts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::pattern::PatternError;

/// A failure of an operation on a UART: its kind, and the output at that time.
///
/// Its `Debug` form is its message.
#[derive(Clone)]
pub struct UartError(Box<Details>);

#[derive(Clone)]
struct Details {
    uart: Option<String>,
    operation: Option<String>,
    kind: UartErrorKind,
    excerpt: Option<String>,
    /// The hint that the message has before the excerpt.
    hint: Option<String>,
    /// The hint about the excerpt, which follows it.
    question: Option<String>,
    /// The state of the board at the failure, in one or several lines.
    post_mortem: Option<String>,
}

/// The kinds of failures of an operation on a UART.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UartErrorKind {
    /// The operation timed out.
    #[non_exhaustive]
    Timeout {
        /// The time that the operation waited.
        waited: Duration,
    },
    /// The guest did not run for the operation's whole time limit, or may not have.
    #[non_exhaustive]
    Watchdog {
        /// The time that the operation waited on the host.
        on_host: Duration,
        /// The part of the time limit that has passed for the guest, if known.
        had: Option<Duration>,
        /// The time limit.
        of: Duration,
        /// What the emulator was found to do.
        why: Stalled,
    },
    /// The operation can no longer succeed.
    #[non_exhaustive]
    Ended {
        /// The reason why there is no more output.
        ending: Ending,
    },
    /// The pattern of a standing guard appeared.
    #[non_exhaustive]
    Forbidden {
        /// The guard's pattern.
        pattern: String,
        /// A token: while it is alive, the match counts as reported.
        reported: Reported,
    },
    /// Output appeared that the operation excludes.
    #[non_exhaustive]
    Unexpected {
        /// The output that appeared, as the message shows it.
        found: String,
    },
    /// The output can be read in more than one way.
    #[non_exhaustive]
    Ambiguous {
        /// The reason.
        why: Ambiguity,
    },
    /// The pattern cannot be used, or not for this operation.
    Pattern(PatternError),
    /// Output that the operation needs is no longer available.
    Unavailable(Unavailable),
    /// The match does not fit in memory.
    #[non_exhaustive]
    MatchTooLong {
        /// The pattern.
        pattern: String,
        /// The length of the match.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A line does not fit in memory.
    #[non_exhaustive]
    LineTooLong {
        /// The offset of the line's start.
        start: u64,
        /// The limit.
        limit: usize,
    },
    /// The match has no such group.
    #[non_exhaustive]
    NoGroup {
        /// The pattern.
        pattern: String,
        /// The requested group.
        group: String,
        /// True if the pattern defines the group, which then took no part in the match.
        is_defined: bool,
    },
    /// A group's text is not a value of the requested type.
    #[non_exhaustive]
    Parse {
        /// The pattern.
        pattern: String,
        /// The group.
        group: String,
        /// The group's text.
        text: String,
        /// The requested type.
        wanted: &'static str,
        /// The type's own error.
        reason: String,
    },
    /// Bytes could not be written.
    #[non_exhaustive]
    NotSent {
        /// The reason.
        why: NotSent,
    },
    /// The stream under a UART cannot be used.
    #[non_exhaustive]
    Stream {
        /// The host's error.
        reason: String,
    },
}

impl UartError {
    /// Creates the error of `operation` on the UART with this name.
    pub(crate) fn new(uart: &str, operation: String, kind: UartErrorKind) -> Self {
        let mut error = Self::from(kind);
        error.0.uart = Some(uart.to_owned());
        error.0.operation = Some(operation);
        error
    }

    /// Creates the error that `stream` cannot be the stream of the UART with this name.
    pub(crate) fn stream(uart: &str, error: &std::io::Error) -> Self {
        let reason = error.to_string();
        let mut error = Self::from(UartErrorKind::Stream { reason });
        error.0.uart = Some(uart.to_owned());
        error
    }

    /// Adds a description of the output.
    pub(crate) fn with_excerpt(mut self, excerpt: impl Into<String>) -> Self {
        self.0.excerpt = Some(excerpt.into());
        self
    }

    /// Adds a guess at the cause, which comes before the excerpt.
    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.0.hint = hint;
        self
    }

    /// Adds a question about the excerpt, which follows it.
    pub(crate) fn with_question(mut self, question: Option<String>) -> Self {
        self.0.question = question;
        self
    }

    /// Adds the state of the board at the failure.
    pub(crate) fn set_post_mortem(&mut self, text: String) {
        self.0.post_mortem = Some(text);
    }

    /// Returns the UART's name, if the failure is one of a UART's operation.
    pub fn uart(&self) -> Option<&str> {
        self.0.uart.as_deref()
    }

    /// Returns the operation that failed, such as `expect("ready")`.
    pub fn operation(&self) -> Option<&str> {
        // The description may end in a clause.
        let operation = self.0.operation.as_deref()?;
        Some(operation.trim_end_matches(','))
    }

    /// Returns the kind of the failure, with its data.
    pub fn kind(&self) -> &UartErrorKind {
        &self.0.kind
    }

    /// Returns a description of the output that arrived instead, or of what was sent.
    pub fn excerpt(&self) -> Option<&str> {
        self.0.excerpt.as_deref()
    }

    /// Returns a guess at the cause, and what to do.
    pub fn hint(&self) -> Option<&str> {
        let Details { hint, question, .. } = &*self.0;
        hint.as_deref().or(question.as_deref())
    }

    /// Returns the state of the board when a wait failed: where its processors are, and what they
    /// do. Only emulators tell it, and none of a board that is being flashed, reset or turned off.
    pub fn post_mortem(&self) -> Option<&str> {
        self.0.post_mortem.as_deref()
    }
}

impl fmt::Display for UartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            uart,
            operation,
            kind,
            excerpt,
            hint,
            question,
            post_mortem,
        } = &*self.0;
        if let Some(uart) = uart {
            write!(f, "UART {uart}: ")?;
        }
        kind.write(f, operation.as_deref().unwrap_or_default())?;
        let mut separator = match kind {
            UartErrorKind::Watchdog { .. } => ": ",
            _ => "; ",
        };
        for part in [hint, excerpt].into_iter().flatten() {
            write!(f, "{separator}{part}")?;
            separator = "; ";
        }
        if let Some(question) = question {
            write!(f, ": {question}")?;
        }
        let lines = post_mortem.iter().flat_map(|text| text.lines());
        lines
            .into_iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for UartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            UartErrorKind::Pattern(error) => Some(error),
            UartErrorKind::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}

impl UartErrorKind {
    /// Writes what happened to `operation`.
    fn write(&self, f: &mut fmt::Formatter<'_>, operation: &str) -> fmt::Result {
        match self {
            Self::Timeout { waited } => write!(f, "{operation} timed out after {waited:?}"),
            Self::Watchdog {
                on_host, had, of, ..
            } => write!(
                f,
                "{operation} was ended by the host's watchdog after {on_host:?} of the host's time, {}",
                passed(*had, *of)
            ),
            Self::Ended { ending } => write!(f, "{operation} cannot succeed: {ending}"),
            Self::Forbidden { pattern, .. } => write!(
                f,
                "the forbidden pattern {pattern:?} appeared, noticed by {}",
                operation.trim_end_matches(',')
            ),
            Self::Unexpected { found } => write!(f, "{operation} failed: \"{found}\" appeared"),
            Self::Ambiguous { why } => write!(f, "{operation} cannot tell the answer: {why}"),
            Self::Pattern(error) => write!(f, "{error}"),
            Self::Unavailable(error) => write!(f, "{error}"),
            Self::MatchTooLong {
                pattern,
                length,
                limit,
            } => write!(
                f,
                "the match of {pattern:?} is {length} bytes long, over the limit of {limit}; make the pattern \
                 narrower, for example [^\\n] where it says (?s)."
            ),
            Self::LineTooLong { start, limit } => write!(
                f,
                "{operation} came upon a line of more than {limit} bytes, from byte {start} of the output on; \
                 use expect, which needs no lines"
            ),
            Self::NoGroup {
                pattern,
                group,
                is_defined,
            } => {
                let why = match is_defined {
                    true => "it took no part in the match",
                    false => "the pattern does not define it",
                };
                write!(f, "the match of {pattern:?} has no group {group}: {why}")
            }
            Self::Parse {
                pattern,
                group,
                text,
                wanted,
                reason,
            } => write!(
                f,
                "group {group} of {pattern:?} is {text:?}, which is no {wanted}: {reason}"
            ),
            Self::NotSent { why } => write!(f, "{operation} failed: {why}"),
            Self::Stream { reason } => {
                write!(f, "{reason}; it takes a socket, a pipe or a terminal")
            }
        }
    }
}

/// Describes how much of a time limit has passed.
fn passed(had: Option<Duration>, of: Duration) -> String {
    match had {
        Some(had) => format!("when {had:?} of its {of:?} of virtual time had passed"),
        None => format!("and it is not known how much of its {of:?} has passed for the guest"),
    }
}

impl From<UartErrorKind> for UartError {
    fn from(kind: UartErrorKind) -> Self {
        Self(Box::new(Details {
            uart: None,
            operation: None,
            kind,
            excerpt: None,
            hint: None,
            question: None,
            post_mortem: None,
        }))
    }
}

impl From<PatternError> for UartError {
    fn from(error: PatternError) -> Self {
        UartErrorKind::Pattern(error).into()
    }
}

impl From<Unavailable> for UartError {
    fn from(error: Unavailable) -> Self {
        UartErrorKind::Unavailable(error).into()
    }
}

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
                "the emulator hangs: it does not answer; raise `timeouts: command:` if the host is that slow"
            }
            Self::Slow => {
                "the emulator answers, but guest time advances too slowly; look for an interrupt that is never \
                 cleared, a peripheral that takes the emulator long, or a processor that is set to very \
                 many instructions a second; raise `timeouts: command:` if the host is that slow"
            }
            Self::Unknown => {
                "the emulator hangs, or guest time advances too slowly; raise `timeouts: command:` if the \
                 host is that slow"
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
    /// The bytes contain a line end, and the operation sends one line.
    SeveralLines,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ending) => ending.fmt(f),
            Self::Closed => f.write_str("the stream does not take bytes any more"),
            Self::Host(error) => f.write_str(error),
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

/// The reason why there is no more output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The target has not been powered on yet.
    NotStarted,
    /// The test itself ended the output, by this: power-off, reset, flash.
    Stopped(&'static str),
    /// The board or its emulator exited by itself, for this reason.
    Exited(Arc<str>),
    /// A processor of the board has halted, with this message of the emulator.
    Halted(Arc<str>),
    /// A processor of the board has locked up: this one at this place, with this fault.
    LockedUp(Arc<str>),
    /// A processor of another machine has halted or locked up, with this message of the emulator, and the
    /// time of all machines is paused.
    Stalled(Arc<str>),
    /// The other end closed the stream under the UART.
    Closed,
}

impl Ending {
    /// Returns true if the guest has halted or locked up, so that nothing can be sent to it either.
    pub(crate) fn is_halt(&self) -> bool {
        matches!(self, Self::Halted(_) | Self::LockedUp(_) | Self::Stalled(_))
    }
}

/// The error that requested output is no longer available.
#[derive(Clone, thiserror::Error)]
#[error("the output from byte {from} to byte {to} is no longer available: {why}")]
pub struct Unavailable {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) why: Arc<str>,
}

impl Unavailable {
    /// Returns the offset from which output is available again.
    pub(crate) fn until(&self) -> u64 {
        self.to
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("the target is off; power it on or boot it first"),
            Self::Stopped(why) => f.write_str(why),
            Self::Exited(reason) => f.write_str(reason),
            Self::Halted(reason) => write!(
                f,
                "a processor of the board has halted: {reason}; reset, flash or power-cycle the target to start anew"
            ),
            Self::LockedUp(reason) => write!(
                f,
                "the processor {reason}; reset, flash or power-cycle the target to start anew"
            ),
            Self::Stalled(reason) => write!(
                f,
                "a processor of another machine has stopped, and with it the time of all: {reason}; reset or flash \
                 that machine, or power-cycle the target to start anew"
            ),
            Self::Closed => f.write_str("the other end closed the stream"),
        }
    }
}

//! One pattern on one stream.
//!
//! [`Engine`] picks the search that the kind of the pattern needs. It must be restarted after
//! a match before it is fed again.

use super::automaton::Automaton;
use super::hit::{Hit, Located, ReadBack};
use super::literal::Literal;
use super::window::Window;
use crate::uart::error::UartError;
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{IntoPattern, Kind, Pattern, PatternError};

/// Compiles `pattern` and checks that it can match on a stream, from which escape sequences
/// are removed if `strip_ansi` is set.
pub(crate) fn on_stream(
    pattern: impl IntoPattern,
    strip_ansi: bool,
) -> Result<Pattern, PatternError> {
    let pattern = pattern.into_pattern()?;
    if strip_ansi {
        pattern.check_visible()?;
    }
    Engine::new(&pattern)?;
    Ok(pattern)
}

/// Compiles `pattern` and checks that it can match within a line.
pub(crate) fn in_lines(pattern: impl IntoPattern) -> Result<Pattern, PatternError> {
    let pattern = pattern.into_pattern()?;
    if let Kind::Literal(finder) = pattern.kind()
        && finder.needle().iter().any(|byte| LINE_ENDS.contains(byte))
    {
        return Err(PatternError::EndOfLine {
            pattern: pattern.to_string(),
        });
    }
    Ok(pattern)
}

/// As [`in_lines`], for the lines of a log.
pub(crate) fn in_log_lines(pattern: impl IntoPattern) -> Result<Pattern, PatternError> {
    in_lines(pattern).map_err(|error| match error {
        PatternError::EndOfLine { pattern } => PatternError::EndOfLogLine { pattern },
        error => error,
    })
}

/// The search for one pattern on one stream.
pub(crate) enum Engine {
    Literal(Box<Literal>),
    Automaton(Box<Automaton>),
    Window(Window),
}

impl Engine {
    /// Makes the engine for `pattern`, if it can match on a stream.
    pub(crate) fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        match pattern.kind() {
            Kind::Literal(finder) => {
                let literal = Literal::new(pattern, finder)?;
                Ok(Self::Literal(Box::new(literal)))
            }
            Kind::StreamRegex(regex) => {
                let automaton = Automaton::new(pattern, regex.automata()?);
                Ok(Self::Automaton(Box::new(automaton)))
            }
            Kind::Text(_) | Kind::Bytes(_) | Kind::Function(_) => {
                Window::new(pattern).map(Self::Window)
            }
        }
    }

    /// Makes an engine as [`new`](Self::new) does, if it runs no code of the user's.
    pub(crate) fn guard(pattern: &Pattern) -> Result<Self, PatternError> {
        match Self::new(pattern)? {
            Self::Window(_) => Err(PatternError::NoGuard {
                pattern: pattern.to_string(),
            }),
            engine => Ok(engine),
        }
    }

    /// Drops the bytes that it was fed.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Literal(engine) => engine.restart(),
            Self::Automaton(engine) => engine.restart(),
            Self::Window(engine) => engine.restart(),
        }
    }

    /// Takes the next bytes, and returns the earliest match that they show.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Hit>, PatternError> {
        match self {
            Self::Literal(engine) => Ok(engine.feed(bytes).map(Hit::at)),
            Self::Automaton(engine) => engine.feed(bytes),
            Self::Window(engine) => engine.feed(bytes),
        }
    }

    /// Ends the stream, and returns the match that this shows; its `known` is 0.
    pub(crate) fn finish(&mut self) -> Result<Option<Hit>, PatternError> {
        match self {
            Self::Literal(_) => Ok(None),
            Self::Automaton(engine) => engine.finish(),
            Self::Window(engine) => engine.finish(),
        }
    }

    /// Looks up the match that was found, which ends where `stream` does.
    ///
    /// `eof` is set if [`finish`](Self::finish) found it.
    pub(crate) fn locate(
        &mut self,
        stream: &impl ReadBack,
        eof: bool,
    ) -> Result<Located, UartError> {
        match self {
            Self::Literal(engine) => Ok(engine.locate()),
            Self::Automaton(engine) => engine.locate(stream),
            Self::Window(engine) => Ok(engine.locate(eof)?),
        }
    }
}

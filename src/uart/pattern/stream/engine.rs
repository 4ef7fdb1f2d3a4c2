//! One pattern on one stream, by the engine that its kind needs.

use super::automaton::Automaton;
use super::hit::{Hit, Located, ReadBack};
use super::literal::Literal;
use super::window::Window;
use crate::uart::error::ExpectError;
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{IntoPattern, Kind, Pattern, PatternError};

/// Compiles `pattern` and checks that it makes sense on a stream, from which escape
/// sequences may be taken out.
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

/// Compiles `pattern` and checks that it makes sense in lines.
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

/// One pattern on one stream.
pub(crate) enum Engine {
    Literal(Box<Literal>),
    Automaton(Box<Automaton>),
    Window(Window),
}

impl Engine {
    /// Checks that `pattern` makes sense on a stream.
    pub(crate) fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        match pattern.kind() {
            Kind::Literal(finder) => {
                let literal = Literal::new(pattern, finder)?;
                Ok(Self::Literal(Box::new(literal)))
            }
            Kind::StreamRegex(dialect) => {
                let automaton = Automaton::new(pattern, dialect.automata()?);
                Ok(Self::Automaton(Box::new(automaton)))
            }
            Kind::Text(_) | Kind::Bytes(_) | Kind::Needle(_) | Kind::Closure(_) => {
                Window::new(pattern).map(Self::Window)
            }
        }
    }

    /// As [`new`](Self::new), for where no foreign code may run.
    pub(crate) fn guard(pattern: &Pattern) -> Result<Self, PatternError> {
        match Self::new(pattern)? {
            Self::Window(_) => Err(PatternError::NoGuard {
                pattern: pattern.to_string(),
            }),
            engine => Ok(engine),
        }
    }

    /// Forgets what it was fed.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Literal(engine) => engine.restart(),
            Self::Automaton(engine) => engine.restart(),
            Self::Window(engine) => engine.restart(),
        }
    }

    /// Feeds it the next bytes; the earliest match that is known by them.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Hit>, PatternError> {
        match self {
            Self::Literal(engine) => Ok(engine.feed(bytes).map(Hit::at)),
            Self::Automaton(engine) => engine.feed(bytes),
            Self::Window(engine) => engine.feed(bytes),
        }
    }

    /// The match that is known by the end of the stream, which is byte 0 here.
    pub(crate) fn finish(&mut self) -> Result<Option<Hit>, PatternError> {
        match self {
            Self::Literal(_) => Ok(None),
            Self::Automaton(engine) => engine.finish(),
            Self::Window(engine) => engine.finish(),
        }
    }

    /// Looks up the match that was found, which ends where `stream` does.
    ///
    /// `eof` tells that it was [`finish`](Self::finish) that found it.
    pub(crate) fn locate(
        &mut self,
        stream: &impl ReadBack,
        eof: bool,
    ) -> Result<Located, ExpectError> {
        match self {
            Self::Literal(engine) => Ok(engine.locate()),
            Self::Automaton(engine) => engine.locate(stream),
            Self::Window(engine) => Ok(engine.locate(eof)?),
        }
    }
}

//! Finding patterns on a stream, in bits as they arrive.
//!
//! An [`Engine`] is fed the stream slice by slice and tells the earliest byte at
//! which its pattern has matched; how the stream was cut never matters. Where
//! that match starts, and its groups, are looked up afterwards, backwards.

mod automaton;
mod literal;
mod window;

use std::ops::{ControlFlow, Range};

use super::{Groups, IntoPattern, Kind, Pattern, PatternError};
use crate::uart::error::ExpectError;
use crate::uart::transcript::chunk::{Piece, View};
use crate::uart::transcript::{Transcript, Unavailable};

/// A match longer than this is given up: it would have to be held in memory.
const LONGEST_MATCH: usize = 8 << 20;

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

/// One pattern on one stream.
pub(crate) enum Engine {
    Literal(Box<literal::Literal>),
    Automaton(Box<automaton::Automaton>),
    Window(window::Window),
}

/// Where in a slice a pattern was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Behind the byte at which that is known.
    pub(crate) known: usize,
    /// How far before that the match ends: that a byte is invalid may be known only by the next.
    pub(crate) behind: usize,
}

impl Hit {
    /// A match that ends with the byte at which it is known.
    fn at(known: usize) -> Self {
        Self { known, behind: 0 }
    }

    /// Whether it is known earlier, or at the same byte and ends earlier.
    pub(crate) fn is_before(self, other: Self) -> bool {
        let order = |hit: Self| (hit.known, std::cmp::Reverse(hit.behind));
        order(self) < order(other)
    }
}

/// A match that was looked up.
pub(crate) struct Located {
    /// The text that the groups lie in; it ends where the match does.
    pub(crate) text: Vec<u8>,
    pub(crate) groups: Groups,
}

impl Engine {
    /// Checks that `pattern` makes sense on a stream.
    pub(crate) fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        match pattern.kind() {
            Kind::Literal(finder) => {
                let literal = literal::Literal::new(pattern, finder)?;
                Ok(Self::Literal(Box::new(literal)))
            }
            Kind::Dialect(dialect) => {
                let automaton = automaton::Automaton::new(pattern, dialect.automata()?);
                Ok(Self::Automaton(Box::new(automaton)))
            }
            Kind::Text(_) | Kind::Bytes(_) | Kind::Needle(_) | Kind::Closure(_) => {
                window::Window::new(pattern).map(Self::Window)
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
        stream: &Stretch<'_>,
        eof: bool,
    ) -> Result<Located, ExpectError> {
        match self {
            Self::Literal(engine) => Ok(engine.locate()),
            Self::Automaton(engine) => engine.locate(stream),
            Self::Window(engine) => Ok(engine.locate(eof)?),
        }
    }
}

/// A stretch of the transcript, as a reader sees it.
#[derive(Clone)]
pub(crate) struct Stretch<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) range: Range<u64>,
    pub(crate) view: View,
}

impl Stretch<'_> {
    /// Visits its pieces in order until `visit` breaks.
    pub(crate) fn forwards<B>(
        &self,
        mut visit: impl FnMut(Piece<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable> {
        let mut at = self.range.start;
        while at < self.range.end {
            let chunk = self.transcript.chunk(at)?;
            for piece in chunk.pieces(at..self.range.end, self.view) {
                if let ControlFlow::Break(value) = visit(piece) {
                    return Ok(Some(value));
                }
            }
            at = chunk.end();
        }
        Ok(None)
    }

    /// Visits its pieces in reverse order until `visit` breaks.
    pub(crate) fn backwards<B>(
        &self,
        mut visit: impl FnMut(Piece<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, Unavailable> {
        let mut end = self.range.end;
        while end > self.range.start {
            let chunk = self.transcript.chunk(end - 1)?;
            for piece in chunk.pieces(self.range.start..end, self.view).rev() {
                if let ControlFlow::Break(value) = visit(piece) {
                    return Ok(Some(value));
                }
            }
            end = chunk.start;
        }
        Ok(None)
    }

    /// Where in the transcript lies what stands at `range` of its last `length` bytes. Escape
    /// sequences behind it are not part of it.
    pub(crate) fn place(
        &self,
        length: usize,
        range: Range<usize>,
    ) -> Result<Range<u64>, Unavailable> {
        let start = self.offset_back(length - range.start)?;
        if range.is_empty() {
            return Ok(start..start);
        }
        let last = self.offset_back(length - range.end + 1)?;
        Ok(start..last + 1)
    }

    /// Without its last `n` bytes, and what stands before them that is not in view.
    pub(crate) fn without_last(self, n: usize) -> Result<Self, Unavailable> {
        let end = match n {
            0 => self.range.end,
            // A sequence behind the last byte that is left does not belong to it.
            _ => (self.offset_back(n + 1)? + 1).max(self.range.start),
        };
        let range = self.range.start..end;
        Ok(Self { range, ..self })
    }

    /// The offset of the byte that is the `n`th from the end; for 0 that of the end.
    fn offset_back(&self, n: usize) -> Result<u64, Unavailable> {
        let mut left = n;
        if left == 0 {
            return Ok(self.range.end);
        }
        let found = self.backwards(|piece| {
            if piece.bytes.len() >= left {
                return ControlFlow::Break(piece.end() - left as u64);
            }
            left -= piece.bytes.len();
            ControlFlow::Continue(())
        })?;
        Ok(found.unwrap_or(self.range.start))
    }

    /// All its bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Unavailable> {
        let mut bytes = Vec::new();
        self.forwards(|piece| {
            bytes.extend_from_slice(piece.bytes);
            ControlFlow::<()>::Continue(())
        })?;
        Ok(bytes)
    }

    /// Its first `n` bytes.
    pub(crate) fn first(&self, n: usize) -> Result<Vec<u8>, Unavailable> {
        let mut bytes = Vec::new();
        self.forwards(|piece| {
            let more = piece.bytes.len().min(n - bytes.len());
            bytes.extend_from_slice(&piece.bytes[..more]);
            match bytes.len() < n {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(bytes)
    }

    /// Its last `n` bytes.
    pub(crate) fn last(&self, n: usize) -> Result<Vec<u8>, Unavailable> {
        let start = self.offset_back(n)?;
        Stretch {
            range: start..self.range.end,
            ..self.clone()
        }
        .bytes()
    }
}

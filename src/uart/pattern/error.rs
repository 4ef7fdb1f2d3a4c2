//! The errors of patterns.

/// The limit for an `expectrl::NBytes` on a stream.
pub(super) const MOST_BYTES: usize = 64 << 10;

/// A pattern that cannot be used, or not in this place.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A text after `re:` that is no regular expression.
    #[error(
        "the pattern {pattern:?} is no regular expression: {reason}; `re:` begins one: to look for the text \
         \"re:…\" itself, write bytes, b\"re:…\""
    )]
    Syntax {
        /// The pattern as written.
        pattern: String,
        /// The parser's message.
        reason: String,
    },
    /// A pattern whose automaton needs more memory than it may have.
    #[error("the automaton of the pattern {pattern:?} gave up: {reason}; make the pattern simpler")]
    GaveUp {
        /// The pattern as written.
        pattern: String,
        /// The automaton's message.
        reason: String,
    },
    /// A pattern that matches the empty text, hence everywhere.
    #[error(
        "the pattern {pattern:?} matches the empty text, so that on a stream it would match before anything \
         has arrived; require at least one character, or use expect_line"
    )]
    Empty {
        /// The pattern as written.
        pattern: String,
    },
    /// A pattern whose match depends on what follows, which a stream cannot tell.
    #[error(
        "the pattern {pattern:?} ends in {assertion}, which depends on what follows, and on a stream anything \
         may still follow; use expect_line, which sees whole lines, or write out what must follow"
    )]
    LooksAhead {
        /// The pattern as written.
        pattern: String,
        /// The assertion that looks ahead.
        assertion: String,
    },
    /// An `expectrl::NBytes` that is larger than the window in which needles are tried.
    #[error(
        "NBytes({count}) is more than a needle can be given at once ({MOST_BYTES}); use read_exact({count})"
    )]
    TooManyBytes {
        /// The number of bytes asked for.
        count: usize,
    },
    /// An error that a needle returned.
    #[error("the needle {pattern} failed: {reason}")]
    Needle {
        /// The needle.
        pattern: String,
        /// Its error.
        reason: String,
    },
    /// A range outside the text, returned by a needle or closure.
    #[error(
        "{pattern} returned the range {start}..{end} for a text of {length} bytes; it must lie within"
    )]
    Range {
        /// The needle or closure.
        pattern: String,
        /// Start of the range.
        start: usize,
        /// End of the range.
        end: usize,
        /// Length of the text.
        length: usize,
    },
    /// A text with an end-of-line, looked for in lines, which have none.
    #[error(
        "the pattern {pattern:?} contains an end-of-line, and expect_line looks at lines without theirs: leave \
         it out, or use expect for a text that goes beyond one line"
    )]
    EndOfLine {
        /// The pattern as written.
        pattern: String,
    },
    /// A text with an end-of-line, looked for in the lines of a log, which have none.
    #[error(
        "the pattern {pattern:?} contains an end-of-line, and a log is looked at line by line, without theirs: \
         leave it out"
    )]
    EndOfLogLine {
        /// The pattern as written.
        pattern: String,
    },
    /// An escape sequence, looked for in text, which has none.
    #[error(
        "the pattern {pattern:?} contains an escape sequence, and matching passes over these, so that it can \
         never match: leave the sequence out, look for it with expect_bytes, or set `strip_ansi: false` in the \
         target's YAML"
    )]
    EscapeSequence {
        /// The pattern as written.
        pattern: String,
    },
    /// An empty list of patterns.
    #[error("expect_any was given no pattern, so that nothing can match; give it at least one")]
    NoPatterns,
    /// A `run` without a prompt to tell where a command's output ends.
    #[error(
        "run needs to know what the prompt looks like; call set_prompt, or set the prompt in the target's YAML"
    )]
    NoPrompt,
    /// A guard or a look at the emulator's log that would run the user's code on the I/O thread.
    #[error(
        "{pattern} cannot stand guard or look at the emulator's log: these run where the output arrives and are \
         literals or \"re:\" patterns only"
    )]
    NoGuard {
        /// The pattern.
        pattern: String,
    },
}

//! [`Unexpected`] and [`ProtocolError`]: input that is not in the emulator's protocol.

use std::{fmt, io};

/// Input that is not in the emulator's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unexpected {
    /// This text.
    Text(String),
    /// Output without a prompt that is understood.
    #[non_exhaustive]
    NoPrompt {
        /// The output.
        printed: String,
        /// The versions whose prompts are understood.
        tried: &'static str,
    },
    /// The end of the process.
    End,
    /// The end of the output, though the process runs.
    EndOfOutput,
    /// A board that was prepared and is not as a new one is.
    NotNew(BoardDifference),
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::NoPrompt { printed, tried } => write!(
                f,
                "{}\n(and no prompt that is understood; tried were {tried})",
                printed.trim_end()
            ),
            Self::End => f.write_str("its end"),
            Self::EndOfOutput => f.write_str("the end of its output, though it runs"),
            Self::NotNew(difference) => difference.fmt(f),
        }
    }
}

/// The difference between a board that was prepared and a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoardDifference {
    /// Its virtual time is not zero.
    #[error("its time is not zero")]
    Time,
    /// It runs.
    #[error("it runs")]
    Runs,
    /// One of its UARTs has output.
    #[error("a UART has output")]
    Output,
    /// Its machines or registers are others.
    #[error("its machines or registers differ")]
    Content,
}

/// A part of a conversation with an emulator that is not as its protocol has it.
#[derive(Debug, thiserror::Error)]
pub(in crate::backend) enum ProtocolError {
    #[error("it told of a UART that is not there")]
    UnknownUart,
    #[error("it cleared what it was not told to")]
    UnknownClearing,
    #[error("{0}")]
    UnknownReport(String),
    #[error("`{command}` is not supported")]
    Unsupported { command: String },
    #[error("`{command}` failed: {answer}")]
    Failed { command: String, answer: String },
}

impl From<ProtocolError> for io::Error {
    fn from(error: ProtocolError) -> Self {
        Self::other(error)
    }
}

//! The end of Renode's output, for error messages.
//!
//! [`OutputFilter`] removes colours, the frames of .NET's stack traces, which would displace
//! their cause, and complete answers to commands.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::UnboundedSender;

use super::console_parser::{ConsoleParser, Token};
use crate::backend::OutputTail;

/// A filter that reads one stream of Renode and keeps its lines in `output`.
#[derive(Debug)]
pub(crate) struct OutputFilter {
    output: OutputTail,
    parser: ConsoleParser,
    listener: Option<UnboundedSender<String>>,
    /// Set if the stream contains answers to commands.
    answers: bool,
}

impl OutputFilter {
    pub(crate) fn new(output: OutputTail) -> Self {
        Self {
            output,
            parser: ConsoleParser::default(),
            listener: None,
            answers: false,
        }
    }

    /// Returns the filter for a stream with answers: [`answered`](Self::answered) drops the lines
    /// of an answer.
    pub(crate) fn with_answers(mut self) -> Self {
        self.answers = true;
        self
    }

    /// Notes that the lines since the last answer were an answer, or an echo.
    pub(crate) fn answered(&self) {
        self.output.answered();
    }

    /// Notes that the lines since the last answer were no answer.
    pub(crate) fn unsolicited(&self) {
        self.output.unasked();
    }

    /// Drops the line that has no end yet.
    pub(crate) fn discard_line(&mut self) {
        self.parser.take_line();
    }

    /// Forwards every line to `listener`, until its receiver is dropped.
    pub(crate) fn forward_to(mut self, listener: UnboundedSender<String>) -> Self {
        self.listener = Some(listener);
        self
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(Token::Line(line)) = self.parser.push(byte) {
                self.keep(&line.text);
                self.listener.take_if(|it| it.send(line.text).is_err());
            }
        }
    }

    /// Reads `from` to its end.
    pub(crate) async fn drain(mut self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        // An error ends the stream as well.
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            self.push(&buffer[..n]);
        }
    }

    fn keep(&self, line: &str) {
        let frame = line.starts_with("  at ") || line.starts_with("   at ");
        if !frame && !line.trim().is_empty() {
            let line = format!("{line}\n");
            match self.answers {
                true => self.output.push_answer(line.as_bytes()),
                false => self.output.push(line.as_bytes()),
            }
        }
    }
}

impl Drop for OutputFilter {
    /// Keeps the last line of the stream, which may lack an end.
    fn drop(&mut self) {
        let line = self.parser.take_line();
        self.keep(&line.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_trace_does_not_push_out_its_cause() {
        let output = OutputTail::default();
        let mut filter = OutputFilter::new(output.clone());
        filter.push(b"\x1b[;031mFatal error:\r\n\x1b[0mNo such directory\n");
        for _ in 0..1000 {
            filter.push(b"  at System.IO.FileStream..ctor (System.String path)\n");
        }
        filter.push(b"half a line");
        drop(filter);
        assert_eq!(
            output.text(),
            "Fatal error:\nNo such directory\nhalf a line\n"
        );
    }
}

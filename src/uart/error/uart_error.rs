//! [`UartError`]: a failure of an operation on a UART.

use std::fmt;

use super::kind::UartErrorKind;
use super::unavailable::Unavailable;
use crate::uart::pattern::PatternError;

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

impl UartError {
    /// Creates the error of `operation` on the UART with this name.
    pub(crate) fn new(uart: &str, operation: String, kind: UartErrorKind) -> Self {
        Self::of(uart, Some(operation), kind)
    }

    /// As [`new`](Self::new), for a failure that may be one of no operation.
    pub(crate) fn of(uart: &str, operation: Option<String>, kind: UartErrorKind) -> Self {
        let mut error = Self::from(kind);
        error.0.uart = Some(uart.to_owned());
        error.0.operation = operation;
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

    /// Adds lines below the description of the output.
    pub(crate) fn add_to_excerpt(&mut self, lines: &[String]) {
        if let Some(excerpt) = &mut self.0.excerpt {
            lines.iter().for_each(|line| {
                excerpt.push_str("\n  ");
                excerpt.push_str(line);
            });
        }
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

    /// Returns a description of the output that arrived instead, or of what was sent; with the places in the program
    /// that its addresses are.
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
        kind.write(f, operation.as_deref())?;
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
        for line in post_mortem.iter().flat_map(|text| text.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
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

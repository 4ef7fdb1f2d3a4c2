//! Colours for verdicts, in a terminal only and not with `NO_COLOR`: `anstream` removes them elsewhere.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// A text in a colour.
pub(crate) struct Coloured<'a> {
    text: &'a str,
    style: Style,
}

/// Returns a text that says that something is well.
pub(crate) fn good(text: &str) -> Coloured<'_> {
    let style = AnsiColor::Green.on_default();
    Coloured { text, style }
}

/// Returns a text that says that something is wrong.
pub(crate) fn bad(text: &str) -> Coloured<'_> {
    let style = AnsiColor::Red.on_default().bold();
    Coloured { text, style }
}

impl fmt::Display for Coloured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, style } = self;
        write!(f, "{style}{text}{style:#}")
    }
}

//! The standard output and the standard error. A reader that has gone, such as `head`, is no error:
//! the rest is not printed, and the exit code is as ever.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Prints a line to the standard output.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    let printed = writeln!(output, "{text}").and_then(|()| output.flush());
    match printed {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Failure(format!("cannot write to the standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line to the standard error, if it can be printed.
pub(crate) fn complain(text: impl Display) {
    let _: io::Result<()> = writeln!(anstream::stderr().lock(), "{text}");
}

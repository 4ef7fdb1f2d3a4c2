//! Handing the user's platform description to Renode.
//!
//! Its path may contain what the monitor cannot take, and what it includes by
//! `using "./…"` is looked for beside it. So Renode is given a file of our own
//! that includes the user's: inside a description, a path is text like any other.

use std::io;
use std::path::{Path, PathBuf};

/// Writes a description into `directory` that includes the one in `file`.
pub(super) fn stage(file: &Path, directory: &Path) -> io::Result<PathBuf> {
    let staged = directory.join("platform.repl");
    std::fs::write(&staged, format!("using {}\n", quoted(file)?))?;
    Ok(staged)
}

/// A string of the language of platform descriptions.
fn quoted(file: &Path) -> io::Result<String> {
    let unspeakable = |what| {
        let message = format!("the path {file:?} {what}; move the platform to another directory");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let Some(text) = file.to_str() else {
        return Err(unspeakable("is not UTF-8"));
    };
    if text.contains(['\n', '\r']) {
        return Err(unspeakable("has a line end in it"));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

//! Handing the user's platform descriptions to Renode.
//!
//! Its path may contain what the monitor cannot take, and what it includes by
//! `using "./…"` is looked for beside it. So Renode is given a file of our own
//! that includes the user's: inside a description, a path is text like any other.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::Fragment;

/// Writes a description into `directory` that includes the one in `file`.
pub(super) fn stage(file: &Path, directory: &Path) -> io::Result<PathBuf> {
    write(directory, "platform", &including(file)?)
}

/// Writes the `index`th fragment into `directory`.
pub(super) fn stage_fragment(
    fragment: &Fragment,
    index: usize,
    directory: &Path,
) -> io::Result<PathBuf> {
    let name = format!("fragment-{index}");
    match fragment {
        Fragment::Text(text) => write(directory, &name, text),
        Fragment::File(file) => write(directory, &name, &including(file)?),
    }
}

fn write(directory: &Path, name: &str, description: &str) -> io::Result<PathBuf> {
    let staged = directory.join(name).with_extension("repl");
    std::fs::write(&staged, description)?;
    Ok(staged)
}

/// A description that includes the one in `file`.
fn including(file: &Path) -> io::Result<String> {
    Ok(format!("using {}\n", quoted(file)?))
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

//! The programs that this process has read: a test program boots the same image many times, and to
//! read the debug information of a large one takes a while.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::error::NoLines;
use super::program::Program;
use super::sources::{Sources, project_root};
use crate::artifacts;
use crate::config::CoverageConfig;
use crate::sync::lock;

/// The number of programs that are kept.
const MOST: usize = 16;

/// What decides the lines of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
    config: CoverageConfig,
}

/// The programs that were read, the last one at the end.
static KNOWN: Mutex<Vec<(Key, Arc<Program>)>> = Mutex::new(Vec::new());

/// Returns the program in an ELF file.
pub(super) fn program(path: &Path, config: &CoverageConfig) -> Result<Arc<Program>, NoLines> {
    let unreadable = |error: std::io::Error| NoLines::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let metadata = path.metadata().map_err(unreadable)?;
    let key = Key {
        path: path.to_owned(),
        size: metadata.len(),
        modified: metadata.modified().map_err(unreadable)?,
        config: config.clone(),
    };
    let find = || {
        let known = lock(&KNOWN);
        let found = known.iter().find(|(it, _)| *it == key);
        found.map(|(_, program)| Arc::clone(program))
    };
    if let Some(known) = find() {
        return Ok(known);
    }
    let root = project_root(&artifacts::target_directory());
    let program = Arc::new(Program::read(path, &Sources::new(root, path, config))?);
    let mut known = lock(&KNOWN);
    if known.len() == MOST {
        known.remove(0);
    }
    known.push((key, Arc::clone(&program)));
    Ok(program)
}

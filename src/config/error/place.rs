//! [`FieldPlace`]: where in a file a field is.

use std::fmt;
use std::path::{Path, PathBuf};

/// The place of a field in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPlace {
    file: PathBuf,
    line: usize,
    column: usize,
    field: String,
}

impl FieldPlace {
    pub(super) fn new(file: &Path, (line, column): (usize, usize), field: &str) -> Self {
        Self {
            file: file.to_path_buf(),
            line,
            column,
            field: field.to_owned(),
        }
    }

    /// Returns the file, `<yaml>` for text or `<builder>` for a builder's fields.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the line of the field, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column of the field, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns the field's path, such as `qemu.serial` or `extra_commands[2]`; empty for the whole file.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for FieldPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            field,
        } = self;
        write!(f, "{}:{line}:{column}", file.display())?;
        match field.is_empty() {
            true => Ok(()),
            false => write!(f, ": {field}"),
        }
    }
}

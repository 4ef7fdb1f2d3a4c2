//! [`Program`]: the code of an ELF file, and the lines and functions of its sources.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use object::read::Object;

use super::blocks::{InstructionSet, cover};
use super::code::{Code, Function, LineStart};
use super::dwarf;
use super::error::CoverageError;
use super::lcov::Lines;
use super::sources::Sources;
use crate::files::{self, LARGEST_IMAGE};

/// The code of an ELF file, and its lines as far as they are in the project's own sources.
#[derive(Debug)]
pub(super) struct Program {
    set: InstructionSet,
    code: Code,
    /// The paths of the sources.
    files: Vec<String>,
    lines: Vec<LineStart>,
    functions: Vec<Function>,
}

impl Program {
    /// Reads the ELF file at `path`.
    pub(super) fn read(path: &Path, sources: &Sources<'_>) -> Result<Self, CoverageError> {
        let unreadable = |why: String| CoverageError::Unreadable {
            path: path.to_owned(),
            why,
        };
        let bytes = files::read(path, LARGEST_IMAGE).map_err(|e| unreadable(e.to_string()))?;
        let file = object::File::parse(&*bytes).map_err(|e| unreadable(e.to_string()))?;
        let set = InstructionSet::of(file.architecture()).filter(|_| file.is_little_endian());
        let set = set.ok_or_else(|| CoverageError::Processor {
            path: path.to_owned(),
        })?;
        let code = Code::read(&file);
        let found = dwarf::read(&file, &code, sources).map_err(|e| unreadable(e.to_string()))?;
        if found.names == 0 {
            return Err(CoverageError::NoLines {
                path: path.to_owned(),
            });
        }
        if let (false, Some(example)) = (found.has_own, found.foreign) {
            return Err(CoverageError::ForeignSources {
                path: path.to_owned(),
                root: sources.root().to_owned(),
                example,
            });
        }
        Ok(Self {
            set,
            code,
            files: found.files,
            lines: found.lines,
            functions: found.functions,
        })
    }

    /// Returns the lines and functions; hit are those whose code is in blocks that start at `starts`.
    pub(super) fn lines(&self, starts: &BTreeSet<u64>) -> Lines {
        let mut covered = BTreeSet::new();
        for start in starts {
            let read = |address| self.code.half_word(address);
            cover(self.set, *start, read, &mut covered);
        }
        let mut lines = Lines::default();
        let mut source = |file: usize, add: &dyn Fn(&mut super::lcov::Source)| {
            if let Some(path) = self.files.get(file) {
                add(lines.0.entry(path.clone()).or_default());
            }
        };
        for start in &self.lines {
            let hit = covered.contains(&start.address);
            source(start.file, &|it| it.add_line(start.line, hit));
        }
        for function in &self.functions {
            let runs = |code: &Range<u64>| covered.range(code.clone()).next().is_some();
            let hit = function.code.iter().any(runs);
            source(function.file, &|it| {
                it.add_function(&function.name, function.line, hit);
            });
        }
        lines
    }
}

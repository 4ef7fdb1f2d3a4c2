//! [`Program`]: the code of an ELF file, and the lines and functions of its sources.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::blocks::InstructionSet;
use super::code::{Code, Function, LineStart};
use super::dwarf;
use super::error::NoLines;
use super::lcov::{Lines, Source};
use super::sources::Sources;
use crate::files::{self, LARGEST_IMAGE};

/// What a memory has where a program has its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Nothing that is known.
    Elsewhere,
    /// The same code, as far as it is known.
    Same,
    /// Other code: that of another program, or of another build.
    Other,
}

/// The code of an ELF file, and its lines as far as they are in the project's own sources.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    set: InstructionSet,
    code: Code,
    /// The paths of the sources.
    files: Vec<String>,
    lines: Vec<LineStart>,
    functions: Vec<Function>,
}

impl Program {
    /// Reads the ELF file at `path`.
    pub(super) fn read(path: &Path, sources: &Sources<'_>) -> Result<Self, NoLines> {
        let unreadable = |why: String| NoLines::Unreadable {
            path: path.to_owned(),
            why,
        };
        let bytes = files::read(path, LARGEST_IMAGE).map_err(|e| unreadable(e.to_string()))?;
        let file = object::File::parse(&*bytes).map_err(|e| unreadable(e.to_string()))?;
        let set = InstructionSet::of(&file).ok_or_else(|| NoLines::Processor {
            path: path.to_owned(),
        })?;
        let code = Code::read(&file);
        let found = dwarf::read(&file, &code, sources).map_err(|e| unreadable(e.to_string()))?;
        if found.names == 0 {
            return Err(NoLines::NoDebugInformation {
                path: path.to_owned(),
            });
        }
        if let (false, Some(example)) = (found.has_own, found.foreign) {
            return Err(NoLines::ForeignSources {
                path: path.to_owned(),
                root: sources.root().to_owned(),
                example,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            set,
            code,
            files: found.files,
            lines: found.lines,
            functions: found.functions,
        })
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn set(&self) -> InstructionSet {
        self.set
    }

    pub(super) fn half_word(&self, address: u64) -> Option<u16> {
        self.code.half_word(address)
    }

    /// Returns at most `length` bytes of code from `address` on.
    pub(super) fn bytes(&self, address: u64, length: u64) -> &[u8] {
        self.code.bytes(address, length)
    }

    /// Compares the project's own code with a memory, which returns at most as many bytes from an
    /// address on. The rest is left out: a tool may have put a checksum between the vectors, or behind
    /// the code.
    pub(super) fn fit<'a>(&self, memory: impl Fn(u64, u64) -> &'a [u8]) -> Fit {
        let functions = self.functions.iter().flat_map(|it| it.code.iter().cloned());
        let lines = self.lines.iter().map(|it| it.address..it.address + 2);
        let mut fit = Fit::Elsewhere;
        for range in functions.chain(lines) {
            let own = self.bytes(range.start, range.end - range.start);
            let there = memory(range.start, own.len() as u64);
            if !own.starts_with(there) {
                return Fit::Other;
            }
            if !there.is_empty() {
                fit = Fit::Same;
            }
        }
        fit
    }

    /// Returns the lines and functions; hit are those with an instruction in `covered`.
    pub(super) fn lines(&self, covered: &BTreeSet<u64>) -> Lines {
        let mut sources = vec![Source::default(); self.files.len()];
        for start in &self.lines {
            let hit = covered.contains(&start.address);
            sources[start.file].add_line(start.line, hit);
        }
        for function in &self.functions {
            let runs = |code: &Range<u64>| covered.range(code.clone()).next().is_some();
            let hit = function.code.iter().any(runs);
            sources[function.file].add_function(&function.name, function.line, hit);
        }
        let named = self.files.iter().cloned().zip(sources);
        Lines(named.filter(|(_, source)| !source.is_empty()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CoverageConfig;

    fn read(path: &Path) -> Result<Program, NoLines> {
        let config = CoverageConfig::default();
        Program::read(
            path,
            &Sources::new("firmware-samples".into(), path, &config),
        )
    }

    /// What is left out begins at 0, as this image does.
    #[test]
    fn what_the_linker_leaves_out_is_no_code() {
        let samples = Path::new("firmware-samples");
        let program = read(&samples.join("prebuilt/loader/loader.elf")).unwrap();
        let lines = program.lines(&BTreeSet::from([0x54]));
        let path = samples.join("loader/loader.c").canonicalize().unwrap();
        let source = &lines.0[path.to_str().unwrap()];
        let functions = source
            .functions
            .iter()
            .map(|(name, (_, hit))| (name.as_str(), *hit));
        let linked = [
            ("HardFault_Handler", false),
            ("SysTick_Handler", false),
            ("main", true),
            ("refuse", false),
        ];
        assert_eq!(Vec::from_iter(functions), linked);
        let text = std::fs::read_to_string(&path).unwrap();
        let line =
            |text: &str, part| text.lines().position(|it| it.contains(part)).unwrap() as u32 + 1;
        let (update, refuse) = (line(&text, "void update("), line(&text, "void refuse("));
        assert_eq!(source.lines.range(update..refuse).count(), 0, "{source:?}");
        assert!(source.lines[&(line(&text, "int main(") + 2)], "{source:?}");
    }

    #[test]
    fn code_of_larger_processors_is_not_followed() {
        let sample = Path::new("firmware-samples/prebuilt/loader/app.elf");
        let mut bytes = std::fs::read(sample).unwrap();
        // The symbol where Thumb code begins.
        let at = bytes.windows(4).position(|it| it == b"\0$t\0").unwrap();
        bytes[at + 2] = b'a';
        let changed = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(changed.path(), bytes).unwrap();
        let error = read(changed.path()).unwrap_err().to_string();
        assert!(error.contains("is not for a Cortex-M or "), "{error}");
        assert!(read(sample).is_ok());
    }
}

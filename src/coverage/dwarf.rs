//! The lines and functions in the debug information of an ELF file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, LineProgramHeader, Reader as _, Unit, UnitRef,
};

use super::code::{Code, Function, LineStart};
use super::sources::Sources;
use crate::debug::{DwarfReader, load_dwarf};

type Entry = DebuggingInformationEntry<DwarfReader>;

/// The number of entries that an entry may refer to, one by the other.
const MOST_ORIGINS: usize = 16;

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The paths of the project's own sources.
    pub(super) files: Vec<String>,
    pub(super) lines: Vec<LineStart>,
    pub(super) functions: Vec<Function>,
    /// The number of sources that are named.
    pub(super) names: usize,
    /// Set if one of them is the project's own, excluded or not.
    pub(super) has_own: bool,
    /// The first source that is not the project's own.
    pub(super) foreign: Option<PathBuf>,
}

/// Reads the debug information of `file`; lines and functions outside of `code` were not linked.
pub(super) fn read(
    file: &object::File<'_>,
    code: &Code,
    sources: &Sources<'_>,
) -> gimli::Result<Found> {
    let dwarf = load_dwarf(file)?;
    let mut units = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        units.push(dwarf.unit(header)?);
    }
    let mut reading = Reading {
        dwarf: &dwarf,
        units: &units,
        code,
        sources,
        known: HashMap::new(),
        found: Found::default(),
    };
    for unit in &units {
        reading.read_lines(unit.unit_ref(&dwarf))?;
        reading.read_functions(unit.unit_ref(&dwarf))?;
    }
    Ok(reading.found)
}

struct Reading<'a> {
    dwarf: &'a Dwarf<DwarfReader>,
    units: &'a [Unit<DwarfReader>],
    code: &'a Code,
    sources: &'a Sources<'a>,
    /// The indices of the sources that were named before; none for those that are left out.
    known: HashMap<PathBuf, Option<usize>>,
    found: Found,
}

impl<'a> Reading<'a> {
    fn read_lines(&mut self, unit: UnitRef<'_, DwarfReader>) -> gimli::Result<()> {
        let Some(program) = unit.line_program.clone() else {
            return Ok(());
        };
        let mut files = HashMap::new();
        let mut rows = program.rows();
        let mut sequence: Vec<LineStart> = Vec::new();
        let mut begin = None;
        while let Some((header, row)) = rows.next_row()? {
            // The rest of a sequence that was not linked may look as if it were in a section.
            let is_linked = self.code.contains(*begin.get_or_insert(row.address()));
            if row.end_sequence() {
                let end = row.address();
                let code = self.code;
                let inside = |it: &LineStart| it.address < end && code.contains(it.address);
                let linked = sequence.drain(..).filter(|it| is_linked && inside(it));
                self.found.lines.extend(linked);
                begin = None;
                continue;
            }
            let number = row.file_index();
            let file = match files.get(&number) {
                Some(file) => *file,
                None => {
                    let file = self.file(unit, header, number)?;
                    files.insert(number, file);
                    file
                }
            };
            // A debugger would stop at this place for the line.
            if row.is_stmt()
                && let (Some(file), Some(line)) = (file, row.line())
                && let Ok(line) = u32::try_from(line.get())
            {
                let address = row.address();
                sequence.push(LineStart {
                    address,
                    file,
                    line,
                });
            }
        }
        Ok(())
    }

    fn read_functions(&mut self, unit: UnitRef<'_, DwarfReader>) -> gimli::Result<()> {
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            if !matches!(
                entry.tag(),
                gimli::DW_TAG_subprogram | gimli::DW_TAG_inlined_subroutine
            ) {
                continue;
            }
            let mut code = Vec::new();
            let mut ranges = unit.die_ranges(entry)?;
            while let Some(range) = ranges.next()? {
                if range.begin < range.end && self.code.contains(range.begin) {
                    code.push(range.begin..range.end);
                }
            }
            if code.is_empty() {
                continue;
            }
            if let Some((name, file, line)) = self.declaration(unit, entry)? {
                self.found.functions.push(Function {
                    name,
                    file,
                    line,
                    code,
                });
            }
        }
        Ok(())
    }

    /// Returns the name of a function, and where it is declared, if that is an own source.
    fn declaration(
        &mut self,
        unit: UnitRef<'_, DwarfReader>,
        entry: &Entry,
    ) -> gimli::Result<Option<(String, usize, u32)>> {
        let (mut name, mut file, mut line) = (None, None, None);
        let mut next = Some((unit, entry.clone()));
        let mut origins = 0;
        while let Some((unit, entry)) = next
            && origins < MOST_ORIGINS
        {
            origins += 1;
            for attribute in [gimli::DW_AT_linkage_name, gimli::DW_AT_name] {
                if let (None, Some(value)) = (&name, entry.attr_value(attribute)) {
                    name = Some(unit.attr_string(value)?);
                }
            }
            if let (None, Some(AttributeValue::FileIndex(number)), Some(program)) = (
                file,
                entry.attr_value(gimli::DW_AT_decl_file),
                &unit.line_program,
            ) {
                file = Some(self.file(unit, program.header(), number)?);
            }
            let declared = entry.attr_value(gimli::DW_AT_decl_line);
            line = line.or(declared.and_then(|it| it.udata_value()));
            let origin = [gimli::DW_AT_abstract_origin, gimli::DW_AT_specification]
                .iter()
                .find_map(|it| entry.attr_value(*it));
            next = match origin {
                Some(AttributeValue::UnitRef(offset)) => Some((unit, unit.entry(offset)?)),
                Some(AttributeValue::DebugInfoRef(offset)) => self.entry_at(offset)?,
                _ => None,
            };
        }
        let (Some(name), Some(Some(file)), Some(Ok(line))) = (name, file, line.map(u32::try_from))
        else {
            return Ok(None);
        };
        let name = name.to_string_lossy()?.into_owned();
        let name = addr2line::demangle_auto(Cow::from(name), None).into_owned();
        Ok(Some((name, file, line)))
    }

    /// Returns an entry of any unit, as optimisation of the whole program makes them refer to.
    fn entry_at(
        &self,
        offset: gimli::DebugInfoOffset,
    ) -> gimli::Result<Option<(UnitRef<'a, DwarfReader>, Entry)>> {
        for unit in self.units {
            if let Some(offset) = offset.to_unit_offset(&unit.header) {
                return Ok(Some((unit.unit_ref(self.dwarf), unit.entry(offset)?)));
            }
        }
        Ok(None)
    }

    /// Returns the index of the source with a number in a line program, if it is an own one.
    fn file(
        &mut self,
        unit: UnitRef<'_, DwarfReader>,
        header: &LineProgramHeader<DwarfReader>,
        number: u64,
    ) -> gimli::Result<Option<usize>> {
        let Some(file) = header.file(number) else {
            return Ok(None);
        };
        let text = |value| -> gimli::Result<String> {
            Ok(unit.attr_string(value)?.to_string_lossy()?.into_owned())
        };
        let mut path = PathBuf::new();
        if let Some(directory) = &unit.comp_dir {
            path.push(directory.to_string_lossy()?.as_ref());
        }
        // Directory 0 is that of the unit again.
        if let Some(directory) = file
            .directory(header)
            .filter(|_| file.directory_index() != 0)
        {
            path.push(text(directory)?);
        }
        path.push(text(file.path_name())?);
        if let Some(known) = self.known.get(&path) {
            return Ok(*known);
        }
        let found = &mut self.found;
        found.names += 1;
        let index = match self.sources.own(&path) {
            Some(own) => {
                found.has_own = true;
                own.map(|path| match found.files.iter().position(|it| *it == path) {
                    Some(known) => known,
                    None => {
                        found.files.push(path);
                        found.files.len() - 1
                    }
                })
            }
            None => {
                found.foreign.get_or_insert_with(|| path.clone());
                None
            }
        };
        self.known.insert(path, index);
        Ok(index)
    }
}

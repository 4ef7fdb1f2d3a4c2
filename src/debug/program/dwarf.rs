//! The DWARF sections of an ELF file: lines, inlined functions, and call frame information.

use std::sync::Arc;

use gimli::{
    BaseAddresses, DebugFrame, EhFrame, EndianArcSlice, RunTimeEndian, Section, UnwindContext,
    UnwindSection, UnwindTableRow,
};
use object::read::{Object, ObjectSection};

use crate::debug::frame::Frame;

/// A reader of debug information.
pub(crate) type DwarfReader = EndianArcSlice<RunTimeEndian>;

/// The rules by which the registers of a caller are found.
pub(in crate::debug) struct CallFrame {
    pub(in crate::debug) row: UnwindTableRow<usize>,
    /// The number of the register that holds the return address.
    pub(in crate::debug) return_address: gimli::Register,
}

/// The debug information of one file.
pub(super) struct Dwarf {
    info: Option<Arc<gimli::Dwarf<DwarfReader>>>,
    lines: Option<addr2line::Context<DwarfReader>>,
    debug_frame: Option<DebugFrame<DwarfReader>>,
    eh_frame: Option<EhFrame<DwarfReader>>,
    bases: BaseAddresses,
}

impl Dwarf {
    pub(super) fn read(file: &object::File<'_>) -> Self {
        let section = |name| Some(section(file, name)).filter(|data| !data.is_empty());
        let info = section(".debug_info").and_then(|_| Some(Arc::new(load_dwarf(file).ok()?)));
        let lines = info.clone();
        let lines = lines.and_then(|it| addr2line::Context::from_arc_dwarf(it).ok());
        let address = |name: &str| file.section_by_name(name).map_or(0, |it| it.address());
        let size = if file.is_64() { 8 } else { 4 };
        let mut debug_frame =
            section(DebugFrame::<DwarfReader>::section_name()).map(DebugFrame::from);
        let mut eh_frame = section(EhFrame::<DwarfReader>::section_name()).map(EhFrame::from);
        if let Some(frame) = &mut debug_frame {
            frame.set_address_size(size);
        }
        if let Some(frame) = &mut eh_frame {
            frame.set_address_size(size);
        }
        Self {
            info,
            lines,
            debug_frame,
            eh_frame,
            bases: BaseAddresses::default()
                .set_eh_frame(address(".eh_frame"))
                .set_text(address(".text")),
        }
    }

    /// Returns true if the file names lines.
    pub(super) fn has_lines(&self) -> bool {
        self.lines.is_some()
    }

    /// Returns the functions at an address, the inlined ones first.
    pub(super) fn frames(&self, address: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        let Some(lines) = &self.lines else {
            return frames;
        };
        let Ok(mut found) = lines.find_frames(address).skip_all_loads() else {
            return frames;
        };
        while let Ok(Some(frame)) = found.next()
            && frames.len() < MOST_INLINED
        {
            let location = frame.location.as_ref();
            let name = frame.function.as_ref();
            frames.push(Frame {
                address,
                function: name.and_then(|it| Some(it.demangle().ok()?.into_owned())),
                file: location.and_then(|it| Some(it.file?.to_owned())),
                line: location.and_then(|it| it.line),
                certain: true,
            });
        }
        frames
    }

    /// Returns all of the debug information.
    pub(super) fn info(&self) -> Option<&gimli::Dwarf<DwarfReader>> {
        self.info.as_deref()
    }

    /// Returns the rules for the caller of the code at an address.
    pub(super) fn call_frame(&self, address: u64) -> Option<CallFrame> {
        let debug = self.debug_frame.as_ref();
        debug
            .and_then(|it| call_frame(it, &self.bases, address))
            .or_else(|| call_frame(self.eh_frame.as_ref()?, &self.bases, address))
    }
}

/// Loads the debug information of a little-endian file.
pub(crate) fn load_dwarf(file: &object::File<'_>) -> gimli::Result<gimli::Dwarf<DwarfReader>> {
    gimli::Dwarf::load(|id| Ok(section(file, id.name())))
}

/// Returns a section's data; none if the file does not have it, or has a damaged one.
fn section(file: &object::File<'_>, name: &str) -> DwarfReader {
    let data = file.section_by_name(name);
    let data = data.and_then(|it| it.uncompressed_data().ok());
    let data = Arc::from(data.as_deref().unwrap_or_default());
    EndianArcSlice::new(data, RunTimeEndian::Little)
}

/// The largest number of functions that are inlined at one place.
const MOST_INLINED: usize = 32;

fn call_frame<S: UnwindSection<DwarfReader>>(
    section: &S,
    bases: &BaseAddresses,
    address: u64,
) -> Option<CallFrame> {
    let fde = section.fde_for_address(bases, address, S::cie_from_offset);
    let fde = fde.ok()?;
    let mut context = UnwindContext::new();
    let row = fde.unwind_info_for_address(section, bases, &mut context, address);
    Some(CallFrame {
        row: row.ok()?.clone(),
        return_address: fde.cie().return_address_register(),
    })
}

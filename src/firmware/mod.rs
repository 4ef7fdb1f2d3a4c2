//! Firmware images: detects an image's format and architecture, and checks that the file is
//! complete. A bad image is an error before anything starts.
//!
//! [`Firmware`] is a checked image. For the backends, which load images, `stage` copies a file to
//! a safe name, and `Contents` is the memory that an image fills.
//!
//! ```no_run
//! use virtual_target::firmware::{Architecture, Firmware, Format};
//!
//! let firmware = Firmware::open("build/shell.elf")?;
//! assert_eq!(firmware.format(), Format::Elf);
//! firmware.check_architecture(Architecture::Arm, "netduinoplus2")?;
//! # Ok::<(), virtual_target::firmware::FirmwareError>(())
//! ```

mod architecture;
mod contents;
mod elf;
mod error;
mod format;
mod probe;
mod records;
mod same_program;
mod snapshot;
mod symbols;
mod vectors;

pub use architecture::Architecture;
pub use error::{
    ElfPart, FirmwareError, FirmwareErrorKind, ForeignFile, ImageProblem, RecordProblem,
};
pub use format::Format;
pub use probe::Firmware;
pub(crate) use same_program::Difference;
pub(crate) use snapshot::stage;
pub(crate) use symbols::Symbol;
pub(crate) use vectors::{Contents, Entry, bytes_at};

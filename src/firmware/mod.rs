//! Firmware images: what kind of file one is, what it is built for, and
//! whether it is whole. A bad image is an error before anything starts.
//!
//! This module knows files; it knows nothing of emulators and how they load them.
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
mod snapshot;
mod vectors;

pub use architecture::Architecture;
pub use error::FirmwareError;
pub use format::Format;
pub use probe::Firmware;
pub(crate) use snapshot::stage;
pub(crate) use vectors::{Contents, Entry};

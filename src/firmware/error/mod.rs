//! The errors of firmware images, as data, and all their texts. The readers pass only data.
//!
//! [`FirmwareError`] has the image's path and a [`FirmwareErrorKind`]; [`ImageProblem`] and
//! [`RecordProblem`] are what the readers of the formats find.

mod image;
mod kind;
mod problem;

pub use image::FirmwareError;
pub(super) use image::Flaw;
pub use kind::{FirmwareErrorKind, ForeignFile};
pub use problem::{ElfPart, ImageProblem, RecordProblem};

//! The context of an error: the engine, the step of a boot, the field of the description.

use std::path::Path;

use crate::backend::EmulatorError;
use crate::config::{BackendKind, TargetConfig};

pub(crate) const KIND: BackendKind = BackendKind::Renode;

pub(crate) const SETTING_UP: &str = "setting up the board";
pub(crate) const SELECTING: &str = "selecting a machine";
pub(crate) const LOADING: &str = "loading the firmware";
pub(crate) const RESETTING: &str = "resetting the board";

/// Returns the place of an error that the firmware in `file` causes.
pub(crate) fn of_firmware(file: &Path) -> String {
    format!("firmware {file:?}")
}

/// Adds a place to an error.
pub(crate) fn at(place: String, error: EmulatorError) -> EmulatorError {
    let source = Box::new(error);
    EmulatorError::At { place, source }
}

/// Adds to an error the place of the `field` that causes it.
pub(crate) fn in_field(
    config: &TargetConfig,
    field: &str,
) -> impl Fn(EmulatorError) -> EmulatorError {
    move |error| at(config.place(field).to_string(), error)
}

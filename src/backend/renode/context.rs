//! The context of an error: the engine, the step of a boot, the field of the description.

use std::path::Path;

use crate::backend::EmulatorError;
use crate::backend::error::ErrorPlace;
use crate::config::{BackendKind, TargetConfig};

pub(crate) const KIND: BackendKind = BackendKind::Renode;

pub(crate) const SETTING_UP: &str = "setting up the board";
pub(crate) const SELECTING: &str = "selecting a machine";
pub(crate) const LOADING: &str = "loading the firmware";
pub(crate) const RESETTING: &str = "resetting the board";

/// Returns the place of an error that the firmware in `file` causes.
pub(crate) fn of_firmware(file: &Path) -> ErrorPlace {
    let path = file.to_owned();
    ErrorPlace::Firmware { path }
}

/// Adds to an error the place of the `field` that causes it.
pub(crate) fn in_field(
    config: &TargetConfig,
    field: &str,
) -> impl Fn(EmulatorError) -> EmulatorError {
    move |error| error.at(ErrorPlace::Field(config.place(field)))
}

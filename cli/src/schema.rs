//! `vtarget schema`.

use std::process::ExitCode;

use crate::failure::Outcome;
use crate::output;

/// Prints the JSON Schema of board files, for editors
#[derive(clap::Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Outcome {
        output::line(virtual_target::config::json_schema().trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

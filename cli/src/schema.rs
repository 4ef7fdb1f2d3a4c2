//! `vtarget schema`.

use std::process::ExitCode;

use crate::failure::Outcome;

/// Prints the JSON Schema of board files, for editors
#[derive(clap::Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Outcome {
        print!("{}", virtual_target::config::json_schema());
        Ok(ExitCode::SUCCESS)
    }
}

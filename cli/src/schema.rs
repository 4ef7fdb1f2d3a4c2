//! `vtarget schema`.

use std::process::ExitCode;

/// Prints the JSON Schema of board files, for editors
#[derive(clap::Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> ExitCode {
        print!("{}", virtual_target::config::json_schema());
        ExitCode::SUCCESS
    }
}

//! `vtarget coverage`.

use std::process::ExitCode;

use virtual_target::coverage::CoverageReport;

use crate::failure::{Failure, Outcome};
use crate::output;

/// Prints which lines of the firmware have run in the last tests with coverage, by sources
#[derive(clap::Args)]
#[command(after_help = "\
Run the tests with VTARGET_COVERAGE=1 first. The file virtual-target/coverage/lcov.info in Cargo's
target directory has the lines: `genhtml` makes pages of it, and Codecov and editors read it.

Exit codes: 0 success, 1 no coverage or less than N percent, 2 wrong arguments")]
pub(crate) struct Coverage {
    /// Fail if less than N percent of all lines have run
    #[arg(long, value_name = "N")]
    fail_under: Option<f64>,
}

impl Coverage {
    pub(crate) fn run(self) -> Outcome {
        let report =
            CoverageReport::of_last_run(".").map_err(|error| Failure(error.kind().to_string()))?;
        output::line(&report)?;
        match self.fail_under {
            Some(least) if report.percent() < least => Err(Failure(format!(
                "{:.1} percent of the lines have run, less than {least}",
                report.percent()
            ))),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

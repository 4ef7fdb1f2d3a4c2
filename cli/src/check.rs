//! `vtarget check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use virtual_target::{EmulatorErrorKind, ErrorKind, VirtualTarget};

use crate::colours::good;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Checks board files: all that can be said before a boot
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 every file is good, 1 one is refused, 2 wrong arguments")]
pub(crate) struct Check {
    /// The board files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Boot each board, too, and turn it off again
    #[arg(long)]
    boot: bool,
    /// Print a line of JSON for each file: `file`, `ok`, `message`
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> Outcome {
        let mut code = ExitCode::SUCCESS;
        for file in &self.files {
            let checked = self.check(file);
            if checked.is_err() {
                code = ExitCode::FAILURE;
            }
            if self.json {
                let message = match &checked {
                    Ok(remark) => remark.as_ref(),
                    Err(Failure(why)) => Some(why),
                };
                let file = file.to_string_lossy();
                output::line(json!({"file": file, "ok": checked.is_ok(), "message": message}))?;
                continue;
            }
            let file = file.display();
            match checked {
                Ok(None) => output::line(format_args!("{file}: {}", good("good")))?,
                Ok(Some(remark)) => {
                    output::line(format_args!("{file}: {}; {remark}", good("good")))?;
                }
                Err(Failure(why)) => output::complain(why),
            }
        }
        Ok(code)
    }

    /// Checks one file; returns a remark if there is one.
    fn check(&self, file: &Path) -> Result<Option<String>, Failure> {
        let builder = VirtualTarget::from_yaml(file).without_artifacts();
        if self.boot {
            builder.boot().wait()?.shutdown().wait()?;
            return Ok(None);
        }
        match builder.build() {
            Ok(_) => Ok(None),
            // The file is not to blame.
            Err(error) => match error.kind() {
                ErrorKind::Emulator(why)
                    if matches!(why.kind(), EmulatorErrorKind::NotFound { .. }) =>
                {
                    Ok(Some(why.to_string()))
                }
                _ => Err(error.into()),
            },
        }
    }
}

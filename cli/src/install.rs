//! `vtarget install`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::failure::{Failure, Outcome};

/// The one place that knows Renode's archives and their checksums.
const SCRIPT: &str = include_str!("../../scripts/install-renode");

/// Installs Renode for this user, where the library looks for it
///
/// Downloads the official portable build, checks its SHA-256, and unpacks it into the cache. An
/// interrupted download is continued.
#[derive(clap::Args)]
#[command(after_help = "\
VTARGET_RENODE_URL names another place to download from.

Exit codes: 0 it is installed, 1 it is not, 2 wrong arguments")]
pub(crate) struct Install {
    /// Install a file that was downloaded elsewhere
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Another version
    #[arg(long, requires = "sha256")]
    version: Option<String>,
    /// The checksum of the file
    #[arg(long, value_name = "SUM")]
    sha256: Option<String>,
    /// Only report, by the exit code, whether it is installed
    #[arg(long)]
    installed: bool,
}

impl Install {
    pub(crate) fn run(self) -> Outcome {
        let mut script = Command::new("/bin/sh");
        script.args(["-c", SCRIPT, "install-renode"]);
        if let Some(from) = self.from {
            script.arg("--from").arg(from);
        }
        for (option, value) in [("--version", self.version), ("--sha256", self.sha256)] {
            script.args(
                value
                    .into_iter()
                    .flat_map(|value| [option.to_owned(), value]),
            );
        }
        if self.installed {
            script.arg("--installed");
        }
        let status = script.status();
        let status = status.map_err(|error| Failure(format!("cannot run /bin/sh: {error}")))?;
        Ok(ExitCode::from(u8::from(!status.success())))
    }
}

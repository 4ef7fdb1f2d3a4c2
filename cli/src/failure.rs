//! [`Failure`]: the text of a failed command.

use std::process::ExitCode;

/// The result of a command: its exit code, or why it failed.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// The message of a command that failed.
pub(crate) struct Failure(pub(crate) String);

impl From<virtual_target::Error> for Failure {
    fn from(error: virtual_target::Error) -> Self {
        // Without the place in a test, which would be a place in this program.
        Self(error.kind().to_string())
    }
}

impl From<virtual_target::config::ConfigError> for Failure {
    fn from(error: virtual_target::config::ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

//! [`Policy`]: the cases in which artifacts are kept, from `VTARGET_ARTIFACTS`.

use crate::config::{ConfigError, EnvVariable};

const VARIABLE: EnvVariable = EnvVariable::Artifacts;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Always,
    Failure,
    Never,
}

impl Policy {
    pub(super) fn from_environment() -> Result<Self, ConfigError> {
        let value = std::env::var_os(VARIABLE.name()).unwrap_or_default();
        match value.to_str() {
            Some("always") => Ok(Self::Always),
            Some("" | "failure") => Ok(Self::Failure),
            Some("never") => Ok(Self::Never),
            _ => Err(ConfigError::environment(VARIABLE, &value)),
        }
    }
}

//! [`env_flag`]: an environment variable that turns something on or off.

use super::error::{ConfigError, EnvVariable};

/// Returns whether `variable` is `1` or `0`; `None` if it is not set, or empty.
///
/// # Errors
/// It has another value.
pub(crate) fn env_flag(variable: EnvVariable) -> Result<Option<bool>, ConfigError> {
    let value = std::env::var_os(variable.name()).unwrap_or_default();
    match value.to_str() {
        Some("") => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        _ => Err(ConfigError::environment(variable, &value)),
    }
}

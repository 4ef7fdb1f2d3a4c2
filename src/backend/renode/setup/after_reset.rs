//! Repeating the user's commands after each reset of a machine without firmware of the
//! harness: one that has its own `reset` macro, from a script for instance.
//!
//! [`after_reset`] installs a handler inside Renode, so a reset that the guest asks for is
//! handled as well.

use crate::backend::EmulatorError;
use crate::backend::renode::context::{KIND, SETTING_UP};
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::session::{Session, plain};

const SCRIPT: &str = include_str!("after_reset.py");

/// Makes the selected machine run `command` after each reset.
pub(crate) async fn after_reset(
    session: &Session,
    command: MonitorCommand,
) -> Result<(), EmulatorError> {
    let script = session.directory().join("after_reset.py");
    std::fs::write(&script, SCRIPT)
        .map_err(|source| EmulatorError::io(KIND, "handing a script to Renode", source))?;
    let include = MonitorCommand::include(&plain(&script)?);
    session.run_all(SETTING_UP, &[include, command]).await?;
    Ok(())
}

//! Finding Renode.

use std::path::PathBuf;

use super::KIND;
use crate::backend::{EmulatorError, executable};

/// The version that `scripts/install-renode` installs.
const INSTALLED: &str = "1.16.1";

/// What `VTARGET_RENODE` names, else `renode` in `PATH`, else what
/// `scripts/install-renode` has put into the user's cache.
pub(crate) fn find() -> Result<PathBuf, EmulatorError> {
    let installed = cache().map(|cache| {
        let name = format!("renode-{INSTALLED}");
        cache.join("virtual-target").join(name).join("renode")
    });
    executable::find("VTARGET_RENODE", "renode", installed).map_err(
        |executable::NotThere(looked)| EmulatorError::NotFound {
            kind: KIND,
            looked,
            advice: "run scripts/install-renode, or set VTARGET_RENODE to its program",
        },
    )
}

/// The directory for what can be fetched again, as the system defines it.
fn cache() -> Option<PathBuf> {
    let set = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    set("XDG_CACHE_HOME").or_else(|| {
        let home = set("HOME")?;
        Some(home.join(if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        }))
    })
}

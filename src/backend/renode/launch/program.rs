//! Finding Renode.

use std::path::PathBuf;

use crate::backend::renode::context::KIND;
use crate::backend::{EmulatorError, EmulatorErrorKind, executable};

/// The version that `scripts/install-renode` installs.
const INSTALLED: &str = "1.16.1";

/// Returns the program that `VTARGET_RENODE` names, else `renode` in `PATH`, else the one that
/// `scripts/install-renode` has put into the user's cache.
pub(crate) fn find() -> Result<PathBuf, EmulatorError> {
    let installed = cache().map(|cache| {
        let name = format!("renode-{INSTALLED}");
        cache.join("virtual-target").join(name).join("renode")
    });
    executable::find("VTARGET_RENODE", "renode", installed).map_err(|looked| {
        EmulatorError::new(
            KIND,
            EmulatorErrorKind::NotFound {
                program: "renode".to_owned(),
                looked,
            },
        )
    })
}

/// Returns the user's directory for files that can be fetched again, as the system defines it.
pub(crate) fn cache() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    set.and_then(absolute).or_else(|| {
        // If `HOME` is not set, as with some runners of CI, the system knows the directory.
        let home = std::env::home_dir().and_then(absolute)?;
        Some(home.join(if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        }))
    })
}

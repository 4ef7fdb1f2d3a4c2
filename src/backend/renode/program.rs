//! Finding Renode, and telling whether it is one that works.

use std::path::PathBuf;

use super::KIND;
use crate::backend::{EmulatorError, executable};

/// The version that `scripts/install-renode` installs.
const INSTALLED: &str = "1.16.1";

/// The oldest version whose console works through pipes on every runtime.
const OLDEST: (u32, u32) = (1, 14);

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

/// The version in what Renode says of itself: `Renode, version 1.16.1 (…)`.
pub(super) fn version(banner: &str) -> Option<String> {
    let (_, rest) = banner.split_once("Renode, version ")?;
    let version = rest.split([' ', '\n']).next()?;
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| version.to_owned())
}

/// Whether `version` is too old to be driven.
pub(super) fn too_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    });
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_banner() {
        let banner = "Renode, version 1.16.1 (d66b0c2a-202611221651)\n\n";
        assert_eq!(version(banner).unwrap(), "1.16.1");
        assert_eq!(version("Welcome!\n"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        for old in ["1.9.0", "1.13.3", "0.99", "1.13.3.25732"] {
            assert!(too_old(old), "{old}");
        }
        for good in ["1.14.0", "1.16.1", "2.0", "1.15.3.1234", "1.14-beta"] {
            assert!(!too_old(good), "{good}");
        }
    }
}

//! Finds an emulator's program: by an environment variable, else in `PATH`, else at the path of
//! the project's own installation.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::{NotThere, ProgramFlaw};

/// Returns the program that the environment variable `variable` names, else the first `name` in
/// `PATH`, else `installed`.
pub(super) fn find(
    variable: &'static str,
    name: &str,
    installed: Option<PathBuf>,
) -> Result<PathBuf, NotThere> {
    if let Some(named) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        let path = std::path::absolute(&named).unwrap_or_else(|_| PathBuf::from(&named));
        return match flaw(&path) {
            None => Ok(path),
            Some(flaw) => Err(NotThere::Named {
                variable,
                value: named,
                flaw,
            }),
        };
    }
    if let Some(found) = in_path(Path::new(name)) {
        return Ok(found);
    }
    let installed = match installed {
        Some(installed) => match flaw(&installed) {
            None => return Ok(installed),
            Some(flaw) => Some((installed, flaw)),
        },
        None => None,
    };
    Err(NotThere::Nowhere {
        name: name.to_owned(),
        variable,
        installed,
    })
}

/// Returns the program `named`: an absolute path, or a name to find in `PATH`.
pub(super) fn locate(named: &Path) -> Result<PathBuf, NotThere> {
    if named.is_absolute() {
        return check(named);
    }
    in_path(named).ok_or_else(|| NotThere::NotInPath {
        name: named.to_owned(),
    })
}

/// Returns true if a directory of `PATH` has this program.
pub(crate) fn is_in_path(name: &str) -> bool {
    in_path(Path::new(name)).is_some()
}

/// Returns the program at a path.
pub(super) fn check(path: &Path) -> Result<PathBuf, NotThere> {
    match flaw(path) {
        None => Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        Some(flaw) => Err(NotThere::Path {
            path: path.to_owned(),
            flaw,
        }),
    }
}

fn in_path(name: &Path) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(name))
        .find(|candidate| flaw(candidate).is_none())
        .and_then(|found| std::path::absolute(found).ok())
}

/// Returns the reason why `path` is not executable, or `None` if it is.
fn flaw(path: &Path) -> Option<ProgramFlaw> {
    match std::fs::metadata(path) {
        Err(_) => Some(ProgramFlaw::Missing),
        Ok(meta) if !meta.is_file() => Some(ProgramFlaw::NotAFile),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Some(ProgramFlaw::NotExecutable),
        Ok(_) => None,
    }
}
